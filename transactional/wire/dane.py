"""Judges a server's certificates by TLSA records (RFC 6698, as RFC 7672 uses them for SMTP)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

TA, EE = 2, 3  # the only usages of SMTP (RFC 7672 §3.1): trust anchor, end entity
CHAIN = 10  # certificates of a chain that are looked at
_UNREADABLE = (
    ValueError,
    TypeError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    UnsupportedAlgorithm,
)


@dataclass(frozen=True, slots=True)
class Tlsa:
    """One record: usage, selector (0: certificate, 1: key), matching (0: whole, 1, 2: digest)."""

    usage: int
    selector: int
    matching: int
    data: bytes

    def matches(self, certificate: x509.Certificate) -> bool:
        """Whether this certificate is the one that is meant."""
        if self.selector == 0:
            content = certificate.public_bytes(Encoding.DER)
        else:
            key = certificate.public_key()
            content = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if self.matching == 1:
            content = hashlib.sha256(content).digest()
        elif self.matching == 2:
            content = hashlib.sha512(content).digest()
        return content == self.data


def usable(records: Sequence[str]) -> tuple[Tlsa, ...]:
    """Those of the records, as text, that SMTP may use; others are left out (RFC 7672 §3.1.3)."""
    found = []
    for text in records:
        parts = text.split()
        try:
            usage, selector, matching = (int(part) for part in parts[:3])
            data = bytes.fromhex("".join(parts[3:]))
        except ValueError:
            continue
        whole = {0: len(data) > 0, 1: len(data) == 32, 2: len(data) == 64}.get(matching, False)
        if usage in (TA, EE) and selector in (0, 1) and whole:
            found.append(Tlsa(usage, selector, matching, data))
    return tuple(found)


def judge(
    chain: Sequence[bytes], records: Sequence[Tlsa], names: Sequence[str], now: datetime
) -> str:
    """Empty where the chain (DER, the server's own first) holds; else what is wrong.

    `names` are those that a certificate under a trust anchor may be for (RFC 7672 §3.2.2). An end
    entity's record needs neither name nor date (§3.1.1).
    """
    try:
        found = [x509.load_der_x509_certificate(der) for der in chain[:CHAIN]]
        if not found:
            return "the server shows no certificate"
        if any(record.usage == EE and record.matches(found[0]) for record in records):
            return ""
        anchors = [record for record in records if record.usage == TA]
        problem = _under_anchor(found, anchors, now)
        if problem:
            return problem
        return "" if _is_for(found[0], names) else "the certificate is for another name"
    except _UNREADABLE as err:
        return f"the certificate cannot be read: {err}"


def _under_anchor(found: list[x509.Certificate], anchors: Sequence[Tlsa], now: datetime) -> str:
    """Follow the chain upwards until a certificate that a record names."""
    if not anchors:
        return "no TLSA record matches the certificate"
    for place, certificate in enumerate(found):
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            return "a certificate of the chain is expired or not yet valid"
        if any(record.matches(certificate) for record in anchors):
            return ""
        above = found[place + 1] if place + 1 < len(found) else None
        if above is None or not _may_issue(above) or not _issued(certificate, above):
            break
    return "no TLSA record matches the chain"


def _issued(certificate: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _may_issue(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _is_for(certificate: x509.Certificate, names: Sequence[str]) -> bool:
    """Whether one of the names that it shows is one of these; a wildcard is a whole first label."""
    wanted = {name.lower().rstrip(".") for name in names}
    for shown in _shown(certificate):
        if shown in wanted:
            return True
        if shown.startswith("*.") and any(n.partition(".")[2] == shown[2:] != "" for n in wanted):
            return True
    return False


def _shown(certificate: x509.Certificate) -> list[str]:
    """The names of a certificate: its subject's counts only where it has no other (RFC 7672 §3.2.3)."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = list(found.value.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        names = []
    if not names:
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        names = [one.value for one in common if isinstance(one.value, str)]
    return [name.lower().rstrip(".") for name in names]
