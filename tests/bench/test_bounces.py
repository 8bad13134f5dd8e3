"""`python -m bench.bounces`: what it prints is what the mails are."""

import subprocess
import sys
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
        [sys.executable, "-m", "bench.bounces", str(tmp_path), str(labels)],
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
