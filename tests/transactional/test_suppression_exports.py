"""Lists for other services: what is theirs to take, and that it reads back as what it was."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional import suppression_files
from transactional.suppression_exports import FORMS, write

ADDED = "2026-11-25T18:00:00+00:00"
ROWS = [
    ("hard@x.example", "hard_bounce", "all", "550 5.1.1 no such user", "", ADDED),
    ("bare@x.example", "hard_bounce", "marketing", "", "", ADDED),
    ("odd@x.example", "hard_bounce", "all", "554 5.7.1 blocked using a list", "", ADDED),
    ("full@x.example", "soft_bounce", "all", "3 bounces, the last: 452 4.2.2 mailbox full", "", ADDED),
    ("spam@x.example", "complaint", "marketing", "Feedback report by x", "", ADDED),
    ("hand@x.example", "manual", "all", "=asked us", "", ADDED),
    ("news@x.example", "manual", "marketing", "", "", ADDED),
]  # fmt: skip
HARD = {"hard@x.example", "bare@x.example", "odd@x.example"}
WANTED = {
    "ses": {"hard_bounce": {*HARD, "full@x.example", "hand@x.example"}, "complaint": {"spam@x.example"}},
    "postmark": {
        "hard_bounce": HARD, "complaint": {"spam@x.example"},
        "manual": {"hand@x.example", "news@x.example"},
    },
    "sendgrid-bounces": {"hard_bounce": HARD, "soft_bounce": {"full@x.example"}},
    "sendgrid-spam": {"complaint": {"spam@x.example"}},
    "sendgrid-unsubscribes": {"manual": {"hand@x.example", "news@x.example"}},
    "mailgun-bounces": {"hard_bounce": HARD, "soft_bounce": {"full@x.example"}},
    "mailgun-complaints": {"complaint": {"spam@x.example"}},
    "mailgun-unsubscribes": {"manual": {"hand@x.example", "news@x.example"}},
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_each_file_reads_back_as_what_it_was(form: str) -> None:
    data = b"".join(write(ROWS, form))
    found = suppression_files.read(data)
    assert FORMS[form].name.startswith(found.form) and not found.problems
    got: dict[str, set[str]] = {}
    for one in found.entries:
        got.setdefault(str(one.reason), set()).add(one.address)
    assert got == WANTED[form]


def test_the_columns_are_those_that_the_services_name() -> None:
    heads = {
        key: next(csv.reader(io.StringIO(b"".join(write([], key)).decode())), []) for key in FORMS
    }
    assert heads["ses"] == []
    assert heads["postmark"] == ["EmailAddress", "SuppressionReason", "Origin", "CreatedAt"]
    assert heads["sendgrid-bounces"] == ["status", "reason", "email", "created"]
    assert heads["mailgun-bounces"] == ["address", "code", "error", "created_at"]
    (row,) = csv.reader(io.StringIO(b"".join(write(ROWS[:1], "ses")).decode()))
    assert row == ["hard@x.example", "BOUNCE"]


@given(st.text(max_size=300), st.sampled_from(["hard_bounce", "soft_bounce"]))
def test_whatever_the_evidence_a_bounce_stays_what_it_is(said: str, reason: str) -> None:
    row = ("a@x.example", reason, "all", said.replace("\0", ""), "", ADDED)
    for form in ("sendgrid-bounces", "mailgun-bounces"):
        (entry,) = suppression_files.read(b"".join(write([row], form))).entries
        assert entry.reason == reason


def test_large_lists_come_in_pieces() -> None:
    pieces = list(write(ROWS * 1000, "postmark"))
    assert len(pieces) > 3 and max(map(len, pieces)) < 20_000
