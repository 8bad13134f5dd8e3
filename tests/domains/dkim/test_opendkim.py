"""Signatures and keys against OpenDKIM, an implementation that is not ours."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import dkim as dkimpy
import pytest

from domains import dkim
from domains.dkim import importing
from domains.models import DkimKey, Domain, DomainState
from domains.records import key_record
from tests.cast import Cast
from tests.domains.dkim.test_importing import pem, rsa_key

MESSAGE = (
    b"From: Shop <orders@shop.example>\r\nTo: anna@example.org\r\nSubject: Order  7\r\n"
    b"Date: Wed, 25 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@shop.example>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nHello,\r\n\r\n  Anna \t\r\n\r\n\r\n"
)
Verify = Callable[[bytes], str]


def program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    assert found is not None, f"{name} is not installed"
    return found


@pytest.fixture
def verify(cast: Cast, tmp_path: Path) -> Verify:
    """What OpenDKIM says of a message, with the keys that we tell people to publish."""
    keys = tmp_path / "keys"
    rows = DkimKey.objects.filter(domain__account=cast.account).select_related("domain")
    keys.write_text("".join(f"{key.host} {key_record(key)}\n" for key in rows))
    conf = tmp_path / "opendkim.conf"
    conf.write_text(f"Mode v\nTestPublicKeys {keys}\nSyslog no\n")

    def verify(message: bytes) -> str:
        path = tmp_path / "message"
        path.write_bytes(message.replace(b"\r\n", b"\n"))
        line = [program("opendkim"), "-x", str(conf), "-v", "-v", "-t", str(path)]
        done = subprocess.run(line, capture_output=True, timeout=30, check=False)
        return (done.stdout + done.stderr).decode()

    return verify


@pytest.mark.parametrize("algorithm", ["rsa", "ed25519"])
def test_opendkim_verifies_what_we_sign(cast: Cast, verify: Verify, algorithm: str) -> None:
    dkim.forget()
    keys = dkim.signing_keys(cast.account.pk, "shop.example")
    mine = [key for key in keys if key.algorithm == algorithm]
    signed = dkim.sign(MESSAGE, keys=mine, at=1_790_000_000) + MESSAGE
    said = verify(signed)
    assert "verification (s=" in said and "succeeded" in said, said
    said = verify(signed.replace(b"Anna", b"Mallory"))
    assert "succeeded" not in said, said


def test_a_key_that_opendkim_signed_with_is_taken_over(cast: Cast, tmp_path: Path) -> None:
    """The other side of an import: its old signatures verify against the record that we show."""
    path = tmp_path / "mail2026.private"
    path.write_text(pem(rsa_key()))
    path.chmod(0o600)
    line = [program("opendkim-testmsg"), "-C", "-d", "shop.example", "-s", "mail2026"]
    done = subprocess.run(
        [*line, "-k", str(path)], input=MESSAGE, capture_output=True, timeout=30, check=True
    )
    Domain.objects.of(cast.account).update(state=DomainState.PENDING)
    domain = Domain.objects.of(cast.account).get()
    key = importing.import_key(domain, selector="mail2026", text=path.read_text())
    published = {f"{key.host}.".encode(): key_record(key).encode()}
    assert dkimpy.verify(done.stdout, dnsfunc=lambda name, timeout=5: published.get(name))
    dkim.forget()
    ours, _ = dkim.signing_keys(cast.account.pk, "shop.example")
    signed = dkim.sign(MESSAGE, keys=[ours], at=1_790_000_000) + MESSAGE
    assert b" s=mail2026;" in signed
    assert dkimpy.verify(signed, dnsfunc=lambda name, timeout=5: published.get(name))
