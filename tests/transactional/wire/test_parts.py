"""The part scanner: agrees with the standard library, and is not brought down by bombs."""

import email
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.wire import content_type
from transactional.wire.mime import MimeError
from transactional.wire.parts import scan


def nest(depth: int, leaf: bytes = b"\r\nx") -> bytes:
    out = leaf
    for level in reversed(range(depth)):
        mark = b"b%d" % level
        out = b"Content-Type: multipart/mixed; boundary=%b\r\n\r\n--%b\r\n%b\r\n--%b--" % (
            mark,
            mark,
            out,
            mark,
        )
    return b"From: a@x\r\n" + out + b"\r\n"


def test_nested_parts_in_order() -> None:
    scanned = scan(nest(3, b"Content-Type: text/html\r\n\r\nhello"))
    assert [(p.media_type, p.depth, p.is_container) for p in scanned.parts] == [
        ("multipart/mixed", 0, True),
        ("multipart/mixed", 1, True),
        ("multipart/mixed", 2, True),
        ("text/html", 3, False),
    ]
    assert scanned.parts[-1].decoded() == b"hello"


@pytest.mark.parametrize(
    ("body", "contents"),
    [
        (b"--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n", [b"one", b"two"]),
        (b"--b\r\n\r\none\r\n--b\r\n\r\ntwo", [b"one", b"two"]),
        (b"pre\r\n--b  \r\n\r\none\r\n--b-- \r\nafter\r\n--b\r\n\r\nno", [b"one"]),
        (b"--b\r\n\r\none\r\n--bc\r\n--b--\r\n", [b"one\r\n--bc"]),
        (b"--b\r\n\r\none--b\r\n--b--\r\n", [b"one--b"]),
        (b"--b\r\n\r\n\r\n--b--\r\n", [b""]),
        (b"--b\r\n--b\r\n--b--", [b"", b""]),
        (b"--b\r\nX: y\r\n--b\r\n\r\nz\r\n--b--", [b"", b"z"]),
    ],
)
def test_boundaries(body: bytes, contents: list[bytes]) -> None:
    raw = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + body
    assert [p.decoded() for p in scan(raw).leaves()] == contents


def test_outer_boundary_ends_inner_parts() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n"
        b"Content-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\n\r\nleft open\r\n"
        b"--o\r\n\r\nnext\r\n--o--\r\n"
    )
    assert [(p.decoded(), p.depth) for p in scan(raw).leaves()] == [(b"left open", 2), (b"next", 1)]


def test_messages_are_opened_only_on_request() -> None:
    raw = b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\nContent-Type: text/html\r\n\r\n<p>"
    assert [p.media_type for p in scan(raw).parts] == ["message/rfc822"]
    assert [p.media_type for p in scan(raw, into_messages=True).parts] == [
        "message/rfc822",
        "text/html",
    ]


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (nest(101), "too-deep"),
        (nest(3_000), "too-deep"),
        (b"Content-Type: message/rfc822\r\n\r\n" * 2_000, "too-deep"),
        (
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 50_000,
            "too-many-parts",
        ),
        (
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 50_000,
            "too-many-parts",
        ),
        (b"A: b\r\n" * 100_000, "header-too-large"),
        (b"Subject: " + "é".encode() * 73_500, "header-too-large"),
        (b"To: " + b"(" * 200_000, "header-too-large"),
        (
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nA: "
            + b"x" * 110_000
            + b"\r\n\r\n",
            "header-too-large",
        ),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--a\r\n" * 600_000, "malformed"),
        (nest(2).replace(b"b1", b"b0"), "malformed"),
        (b"no header at all\r\n\r\n", "malformed"),
    ],
)
def test_bombs_are_refused(raw: bytes, code: str) -> None:
    with pytest.raises(MimeError) as refused:
        scan(raw, into_messages=True)
    assert refused.value.code == code


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "raw",
    [
        nest(100),
        b"Content-Type: multipart/mixed" + b"; a=b" * 20_000 + b"\r\n\r\nx",
        b'Content-Type: multipart/mixed; boundary="' + b'\\"' * 40_000 + b"\r\n\r\nx",
        b"Content-Type: " + b"(" * 90_000 + b"\r\n\r\nx",
        b"Content-Type: text/plain; " + b"=" * 90_000 + b"\r\n\r\nx",
        b"Content-Type: text/plain;" + b"a*1=" * 20_000 + b"\r\n\r\nx",
        b"A: b\r\n\r\n" + b"x" * 10_000_000,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + b"-" * 5_000_000,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + b"\r\n" * 2_000_000,
    ],
)
def test_hostile_but_legal_messages_are_read(raw: bytes) -> None:
    assert scan(raw).parts


@pytest.mark.parametrize(
    ("value", "kind", "parameters"),
    [
        (b" Text/HTML; Charset=UTF-8", "text/html", {"charset": "UTF-8"}),
        (b'multipart/mixed;\r\n boundary="a b;\\"c"', "multipart/mixed", {"boundary": 'a b;"c'}),
        (b"a/b (comment); c=d; c=e;; =x; f", "a/b", {"c": "d"}),
        (b"attachment; filename*=utf-8'en'Zo%C3%AB.pdf", "attachment", {"filename": "Zoë.pdf"}),
        (b"a; filename*1=b.pdf; filename*0=a", "a", {"filename": "ab.pdf"}),
        (b"a; filename*0*=latin1''%E9; filename*1=x; filename*2*=%20y", "a", {"filename": "éx y"}),
        (b"", "", {}),
        (b";x=y", "", {}),
    ],
)
def test_content_type(value: bytes, kind: str, parameters: dict[str, str]) -> None:
    assert content_type.parse(value) == (kind, parameters)


@given(st.binary(max_size=120) | st.text("a/;=*\"\\0'% \r\n").map(str.encode))
def test_content_type_never_raises(value: bytes) -> None:
    kind, parameters = content_type.parse(value)
    assert kind == kind.lower()
    assert all(name == name.lower() for name in parameters)


LEAF = st.sampled_from(
    [b"\r\nhello", b"Content-Type: text/html\r\n\r\n<p>", b"A: b\r\n\r\n-- \r\nsig", b"\r\n"]
)


@st.composite
def trees(draw: st.DrawFn, depth: int = 0) -> bytes:
    if depth == 3 or draw(st.booleans()):
        return draw(LEAF)
    mark = b"m%d" % draw(st.integers(0, 10**9))
    parts = [draw(trees(depth + 1)) for _ in range(draw(st.integers(1, 3)))]
    body = b"".join(b"--%b\r\n%b\r\n" % (mark, part) for part in parts)
    return b"Content-Type: multipart/mixed; boundary=%b\r\n\r\n%b--%b--\r\n" % (mark, body, mark)


@given(trees())
def test_agrees_with_the_standard_library(tree: bytes) -> None:
    raw = b"From: a@x\r\n" + tree if not tree.startswith(b"\r\n") else b"From: a@x" + tree
    try:
        ours = [(p.media_type, p.decoded()) for p in scan(raw).leaves()]
    except MimeError:
        return  # the same boundary twice
    message = email.message_from_bytes(raw, policy=email.policy.default)
    theirs = [
        (p.get_content_type(), p.get_payload(decode=True))
        for p in message.walk()
        if not p.is_multipart()
    ]
    assert ours == theirs
