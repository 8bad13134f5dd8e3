"""Keys that people bring: read in the forms that tools write, refused in words otherwise."""

import base64
from contextlib import suppress
from datetime import timedelta
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from config.errors import PostinoError
from domains import dkim
from domains.dkim import rotation
from domains.dkim.importing import import_key, read_private, read_selector
from domains.models import Domain, DomainState, KeyState
from tests.cast import Cast

PEM = Encoding.PEM
ED = ed25519.Ed25519PrivateKey.generate()


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def pem(key: object, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return key.private_bytes(PEM, form, NoEncryption()).decode()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(
    "form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL, PrivateFormat.OpenSSH]
)
def test_rsa_keys_in_the_forms_that_tools_write(form: PrivateFormat) -> None:
    found = read_private(f"\r\n  {pem(rsa_key(), form)}\r\n")
    assert (found.algorithm, found.bits) == ("rsa", 2048)


def test_ed25519_keys_as_pem_and_as_a_bare_seed() -> None:
    public = base64.b64encode(ED.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    for text in (pem(ED), base64.b64encode(ED.private_bytes_raw()).decode()):
        found = read_private(text)
        assert (found.algorithm, found.public) == ("ed25519", public.decode())


def refused(text: str) -> str:
    with pytest.raises(PostinoError) as caught:
        read_private(text)
    assert caught.value.refusal.pointer == "privateKey"
    return caught.value.refusal.message


def test_what_cannot_sign_is_refused_in_words() -> None:
    locked = rsa_key().private_bytes(PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pw"))
    public = rsa_key().public_key().public_bytes(PEM, PublicFormat.SubjectPublicKeyInfo)
    assert "passphrase" in refused(locked.decode())
    assert "public half" in refused(public.decode())
    assert "public half" in refused("v=DKIM1; k=rsa; p=MIIB")
    assert "another kind" in refused(pem(ec.generate_private_key(ec.SECP256R1())))
    assert "first and last line" in refused(pem(rsa_key())[:900])
    assert "several keys" in refused(pem(rsa_key()) * 2)
    assert "not a private key" in refused("hello")
    assert "too long" in refused("x" * 30_000)
    assert "not text" in refused("-----BEGIN\0")


SHORT = """-----BEGIN RSA PRIVATE KEY-----
MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu
KUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQJAIJLixBy2qpFoS4DSmoEm
o3qGy0t6z09AIJtH+5OeRV1be+N4cDYJKffGzDa88vQENZiRm0GRq6a+HPGQMd2k
TQIhAKMSvzIBnni7ot/OSie2TmJLY4SwTQAevXysE2RbFDYdAiEBCUEaRQnMnbp7
9mxDXDf6AU0cN/RPBjb9qSHDcWZHGzUCIG2Es59z8ugGrDY+pxLQnwfotadxd+Uy
v/Ow5T0q5gIJAiEAyS4RaI9YG8EWx/2w0T67ZUVAw8eOMB6BIUg0Xcu+3okCIBOs
/5OiPgoTdSy7bcF9IGpSE8ZgGKzgYQVZeN97YE00
-----END RSA PRIVATE KEY-----"""


def test_short_keys_are_refused_and_old_ones_taken() -> None:
    assert "too short" in refused(SHORT)
    assert read_private(pem(rsa_key(1024))).bits == 1024


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(PostinoError):
        assert read_private(text).algorithm in ("rsa", "ed25519")
    with suppress(PostinoError):
        assert 0 < len(read_selector(text)) <= 63


@pytest.mark.parametrize(
    ("text", "selector"),
    [("Mail2026", "mail2026"), ("a.b._domainkey.shop.example", "a.b"), (" k1. ", "k1")],
)
def test_selectors_as_people_paste_them(text: str, selector: str) -> None:
    assert read_selector(text) == selector


@pytest.mark.parametrize("text", ["", "-a", "a b", "p7r1", "x" * 64, "ü", "a..b", "a\r\nb"])
def test_selectors_that_cannot_be(text: str) -> None:
    with pytest.raises(PostinoError):
        read_selector(text)


def test_of_a_new_domain_it_signs_at_once(cast: Cast) -> None:
    domain = Domain.objects.of(cast.account).get()
    Domain.objects.of(cast.account).update(state=DomainState.PENDING)
    key = import_key(domain, selector="mail2026", text=pem(rsa_key()))
    assert (key.state, key.imported) == (KeyState.ACTIVE, True)
    dkim.forget()
    signing = dkim.signing_keys(domain.account_id, domain.name)
    assert [k.selector for k in signing] == ["mail2026", f"p{cast.account.pk}e1"]
    assert rsa_key().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()) not in bytes(
        key.private_key
    )


def test_of_a_verified_domain_it_takes_its_turn(cast: Cast) -> None:
    domain = Domain.objects.of(cast.account).get()
    dkim.create_keys(domain, state=KeyState.NEXT)
    key = import_key(domain, selector="mail2026", text=pem(ED))
    assert key.state == KeyState.NEXT
    living = domain.dkim_keys.filter(algorithm="ed25519").exclude(state=KeyState.RETIRED)
    assert sorted(living.values_list("state", flat=True)) == ["active", "next"]
    assert rotation.to_rotate(domain, timezone.now()) == {"ed25519"}
    ago = timezone.now() - timedelta(hours=2)
    domain.dkim_keys.update(published=True, seen_at=ago)
    (turn,) = rotation.tend(domain)  # the other algorithm is left in peace
    assert (turn.code, turn.selector) == (rotation.ROTATED, "mail2026")
    for selector, text in (("mail2026", pem(rsa_key())), ("other", pem(ED))):
        with pytest.raises(PostinoError) as caught:
            import_key(domain, selector=selector, text=text)
        assert caught.value.refusal.http == 409
