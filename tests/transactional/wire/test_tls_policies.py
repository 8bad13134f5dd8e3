"""MTA-STS policies and TLSA records, as they come and as nobody should be able to make them hurt."""

import datetime
import hashlib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from tests.transactional.egress.tls_peers import Authority
from transactional.wire.dane import Tlsa, judge, usable
from transactional.wire.mta_sts import LONGEST, Policy, PolicyError, policy_id, read_policy

GOOD = b"version: STSv1\r\nmode: enforce\r\nmx: mx.a.test\r\nmx: *.b.test\r\nmax_age: 604800\r\n"


def test_a_policy_is_read() -> None:
    found = read_policy(GOOD)
    assert found == Policy("enforce", ("mx.a.test", "*.b.test"), 604800)
    assert read_policy(GOOD.replace(b"\r\n", b"\n")) == found
    assert read_policy(b"version: STSv1\nmode: none\nmax_age: 99999999\n").max_age == LONGEST
    assert read_policy(GOOD + b"unknown: x\nmx: -bad-\nmx: a..b\n").mx == found.mx


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("mx.a.test", True), ("MX.A.test.", True), ("x.b.test", True), ("x.y.b.test", False),
        ("b.test", False), ("mx.a.test.evil.test", False), ("", False),
    ],
)  # fmt: skip
def test_hosts_of_a_policy(host: str, allowed: bool) -> None:
    assert read_policy(GOOD).allows(host) is allowed


@pytest.mark.parametrize(
    "data",
    [
        b"", b"version: STSv2\nmode: none\nmax_age: 1\n", b"version: STSv1\nmode: on\nmax_age: 1\n",
        b"version: STSv1\nmode: enforce\nmax_age: 1\n", b"version: STSv1\nmode: none\n",
        b"version: STSv1\nmode: none\nmax_age: -1\n", b"\xff\xfe", b"<html></html>",
        b"version: STSv1\nmode: none\nmax_age: 99999999999999999\n",
    ],
)  # fmt: skip
def test_what_is_no_policy_is_refused(data: bytes) -> None:
    with pytest.raises(PolicyError):
        read_policy(data)


@given(st.binary(max_size=300), st.text(max_size=40))
def test_any_octets_are_a_policy_or_refused(data: bytes, host: str) -> None:
    for text in (data, GOOD + data):
        try:
            found = read_policy(text)
        except PolicyError:
            continue
        assert found.mode in ("enforce", "testing", "none") and found.max_age <= LONGEST
        assert found.allows(host) in (True, False)


@pytest.mark.parametrize(
    ("records", "found"),
    [
        (("v=STSv1; id=20160831085700Z;",), "20160831085700Z"),
        (("v=STSv1;id=1",), "1"),
        (("other", "v=STSv1; x=y; id=a1;"), "a1"),
        (("v=STSv1 ; id = a1 ;",), "a1"),
        (("v=STSv1; id=1;", "v=STSv12; id=2;"), "1"),
        (("v=STSv1; id=1;", "v=STSv1; id=2;"), ""),
        (("v=STSv1;",), ""),
        (("v=STSv1; id=no-dash;",), ""),
        ((f"v=STSv1; id={'9' * 33};",), ""),
        ((), ""),
    ],
)
def test_the_id_of_a_policy(records: tuple[str, ...], found: str) -> None:
    assert policy_id(records) == found


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(Path(tmp_path_factory.mktemp("ca")))


def tlsa(usage: int, certificate: x509.Certificate, selector: int = 0, matching: int = 1) -> Tlsa:
    content = certificate.public_bytes(Encoding.DER)
    if selector:
        key = certificate.public_key()
        content = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    hashed = {0: content, 1: hashlib.sha256(content).digest(), 2: hashlib.sha512(content).digest()}
    return Tlsa(usage, selector, matching, hashed[matching])


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
def test_certificates_by_tlsa(authority: Authority, selector: int, matching: int) -> None:
    now = datetime.datetime.now(datetime.UTC)
    _, leaf = authority.context("mx.a.test", "*.wild.test")
    _, other = authority.context("mx.b.test")
    chain = [leaf.public_bytes(Encoding.DER), authority.certificate.public_bytes(Encoding.DER)]
    end = tlsa(3, leaf, selector, matching)
    anchor = tlsa(2, authority.certificate, selector, matching)
    assert judge(chain, [end], ["another.test"], now) == ""  # neither name nor date matter
    assert judge(chain, [end], [], now + datetime.timedelta(days=99)) == ""
    assert judge(chain, [anchor], ["mx.a.test"], now) == ""
    assert judge(chain, [anchor], ["x.wild.test"], now) == ""
    assert "another name" in judge(chain, [anchor], ["x.y.wild.test"], now)
    assert "expired" in judge(chain, [anchor], ["mx.a.test"], now + datetime.timedelta(days=99))
    assert judge(chain, [tlsa(3, other, selector, matching)], ["mx.a.test"], now)
    assert judge(chain[:1], [anchor], ["mx.a.test"], now)  # the anchor must be shown
    assert judge([], [end], ["mx.a.test"], now)
    # Somebody else's certificate in front of the anchor that did not issue it
    _, alien = authority.context("mx.a.test", self_signed=True)
    forged = [alien.public_bytes(Encoding.DER), chain[1]]
    assert "no TLSA record" in judge(forged, [anchor], ["mx.a.test"], now)


def test_records_that_smtp_does_not_use_are_left_out() -> None:
    good = f"3 1 1 {'ab' * 32}"
    odd = [
        "0 0 1 " + "ab" * 32,
        "1 1 1 " + "ab" * 32,
        "3 1 1 abcd",
        "3 2 1 " + "ab" * 32,
        "3 1 9 ab",
    ]
    assert len(usable([good, *odd, "x", "", "3 1", "3 1 1 zz", f"2 0 2 {'cd ' * 64}"])) == 2


@given(st.binary(max_size=200), st.lists(st.text(max_size=30), max_size=3))
def test_any_octets_are_judged(der: bytes, records: list[str]) -> None:
    now = datetime.datetime.now(datetime.UTC)
    assert judge([der], [Tlsa(2, 0, 1, b"x" * 32)], ["a.test"], now) != ""
    assert isinstance(usable(records), tuple)
