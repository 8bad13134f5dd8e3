"""The fixed cast: Alice owns an account, Bob is a viewer of it, Charlie is a stranger.

Their account has a verified domain, `shop.example`, and a ready dedicated IP; Charlie's has the
same of its own, so that a stranger is refused for being one and for nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from unittest.mock import patch

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client
from django.utils import timezone

from config import pulse
from domains import dkim, pools
from domains.models import Domain, DomainState, EgressSource, SourceState
from tokens import auth
from tokens.models import Account, Membership, Role, User
from transactional.models import Campaign, Email, Kind
from transactional.submission import facts

PASSWORD = "correct horse battery staple"


_generate = rsa.generate_private_key


@cache
def _one_rsa_key(public_exponent: int, key_size: int) -> rsa.RSAPrivateKey:
    """Minting one takes a third of a second: the cast shares one. Minting is tested elsewhere."""
    return _generate(public_exponent, key_size)


def make_account(name: str, *, domain: str, address: str) -> Account:
    """An account that may send: switch on, domain verified with keys, dedicated IP ready."""
    account = Account.objects.create(name=name, transactional_enabled=True)
    now = timezone.now()
    row = Domain.objects.create(
        account=account, name=domain, state=DomainState.VERIFIED, verified_at=now, checked_at=now
    )
    with patch("domains.dkim.keys.rsa.generate_private_key", _one_rsa_key):
        dkim.create_keys(row)
    source = EgressSource.objects.create(
        account=account,
        address=address,
        ehlo_name=f"mail.{domain}",
        state=SourceState.READY,
        ready_at=now,
    )
    pools.add(pools.dedicated_pool(account), source)
    return account


def make_user(email: str, account: Account | None = None, role: Role = Role.OWNER) -> User:
    user = User.objects.create_user(email, PASSWORD)
    if account is not None:
        Membership.objects.create(account=account, user=user, role=role)
    return user


def make_email(account: Account, **fields: object) -> Email:
    """A draft with a subject, a body with a link, and a From on the account's domain."""
    domain = Domain.objects.of(account).first()
    values: dict[str, object] = {
        "name": "Receipt",
        "subject": "Order {{ custom.order_id }}",
        "html": "<html><body><p>Hello {{ contact.firstname }}</p>"
        '<a href="https://shop.example/o/{{ custom.order_id }}">Order</a></body></html>',
        "from_name": "Shop",
        "from_address": f"orders@{domain.name if domain else 'shop.example'}",
        "kind": Kind.TRANSACTIONAL,
        **fields,
    }
    campaign = Campaign.objects.create(account=account, name=str(values["name"]))
    return Email.objects.create(account=account, campaign=campaign, **values)


@dataclass(frozen=True)
class Cast:
    account: Account
    other_account: Account
    alice: User
    bob: User
    charlie: User


@pytest.fixture(autouse=True)
def _fresh_facts() -> None:
    """Facts of an account are kept for a second: longer than many a test."""
    facts.forget()
    auth.forget()
    pulse.forget()


@pytest.fixture
def cast(db: None) -> Cast:
    account = make_account("Shop", domain="shop.example", address="127.0.0.10")
    other = make_account("Stranger", domain="stranger.example", address="127.0.0.11")
    return Cast(
        account=account,
        other_account=other,
        alice=make_user("alice@shop.example", account),
        bob=make_user("bob@shop.example", account, Role.VIEWER),
        charlie=make_user("charlie@stranger.example", other),
    )


@pytest.fixture
def account(cast: Cast) -> Account:
    return cast.account


@pytest.fixture
def alice(cast: Cast) -> User:
    return cast.alice


@pytest.fixture
def bob(cast: Cast) -> User:
    return cast.bob


@pytest.fixture
def charlie(cast: Cast) -> User:
    return cast.charlie


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    """A browser in which this user has signed in."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return sign_in
