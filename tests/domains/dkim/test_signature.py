"""Our signatures, judged by dkimpy; canonical forms by the RFC's examples."""

import base64

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from domains.dkim.signature import SIGNED, SigningKey, relaxed_body, sign, signed_fields

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED = ed25519.Ed25519PrivateKey.generate()
KEYS = (
    SigningKey(domain="shop.example", selector="p1r1", algorithm="rsa", private=RSA),
    SigningKey(domain="shop.example", selector="p1e1", algorithm="ed25519", private=ED),
)
_DER = RSA.public_key().public_bytes(
    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
)
ZONE = {
    b"p1r1._domainkey.shop.example.": b"v=DKIM1; k=rsa; p=" + base64.b64encode(_DER),
    b"p1e1._domainkey.shop.example.": b"v=DKIM1; k=ed25519; p="
    + base64.b64encode(ED.public_key().public_bytes_raw()),
}
HEAD = (
    b"From: Anna <anna@shop.example>\r\nTo: bob@example.net\r\nSubject: Hello\r\n"
    b"Date: Mon, 23 Nov 2026 20:00:00 +0000\r\nMessage-ID: <1@shop.example>\r\n"
)


def verifies(message: bytes, *, keys: tuple[SigningKey, ...] = KEYS) -> list[bool]:
    """Whether dkimpy accepts each signature, on its own."""
    fields = sign(message, keys=keys, at=1_790_000_000)
    verifier = dkim.DKIM(fields + message)
    return [
        verifier.verify(idx=i, dnsfunc=lambda name, timeout=5: ZONE.get(name))
        for i in range(len(keys))
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"\r\n\r\n\r\n",
        b"   \r\n\t\r\n",
        b"Hello\r\n",
        b"Hello \t \r\n\r\n  \r\n",
        b"a  b\t\tc \r\n  d\r\n",
        b"x" * 5000 + b"\r\n",
        b" " * 3000 + b"end\r\n",
        b"caf\xc3\xa9 \xff\xfe\r\n",
    ],
)
def test_both_signatures_verify(body: bytes) -> None:
    assert verifies(HEAD + b"\r\n" + body) == [True, True]


def test_a_message_without_body_verifies() -> None:
    fields = sign(HEAD, keys=KEYS, at=1)
    assert dkim.verify(fields + HEAD + b"\r\n", dnsfunc=lambda name, timeout=5: ZONE.get(name))


def test_a_last_line_without_crlf_is_signed_as_data_will_end_it() -> None:
    message = HEAD + b"\r\nno end"
    fields = sign(message, keys=KEYS, at=1)
    received = fields + message + b"\r\n"
    assert dkim.verify(received, dnsfunc=lambda name, timeout=5: ZONE.get(name))


def test_a_changed_body_or_header_does_not_verify() -> None:
    message = HEAD + b"\r\nPay 10 euro\r\n"
    fields = sign(message, keys=KEYS, at=1)
    lookup = {"dnsfunc": lambda name, timeout=5: ZONE.get(name)}
    assert dkim.verify(fields + message, **lookup)
    assert not dkim.verify(fields + message.replace(b"10", b"99"), **lookup)
    assert not dkim.verify(fields + message.replace(b"Hello", b"Hallo"), **lookup)


def test_a_second_from_added_on_the_way_breaks_the_signature() -> None:
    message = HEAD + b"\r\nHello\r\n"
    fields = sign(message, keys=KEYS, at=1)
    added = fields + b"From: Mallory <m@evil.example>\r\n" + message
    assert not dkim.verify(added, dnsfunc=lambda name, timeout=5: ZONE.get(name))


def test_repeated_fields_are_signed_from_the_last_up() -> None:
    names, canonical = signed_fields(b"From: a@b\r\nTo: one@x\r\nX-Other: 1\r\nTo: two@x")
    assert names == (b"from", b"from", b"to", b"to")
    assert canonical == b"from:a@b\r\nto:two@x\r\nto:one@x\r\n"
    doubled = HEAD + b"To: carol@example.net\r\nCC: d@example.net\r\n\r\nHello\r\n"
    assert verifies(doubled) == [True, True]


def test_list_unsubscribe_and_feedback_id_are_signed() -> None:
    head = HEAD + (
        b"List-Unsubscribe: <https://shop.example/u/1>,\r\n <mailto:u@shop.example>\r\n"
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nFeedback-ID: 1:2:3:p\r\n"
    )
    names, canonical = signed_fields(head)
    assert {b"list-unsubscribe", b"list-unsubscribe-post", b"feedback-id"} <= set(names)
    assert b"<https://shop.example/u/1>, <mailto:u@shop.example>\r\n" in canonical
    assert verifies(head + b"\r\nHello\r\n") == [True, True]


def test_lines_are_short_and_folded() -> None:
    every = b"".join(b"%s: v\r\n" % name for name in SIGNED)
    fields = sign(every * 3 + b"\r\nHello\r\n", keys=KEYS, at=2**33)
    assert fields.endswith(b"\r\n")
    lines = fields.split(b"\r\n")[:-1]
    assert max(map(len, lines)) <= 78
    starts = [line for line in lines if not line.startswith(b" ")]
    assert starts == [
        b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;",
        b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;",
    ]


def test_no_keys_sign_nothing() -> None:
    assert sign(HEAD + b"\r\nHello\r\n", keys=(), at=1) == b""


def test_the_rfcs_example_of_relaxed_forms() -> None:
    # RFC 6376 §3.4.6
    assert relaxed_body(b" C \r\nD \t E\r\n\r\n\r\n") == b" C\r\nD E\r\n"
    assert relaxed_body(b"") == b""
    assert signed_fields(b"To: X\r\nSUBJect\t: Y\t\r\n\tZ  ")[1] == b"to:X\r\nsubject:Y Z\r\n"


blank = st.sampled_from([b" ", b"\t", b"  ", b" \t ", b"\r\n ", b"\r\n\t"])
word = st.binary(min_size=1, max_size=12).map(
    lambda raw: bytes(c for c in raw if c > 32 and c != 127) or b"x"
)
value = st.lists(st.one_of(word, blank), min_size=1, max_size=20).map(b"".join)
lines = st.lists(
    st.lists(
        st.one_of(word, st.sampled_from([b" ", b"\t", b"   ", b"\t\t ", b".", b""])), max_size=12
    ).map(b"".join),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(value, value, lines, st.integers(0, 4))
def test_odd_spacing_and_folding_verifies(
    subject: bytes, to: bytes, body: list[bytes], trailing: int
) -> None:
    # A folded line of nothing but blanks would end the header for other parsers: kept out
    head = b"From: a@shop.example\r\nSubject: x%sx\r\nto:y%sy\r\nDate: now\r\n" % (subject, to)
    text = b"".join(line + b"\r\n" for line in body) + b"\r\n" * trailing
    if b"\r\n\r\n" in head or any(not part.strip() for part in head.split(b"\r\n")[:-1]):
        return
    assert verifies(head + b"\r\n" + text) == [True, True]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"\r", b"\n", b"a", b"bc"]), max_size=40))
def test_relaxed_body_agrees_with_dkimpy(parts: list[bytes]) -> None:
    body = b"".join(parts) + b"\r\n"
    from dkim.canonicalization import Relaxed

    assert relaxed_body(body) == Relaxed.canonicalize_body(body)
