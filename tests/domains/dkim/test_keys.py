"""Keys: minted, sealed, parsed, revoked; one account's never sign for another's."""

import pytest

from domains import dkim
from domains.dkim.keys import seal, unseal
from domains.models import DkimKey, Domain, KeyState
from tests.cast import Cast


@pytest.fixture(autouse=True)
def _fresh() -> None:
    dkim.forget()


def test_a_domain_gets_two_keys_under_its_accounts_selectors(cast: Cast) -> None:
    keys = list(DkimKey.objects.filter(domain__account=cast.account).order_by("selector"))
    number = cast.account.pk
    assert [key.selector for key in keys] == [f"p{number}e1", f"p{number}r1"]
    again = dkim.create_keys(keys[0].domain)
    assert [key.selector for key in again] == [f"p{number}r2", f"p{number}e2"]


def test_private_keys_are_not_readable_in_the_row(cast: Cast) -> None:
    raw = bytes(DkimKey.objects.get(algorithm="ed25519", domain__account=cast.account).private_key)
    assert len(raw) > 60 and not raw.startswith(b"0")
    with pytest.raises(dkim.KeyUnreadable):
        unseal(raw, context=b"another row")


@pytest.mark.parametrize("broken", [b"", b"\xff" + b"x" * 60, b"\x01short"])
def test_what_does_not_open_says_so(broken: bytes) -> None:
    with pytest.raises(dkim.KeyUnreadable):
        unseal(broken, context=b"row")
    assert unseal(seal(b"secret", context=b"row"), context=b"row") == b"secret"


def test_signing_keys_are_the_active_ones_rsa_first(cast: Cast) -> None:
    found = dkim.signing_keys(cast.account.pk, "shop.example")
    assert [key.algorithm for key in found] == ["rsa", "ed25519"]
    assert dkim.signing_keys(cast.other_account.pk, "shop.example") == ()
    DkimKey.objects.filter(algorithm="rsa").update(state=KeyState.NEXT)
    dkim.forget()
    found = dkim.signing_keys(cast.account.pk, "shop.example")
    assert [key.algorithm for key in found] == ["ed25519"]


def test_a_key_that_dns_lost_leaves_the_signing_to_those_it_has(cast: Cast) -> None:
    mine = DkimKey.objects.filter(domain__account=cast.account)
    domain = Domain.objects.of(cast.account).get()
    dkim.create_keys(domain, state=KeyState.NEXT)

    def selectors() -> list[str]:
        dkim.forget()
        return [key.selector for key in dkim.signing_keys(cast.account.pk, "shop.example")]

    number = cast.account.pk
    assert selectors() == [f"p{number}r1", f"p{number}e1"]
    mine.filter(selector=f"p{number}r1").update(published=False)
    assert selectors() == [f"p{number}e1"]
    mine.filter(selector=f"p{number}r2").update(published=True)
    assert selectors() == [f"p{number}r2", f"p{number}e1"]
    mine.update(published=False)
    assert selectors() == [f"p{number}r1", f"p{number}e1"]  # nothing is known to be better
