"""Envelope paths: what is a mailbox, and what only looks like one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.wire.path import NotAscii, PathError, check_mailbox, split_path


@pytest.mark.parametrize(
    ("argument", "path", "parameters"),
    [
        ("<a@b.example>", "a@b.example", {}),
        (
            " <a@b.example> SIZE=10 body=8bitmime ",
            "a@b.example",
            {"SIZE": "10", "BODY": "8bitmime"},
        ),
        ("<>", "", {}),
        ('<"a> b"@c.example> SMTPUTF8', '"a> b"@c.example', {"SMTPUTF8": None}),
        ("<a@b> AUTH=<>", "a@b", {"AUTH": "<>"}),
    ],
)
def test_split_path(argument: str, path: str, parameters: dict[str, str | None]) -> None:
    assert split_path(argument) == (path, parameters)


@pytest.mark.parametrize(
    "argument",
    [
        "",
        "a@b",
        "<a@b",
        "a@b>",
        "<a@b>x",
        "<<a@b>>",
        "<a@b> SIZE=1 size=2",
        "<a@b> =3",
        "<a@b> A=é",
    ],
)
def test_split_path_refuses(argument: str) -> None:
    with pytest.raises(PathError):
        split_path(argument)


@pytest.mark.parametrize(
    "address",
    [
        "a@b",
        "first.last+tag=x%y@sub.example.com",
        '"a b"@x.example',
        '"a@b"@x.example',
        "u@[192.0.2.1]",
        "u@[IPv6:2001:db8::1]",
        "x" * 64 + "@example.com",
        "u@xn--e1afmkfd.example",
        "u@under_score.example",
    ],
)
def test_good_mailboxes(address: str) -> None:
    assert check_mailbox(address, smtputf8=False) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "us!user",
        "@us:user@dom",
        "user@dom@us",
        "a..b@x",
        ".a@x",
        "a.@x",
        "a b@x",
        "a@x y",
        "a@x.",
        "a@.x",
        "a@-x",
        "a@x-",
        "a@b\r\nRCPT TO:<c@d>",
        "a\0@b",
        "a\x7f@b",
        '"a\nb"@x',
        "x" * 65 + "@example.com",
        "a@" + "x" * 64 + ".example",
        "a@" + "x." * 126 + "y",
        "u@[127.0.0.1",
        "u@[999.0.0.1]",
        "u@[IPv6:zz]",
        "a,b@x",
        "a@b,c@d",
        "a@b (comment)",
    ],
)
def test_bad_mailboxes(address: str) -> None:
    with pytest.raises(PathError):
        check_mailbox(address, smtputf8=True)


def test_international_mailboxes() -> None:
    address = "δοκιμή@παράδειγμα.δοκιμή"
    assert check_mailbox(address, smtputf8=True) == address
    with pytest.raises(NotAscii):
        check_mailbox(address, smtputf8=False)


@pytest.mark.parametrize(
    "trick", ["\u202e", "\u200b", "\u2028", "\x85", "\ud800", "\ufeff", "\u3000"]
)
def test_invisible_characters_are_refused(trick: str) -> None:
    with pytest.raises(PathError):
        check_mailbox(f"é{trick}a@b.example", smtputf8=True)


@given(st.text(max_size=60))
def test_what_passes_cannot_break_a_command(text: str) -> None:
    try:
        check_mailbox(text, smtputf8=True)
    except PathError:
        return
    assert text.isprintable() and split_path(f"<{text}>") == (text, {})
