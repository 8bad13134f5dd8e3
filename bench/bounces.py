"""`python -m bench.bounces DIRECTORY LABELS`: how well whole bounces are read and judged.

DIRECTORY holds one mail a file. LABELS is a table with tabs: file, category, reason, addresses
(with spaces between them); the last two may be empty, lines that begin with # are left out. What is
no bounce has the category `none`, a report of a delay `delayed`. Only sums are printed, so that
a corpus can be judged without being looked at; `--wrong` names the files that were misjudged.
"""

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from transactional import classify
from transactional.wire.arf import parse_arf
from transactional.wire.notice import read_notice

NO_BOUNCE = frozenset({"none", "auto_reply", "complaint", "delayed"})


@dataclass(frozen=True, slots=True)
class Label:
    """What a mail is, by whoever labelled it. `reason` and `addresses` may be empty: not judged."""

    file: str
    category: str
    reason: str = ""
    addresses: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a mail, and its CPU time; `error`: the exception that came out of it."""

    label: Label
    category: str
    reason: str
    address: str
    seconds: float  # of CPU
    error: str = ""


def labels(text: str) -> list[Label]:
    """The labels of a table. Raises ValueError where a line is no label."""
    found = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        file, category, *more = line.split("\t")
        if category not in {*classify.Category, *NO_BOUNCE}:
            raise ValueError(f"{file}: {category!r} is no category")
        reason = more[0] if more else ""
        addresses = more[1].lower().split() if len(more) > 1 else []
        found.append(Label(file, category, reason, frozenset(addresses)))
    return found


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
    yield f"recipient       {_share(sum(o.address in o.label.addresses for o in named), len(named))}"
    false = sum(one.category not in NO_BOUNCE for one in others)
    yield f"false bounces   {false} of {len(others)} mails that are none"
    yield f"exceptions      {sum(bool(one.error) for one in readings)}"
    yield f"ms per mail     {statistics.median(times):.2f} median, {times[-1]:.2f} at most"


def main() -> None:
    """Read the arguments, judge, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.bounces", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--wrong", action="store_true", help="name the files misjudged")
    asked = parser.parse_args()
    known = labels(asked.labels.read_text())
    readings = [_quickest(one, (asked.directory / one.file).read_bytes()) for one in known]
    print("\n".join(figures(readings)))
    for one in readings if asked.wrong else ():
        if one.category != one.label.category or one.error:
            print(
                f"{one.label.file}: {one.label.category} {one.label.reason}, "
                f"read as {one.category} {one.reason} {one.error}"
            )


if __name__ == "__main__":
    main()
