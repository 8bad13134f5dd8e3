import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional import suppression_files
from transactional.suppression_files import FileError, read, safe, write

HARD, COMPLAINT, MANUAL = "hard_bounce", "complaint", "manual"


@pytest.mark.parametrize(
    ("form", "text", "wanted"),
    [
        ("Amazon SES", "EmailAddress,Reason,LastUpdateTime\na@x.example,BOUNCE,1\n", (HARD, None)),
        ("Amazon SES", "EmailAddress,Reason\na@x.example,COMPLAINT\n", (COMPLAINT, None)),
        ("Postmark", "EmailAddress,SuppressionReason\na@x.example,HardBounce\n", (HARD, None)),
        (
            "Postmark",
            "EmailAddress,SuppressionReason\na@x.example,ManualSuppression\n",
            (MANUAL, None),
        ),
        (
            "SendGrid",
            "status,reason,email,created\n5.1.1,550 5.1.1 user unknown,a@x.example,1\n",
            (HARD, None),
        ),
        ("SendGrid", "reason,email,created\nMail domain unknown,a@x.example,1\n", (HARD, None)),
        ("SendGrid", "ip,email,created\n192.0.2.1,a@x.example,1\n", (COMPLAINT, None)),
        ("SendGrid", "email,created\na@x.example,1\n", (MANUAL, "marketing")),
        (
            "Mailgun",
            "address,code,error,created_at\na@x.example,550,No such user,1\n",
            (HARD, None),
        ),
        ("Mailgun", "address,tags,created_at\na@x.example,*,1\n", (MANUAL, "marketing")),
        ("Mailgun", "address,created_at\na@x.example,1\n", (COMPLAINT, None)),
        ("Postino", "address,reason,scope\na@x.example,complaint,all\n", (COMPLAINT, "all")),
        ("addresses", "\ufeffEmail\r\n A@X.example \r\n\r\n", (MANUAL, None)),
        ("addresses", 'address\n"a@x.example"\n', (MANUAL, None)),
    ],
)
def test_the_form_is_told_by_the_header(
    form: str, text: str, wanted: tuple[str, str | None]
) -> None:
    found = read(text.encode())
    assert found.form == form and not found.problems
    assert [(one.address, one.reason, one.scope) for one in found.entries] == [
        ("a@x.example", *wanted)
    ]


def test_a_refusal_of_the_sender_is_no_reason_to_suppress() -> None:
    found = read(
        b"status,reason,email,created\n"
        b"5.7.1,550 5.7.1 blocked using a list,a@x.example,1\n"
        b"5.1.1,550 unknown user,b@x.example,1\n"
    )
    assert [one.address for one in found.entries] == ["b@x.example"]
    assert [(one.line, one.code) for one in found.problems] == [(2, "block")]


def test_lines_that_are_wrong_are_told_and_the_others_read() -> None:
    found = read(
        b"address,reason,scope\nnonsense,manual,all\na@x.example,why,all\na@x.example,manual,some\n"
        b"a@x.example\na@x.example,manual,all\nA@x.example,manual,marketing\n"
    )
    codes = [(one.line, one.code) for one in found.problems]
    assert codes == [(2, "address"), (3, "reason"), (4, "scope"), (5, "cells")]
    assert [(one.address, one.scope) for one in found.entries] == [("a@x.example", "marketing")]
    assert found.skipped == 4


def test_problems_are_counted_but_not_all_told() -> None:
    found = read(b"email\n" + b"x\n" * 500)
    assert (len(found.problems), found.skipped) == (suppression_files.PROBLEMS_MAX, 500)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "header"),
        (b"name,phone\n", "header"),
        (b"\xff\xfea", "text"),
        (b"email\0\n", "text"),
        (b'email\n"a@x.example', "csv"),
        (b"email\n" + b"a@x.example\n" * 10_001, "rows"),
        (b"x" * (suppression_files.SIZE_MAX + 1), "size"),
    ],
)
def test_what_is_no_list(data: bytes, code: str) -> None:
    with pytest.raises(FileError, match=f"^{code}$"):
        read(data)


@given(st.binary(max_size=400))
def test_no_file_raises_anything_else(data: bytes) -> None:
    for head in (b"", b"email\n", b"status,reason,email,created\n"):
        try:
            read(head + data)
        except FileError:
            continue


@given(st.text(max_size=60))
def test_no_cell_begins_a_formula(cell: str) -> None:
    assert not safe(cell).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert safe(cell).endswith(cell)


def test_writing_comes_in_pieces() -> None:
    rows = [("a@x.example", "manual", "all", "x" * 1000, "", "2026-01-01")] * 100
    pieces = list(write(rows))
    assert len(pieces) > 3 and max(map(len, pieces)) < 20_000
    assert b"".join(pieces).count(b"\r\n") == 101


# As each service gives its list away: more columns, other orders, quotes, dates of its own
REAL = {
    "Amazon SES, own": ("Amazon SES", "a@x.example,BOUNCE\nb@x.example,COMPLAINT\n", (HARD, COMPLAINT)),
    "Amazon SES, listed": (
        "Amazon SES",
        "EmailAddress,Reason,LastUpdateTime\n"
        "a@x.example,BOUNCE,2026-10-02T09:13:20.120000+00:00\n"
        "b@x.example,COMPLAINT,2026-10-03T10:00:00+00:00\n",
        (HARD, COMPLAINT),
    ),
    "SendGrid bounces": (
        "SendGrid",
        'status,reason,email,created\r\n5.1.1,"550 5.1.1 The email account that you tried to reach does'
        ' not exist. Please try double-checking the recipient\'s email address",a@x.example,1727946800\r\n'
        '4.2.2,"452-4.2.2 The recipient\'s inbox is out of storage space",b@x.example,1727946801\r\n',
        (HARD, "soft_bounce"),
    ),
    "Mailgun bounces": (
        "Mailgun",
        "address,code,error,created_at\na@x.example,550,No Such User Here,"
        '"Thu, 02 Oct 2026 09:13:20 GMT"\nb@x.example,,,\n',
        (HARD, HARD),
    ),
    "Postmark": (
        "Postmark",
        "EmailAddress,SuppressionReason,Origin,CreatedAt\n"
        "a@x.example,HardBounce,Recipient,2026-10-02T08:58:33-05:00\n"
        "b@x.example,SpamComplaint,Recipient,2026-10-02T08:58:33-05:00\n",
        (HARD, COMPLAINT),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_files_as_the_services_give_them(name: str) -> None:
    form, text, reasons = REAL[name]
    found = read(text.encode())
    assert (found.form, found.problems) == (form, [])
    assert [one.reason for one in found.entries] == list(reasons)
    assert [one.address for one in found.entries] == ["a@x.example", "b@x.example"]
