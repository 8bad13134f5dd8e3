import ssl
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509

from config import certificate


def connect(files: certificate.CertificateFiles, name: str) -> None:
    """A handshake in memory, verified against the certificate as its own authority."""
    client = ssl.create_default_context(cafile=str(files.cert))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = files.server_context().wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname=name)
    finished: set[ssl.SSLObject] = set()
    while len(finished) < 2:
        for side in (theirs, ours):
            try:
                side.do_handshake()
                finished.add(side)
            except ssl.SSLWantReadError:
                continue


@pytest.mark.parametrize("name", ["smtp.shop.example", "localhost", "127.0.0.1"])
def test_clients_that_are_given_the_certificate_trust_it_under_each_name(
    tmp_path: Path, name: str
) -> None:
    connect(certificate.own(tmp_path, ["smtp.shop.example"]), name)


def test_another_name_is_not_trusted(tmp_path: Path) -> None:
    files = certificate.own(tmp_path, ["smtp.shop.example"])
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(files, "mail.other.example")


def test_it_is_made_once_and_its_key_is_private(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: certificate.own(tmp_path / "tls", ["a.example"]), range(4)))
    first = made[0].cert.read_bytes()
    assert certificate.own(tmp_path / "tls", ["b.example"]).cert.read_bytes() == first
    assert stat.S_IMODE(made[0].key.stat().st_mode) == 0o600
    assert sorted(p.name for p in (tmp_path / "tls").iterdir()) == [".lock", "smtp.crt", "smtp.key"]
    parsed = x509.load_pem_x509_certificate(first)
    years = (parsed.not_valid_after_utc - parsed.not_valid_before_utc).days / 365
    assert 9.9 < years < 10.1


def test_the_operators_files_win(tmp_path: Path) -> None:
    given = certificate.given_or_own(cert="/a.crt", key="/a.key", directory=tmp_path, names=["x"])
    assert (given.cert, given.key) == (Path("/a.crt"), Path("/a.key"))
    assert not list(tmp_path.iterdir())
