"""The only maker of the self-signed certificate that SMTP servers use until they are given a real one.

RFC 5280 (profile), RFC 6125 (a server is known by its subjectAltName).
"""

import fcntl
import ipaddress
import os
import secrets
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID = timedelta(days=3653)
_LOOPBACK = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A certificate chain and its private key, both PEM."""

    cert: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """TLS for a server. Raises OSError (ssl.SSLError included) where the files will not do."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.cert, self.key)
        return context


def given_or_own(*, cert: str, key: str, directory: Path, names: Iterable[str]) -> CertificateFiles:
    """The operator's files where both are named, else our own in `directory`."""
    if cert and key:
        return CertificateFiles(Path(cert), Path(key))
    return own(directory, names)


def own(directory: Path, names: Iterable[str]) -> CertificateFiles:
    """The self-signed pair in `directory`, made at first use; clients may take it as their CA file.

    Processes that start together make one pair between them.
    """
    files = CertificateFiles(directory / "smtp.crt", directory / "smtp.key")
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (files.cert.exists() and files.key.exists()):
            cert, key = _make([*names, *_LOOPBACK])
            # the key first: a certificate without its key must never be seen
            _write(files.key, key, 0o600)
            _write(files.cert, cert, 0o644)
    return files


def _make(names: Iterable[str]) -> tuple[bytes, bytes]:
    """PEM of a certificate for these names and addresses, and of its key."""
    wanted = list(dict.fromkeys(name for name in names if name))
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wanted[0][:64])])
    start = datetime.now(UTC) - timedelta(days=1)  # clocks differ
    public = key.public_key()
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + VALID)
        .add_extension(x509.SubjectAlternativeName([_name(one) for one in wanted]), critical=False)
        # Its own authority, for clients that are told to trust this file, and for nothing below it
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return built.public_bytes(serialization.Encoding.PEM), secret


def _key_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _write(path: Path, content: bytes, mode: int) -> None:
    """The whole file or none, with its mode from the first moment."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(fd, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(path)
