"""`python -m bench.cast`: an account that may send, made by the product's own services.

Joins the installation named by DATA_DIR; prints one line of JSON: credentials and the email's id.
"""

import json
import os
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.utils import timezone  # noqa: E402 — Django first

from bench import message  # noqa: E402
from domains import dkim, pools, records  # noqa: E402
from domains.models import DkimKey, Domain, DomainState, EgressSource, SourceState  # noqa: E402
from tokens import credentials  # noqa: E402
from tokens.models import Account  # noqa: E402
from transactional.compose import versions  # noqa: E402
from transactional.models import Campaign, Email, Stream  # noqa: E402

_BY = "bench"
SOURCE = "127.0.0.1"
OTHER_SOURCE = "127.0.0.2"


def _domain(account: Account, name: str) -> Domain:
    """A verified domain with the keys that one gets by default; no DNS here would confirm it."""
    now = timezone.now()
    domain = Domain.objects.create(
        account=account,
        name=name,
        state=DomainState.VERIFIED,
        verified_at=now,
        checked_at=now,
        next_check_at=now + timedelta(days=1),
    )
    dkim.create_keys(domain)
    return domain


def _source(account: Account, address: str, name: str) -> None:
    """A ready IP of its own, and the streams that leave from it."""
    now = timezone.now()
    source = EgressSource.objects.create(
        account=account,
        address=address,
        ehlo_name=name,
        state=SourceState.READY,
        ready_at=now,
        checked_at=now,
        next_check_at=now + timedelta(days=1),
    )
    pools.add(pools.dedicated_pool(account), source)
    for kind in ("transactional", "marketing"):
        Stream.objects.default(account, kind)


def _login(account: Account) -> dict[str, str]:
    token, password = credentials.create_smtp(
        account, campaign_name=account.name, create_contact=False, by=_BY
    )
    Campaign.objects.open_for(token)
    return {"username": token.username, "password": password}


def other() -> dict[str, str]:
    """A second account, which must not feel what the first one does: its SMTP login."""
    account = Account.objects.create(name="Other", transactional_enabled=True)
    _domain(account, message.OTHER_DOMAIN)
    _source(account, OTHER_SOURCE, f"mail.{message.OTHER_DOMAIN}")
    return _login(account)


def make() -> dict[str, object]:
    """Account, verified domains with the keys that one gets by default and with RSA alone, ready IP, token, key, email."""
    account = Account.objects.create(name="Bench", transactional_enabled=True)
    domains = [_domain(account, name) for name in (message.DOMAIN, message.RSA_DOMAIN)]
    DkimKey.objects.filter(domain=domains[-1]).exclude(algorithm="rsa").delete()
    _source(account, SOURCE, f"mail.{message.DOMAIN}")
    _, key = credentials.create_api_key(
        account, name="Bench", scopes=["transactional-email", "marketing-email"], by=_BY
    )
    email = Email.objects.create(
        account=account,
        campaign=Campaign.objects.create(account=account, name="Bench receipt"),
        name="Bench receipt",
        from_name="Bench shop",
        from_address=message.FROM,
        sample={},
        updated_by=_BY,
        **message.template(),
    )
    versions.publish(email, by=_BY)
    login = _login(account)
    return {
        "smtp": login,
        "other": other(),
        "w": {**login, "domain": message.RSA_DOMAIN},
        "api": {"api_key": key, "email_id": email.pk},
        "dkim": {
            domain.name: {
                f"{key.selector}._domainkey.{domain.name}.": records.key_record(key)
                for key in DkimKey.objects.filter(domain=domain)
            }
            for domain in domains
        },
    }


if __name__ == "__main__":
    print(json.dumps(make()))
