"""Header lines: nothing slips into a second line, and a reader gets back what was written."""

import email
import email.policy
from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.wire.address import Address
from transactional.wire.encoded_word import decode_words
from transactional.wire.header import (
    HeaderError,
    check_line,
    encode_address,
    encode_address_list,
    encode_unstructured,
    guard,
    guard_name,
    split_headers,
    unfold,
)

PLAIN = st.text(
    st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp"), blacklist_characters="\x7f"),
    max_size=200,
)


def read_by_stdlib(value: bytes) -> str:
    message = email.message_from_bytes(
        b"Subject: " + value + b"\r\n\r\n", policy=email.policy.default
    )
    assert message.keys() == ["Subject"]
    return str(message["subject"])


def read_by_legacy_stdlib(value: bytes) -> str:
    flat = unfold(value).decode()
    return str(make_header(decode_header(flat)))


def assert_lines_fit(name: str, value: bytes) -> None:
    lines = (name.encode() + b": " + value).split(b"\r\n")
    assert all(len(line) <= 78 for line in lines), lines
    assert all(line[:1] in (b" ", b"\t") and line.strip() for line in lines[1:])


@pytest.mark.parametrize(
    "value",
    [
        "a\r\nBcc: x@evil.example",
        "a\nb",
        "a\rb",
        "trailing\n",
        "a\u2028b",
        "a\u2029b",
        "a\x00b",
        "a\x0bb",
        "a\x0cb",
        "a\x1cb",
        "a\x1db",
        "a\x1eb",
        "a\x1bb",
        "a\x7fb",
        "a\x85b",
        "a\ud800b",
        "=?UTF-8?Q?=0A?=Bcc: x@e",
        "=?utf-8?b?DQpCY2M6IHhAZQ==?=",
        "=?utf-8?q?=00?=",
        "=?utf-8?q?a?= =?utf-8?q?=E2=80=A8?=",
        "=?utf-8*en?q?=0D?=",
        "=?nonsense?q?=0D=0A?=",
    ],
)
def test_guard_refuses_line_breaks_and_controls(value: str) -> None:
    with pytest.raises(HeaderError):
        guard(value)
    with pytest.raises(HeaderError):
        encode_unstructured(value)
    with pytest.raises(HeaderError):
        encode_address(Address("a", "x.example", value))


@pytest.mark.parametrize(
    "value", ["", "Your receipt", "a\tb", "%0d%0a", "Zoë 🎉", "=?utf-8?q?plain?="]
)
def test_guard_returns_what_is_harmless(value: str) -> None:
    assert guard(value) == value


@pytest.mark.parametrize("name", ["", "X:Y", "X\r\n", "X Y", "X\n", "Ü", "x" * 77, "X\x00", ":"])
def test_guard_name_refuses(name: str) -> None:
    with pytest.raises(HeaderError):
        guard_name(name)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"a\r\nBcc: x", "control"),
        (b"a\nb", "control"),
        (b"a\r b", "control"),
        (b"a\r\n", "control"),
        (b"a\r\n \r\n b" + b"c" * 80, "blank-fold"),
        (b"c" * 80 + b"\r\n ", "blank-fold"),
        ("é".encode(), "8bit"),
        (b"a" * 1000, "too-long"),
        (b"=?utf-8?q?=0A?=", "control"),
    ],
)
def test_check_line_refuses(value: bytes, code: str) -> None:
    with pytest.raises(HeaderError) as refused:
        check_line("X-A", value)
    assert refused.value.code == code


def test_check_line_permits_utf8_only_when_asked_and_well_formed() -> None:
    assert check_line("To", "é@x.example".encode(), utf8=True) == "To: é@x.example\r\n".encode()
    for bad in (b"\xff@x.example", "a\u2028b".encode(), "a\x85b".encode()):
        with pytest.raises(HeaderError):
            check_line("To", bad, utf8=True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Your receipt", b"Your receipt"),
        ("", b""),
        ("Reçu 10 €", b"=?utf-8?q?Re=C3=A7u_10_=E2=82=AC?="),
        ("price =?utf-8?q?x?= ok", b"price =?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3F=3D?= ok"),
    ],
)
def test_encode_unstructured_exactly(text: str, value: bytes) -> None:
    assert encode_unstructured(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "word " * 60 + "end",
        "é" * 300,
        "🎉" * 100,
        "a " * 40 + "é",
        "é " + "a " * 80,
        "x" * 40 + " é " + "y" * 40 + " ü " + "z " * 30,
        "two  spaces\tand a tab " * 9,
        "literal =?utf-8?q?Bcc=3A?= stays " * 5,
        "=?a?b? half",
        "?= =? ?=",
    ],
)
def test_long_text_folds_and_reads_back(text: str) -> None:
    value = encode_unstructured(text)
    assert_lines_fit("Subject", value)
    assert decode_words(unfold(value)) == text.strip()
    assert read_by_stdlib(value) == text.strip()


def test_unbroken_kilobytes_never_pass_the_hard_limit() -> None:
    value = encode_unstructured("a" * 5_000)
    assert_lines_fit("Subject", value)
    assert read_by_stdlib(value) == "a" * 5_000


@given(PLAIN)
def test_unstructured_round_trip(text: str) -> None:
    value = encode_unstructured(text)
    assert value.isascii()
    check_line("Subject", value)
    assert decode_words(unfold(value)) == text.strip(" \t")


@given(st.text("ab é=?_qQ-utf8ü€🎉", max_size=150))
def test_unstructured_is_read_back_by_the_standard_library(text: str) -> None:
    value = encode_unstructured(text)
    assert read_by_legacy_stdlib(value) == text.strip()
    assert read_by_stdlib(value) == text.strip()


@pytest.mark.parametrize(
    ("address", "value"),
    [
        (Address("a", "x.example"), b"a@x.example"),
        (Address("a", "X.example", "Alice Doe"), b"Alice Doe <a@x.example>"),
        (Address("a", "x.example", "Doe, Jane"), b'"Doe, Jane" <a@x.example>'),
        (Address("a", "x.example", 'say "hi" \\o/'), b'"say \\"hi\\" \\\\o/" <a@x.example>'),
        (Address("a", "x.example", "a@y.example"), b'"a@y.example" <a@x.example>'),
        (Address("a", "x.example", "Zoë"), b"=?utf-8?q?Zo=C3=AB?= <a@x.example>"),
        (Address("a b", "x.example"), b'"a b"@x.example'),
        (Address("a", "münchen.example"), b"a@xn--mnchen-3ya.example"),
        (Address("é", "x.example"), "é@x.example".encode()),
    ],
)
def test_encode_address_exactly(address: Address, value: bytes) -> None:
    assert encode_address(address) == value


def test_literal_encoded_word_in_a_name_is_shown_literally() -> None:
    name = "=?utf-8?q?boss=40bank.example?="
    value = encode_address(Address("a", "x.example", name))
    message = email.message_from_bytes(b"From: " + value + b"\r\n\r\n", policy=email.policy.default)
    assert message["from"].addresses[0].display_name == name


@given(st.lists(st.tuples(PLAIN, st.from_regex(r"[a-z]{1,20}", fullmatch=True)), max_size=12))
def test_address_list_is_read_back(people: list[tuple[str, str]]) -> None:
    wanted = [Address(local, "x.example", name.strip()) for name, local in people]
    value = encode_address_list(wanted)
    check_line("To", value)
    assert_lines_fit("To", value)
    message = email.message_from_bytes(b"To: " + value + b"\r\n\r\n", policy=email.policy.default)
    assert [a.addr_spec for a in message["to"].addresses] == [a.spec for a in wanted]


@given(st.text('ab ,."\\é()<>@=?🎉', max_size=90))
def test_display_name_is_read_back_by_the_standard_library(name: str) -> None:
    value = encode_address(Address("a", "x.example", name.strip()))
    message = email.message_from_bytes(b"From: " + value + b"\r\n\r\n", policy=email.policy.default)
    (read,) = message["from"].addresses
    # the standard library's parser changes spaces in a phrase; its older one does not
    assert "".join(read.display_name.split()) == "".join(name.split())
    assert read.addr_spec == "a@x.example"


def test_split_headers_keeps_every_byte() -> None:
    block = b"From: a@x\r\nSubject: one\r\n two\r\n\tthree\r\nX-Empty:\r\nFrom : b@x\r\nLast: z"
    fields = split_headers(block)
    assert b"".join(f.raw for f in fields) == block
    assert [f.name for f in fields] == ["From", "Subject", "X-Empty", "From", "Last"]
    assert [f.space_before_colon for f in fields] == [False, False, False, True, False]
    assert unfold(fields[1].value) == b"one two\tthree"
    assert fields[2].value == b""
    assert fields[4].value == b" z"


def test_split_headers_stops_at_the_blank_line() -> None:
    assert [f.name for f in split_headers(b"A: 1\r\n\r\nB: 2\r\n")] == ["A"]
    assert split_headers(b"") == []
    assert split_headers(b"\r\nB: 2\r\n") == []


@pytest.mark.parametrize(
    "block", [b" folded\r\nA: 1\r\n", b"no field\r\nA: 1\r\n", b": x\r\nA: 1\r\n"]
)
def test_split_headers_strict_and_lenient(block: bytes) -> None:
    with pytest.raises(HeaderError):
        split_headers(block)
    assert [f.name for f in split_headers(block, strict=False)] == ["A"]


@given(st.binary(max_size=200))
def test_split_headers_never_loses_or_fails(block: bytes) -> None:
    joined = b"".join(f.raw for f in split_headers(block, strict=False))
    assert len(joined) <= len(block)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"=?utf-8?q?Zo=C3=AB?=", "Zoë"),
        (b"=?UTF-8?B?Wm/Dqw?=", "Zoë"),
        (b"=?iso-8859-1?q?Zo=EB_M?= x", "Zoë M x"),
        (b"=?utf-8?q?a?=  =?utf-8?q?b?= c", "ab c"),
        (b"=?utf-8?q?=E2=82?= =?utf-8?q?=AC?=", "€"),
        (b"=?iso-2022-jp?B?GyRCJDMbKEI=?=", "こ"),
        (b"a =?utf-8?q?b?= =?latin1?q?=E9?= c", "a bé c"),
        (b"=?utf-8?x?a?=", "=?utf-8?x?a?="),
        (b"=?utf-8?b?@@@?=", ""),
        ("roh é".encode(), "roh é"),
        (b"roh \xe9", "roh é"),
        (b"=?idna?q?xn--?=", "xn--"),
    ],
)
def test_decode_words(value: bytes, text: str) -> None:
    assert decode_words(value) == text


@given(st.text("=?utf-8bqQ*_ \xe9", max_size=120) | st.text(max_size=60))
def test_decode_words_never_raises(text: str) -> None:
    assert isinstance(decode_words(text), str)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece", ["=?", "=?utf-8?q?", "=?utf-8?q?a?= ", "?=", "=?a*", "=?utf-8?q?a?", " \t"]
)
def test_hostile_subjects_are_linear(piece: str) -> None:
    text = piece * (150_000 // len(piece))
    decode_words(text)
    assert decode_words(unfold(encode_unstructured(text))) == text.strip()


@pytest.mark.timeout(20)
def test_hundred_thousand_headers_split() -> None:
    assert len(split_headers(b"A: b\r\n" * 100_000)) == 100_000
