"""Certificates that cannot be read are judged as that: whatever a server shows, nothing is raised."""

import datetime
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from transactional.wire.dane import EE, TA, Tlsa, judge

NOW = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
EC_KEY = bytes.fromhex("06072a8648ce3d0201")  # the OID of the kind of key
UNKNOWN_KEY = bytes.fromhex("06072a8648ce3d0209")


@pytest.fixture(scope="module")
def shown() -> tuple[bytes, Tlsa]:
    """A certificate, and the record that names its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mx.x.example")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name)
        .public_key(key.public_key()).serial_number(1)
        .not_valid_before(NOW).not_valid_after(NOW + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return made.public_bytes(Encoding.DER), Tlsa(EE, 1, 1, hashlib.sha256(spki).digest())


def test_the_certificate_that_a_record_names_is_good(shown: tuple[bytes, Tlsa]) -> None:
    der, record = shown
    assert judge([der], [record], ["mx.x.example"], NOW) == ""


@pytest.mark.parametrize("what", ["nonsense", "an unknown kind of key", "cut off", "nothing"])
def test_what_cannot_be_read_is_said_and_not_raised(shown: tuple[bytes, Tlsa], what: str) -> None:
    der, record = shown
    chain = {
        "nonsense": [b"\x30\x03abc"],
        "an unknown kind of key": [der.replace(EC_KEY, UNKNOWN_KEY)],
        "cut off": [der[:-7]],
        "nothing": [],
    }[what]
    assert "certificate" in judge(chain, [record], ["mx.x.example"], NOW)


def named(common: str, *names: str) -> tuple[bytes, Tlsa]:
    """A certificate for these names, and the record of itself as an anchor."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
        .public_key(key.public_key()).serial_number(1)
        .not_valid_before(NOW).not_valid_after(NOW + datetime.timedelta(days=1))
    )  # fmt: skip
    if names:
        san = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(san, critical=False)
    der = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    return der, Tlsa(TA, 0, 1, hashlib.sha256(der).digest())


@pytest.mark.parametrize(
    ("common", "names", "good"),
    [
        ("mx.x.example", (), True),  # its subject, where it has no other name
        ("mx.x.example", ("other.example",), False),
        ("other", ("x.example",), True),
        ("other", ("X.Example",), True),
        ("other", ("*.x.example",), True),
        ("other", ("*.example",), True),  # of the domain's own name
        ("other", ("m*.x.example",), False),
        ("other", ("*.mx.x.example",), False),
        ("*.x.example", (), True),
        ("*.", (), False),
    ],
)
def test_under_an_anchor_the_certificate_is_for_one_of_the_names(
    common: str, names: tuple[str, ...], good: bool
) -> None:
    der, record = named(common, *names)
    found = judge([der], [record], ["mx.x.example", "x.example"], NOW)
    assert found == ("" if good else "the certificate is for another name")
