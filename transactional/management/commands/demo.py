"""`manage.py demo`: the account that `make run` shows, and DATA_DIR/quickstart.json about it.

Running it again makes nothing twice; secrets are made anew only where the file was lost.
"""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from config import certificate
from domains import checks, dkim, pools, source_checks
from domains.models import Domain, EgressSource
from tokens import credentials
from tokens.models import Account, Membership, Role, User
from transactional.compose import versions
from transactional.models import Campaign, Email, Stream

NAME = "Demo shop"
DOMAIN = "shop.example"
DEDICATED = ("127.0.0.20", f"mail.{DOMAIN}")
SHARED = ("127.0.0.30", "shared.sandbox.test")
EMAIL = f"owner@{DOMAIN}"
RECEIPT = Path(__file__).parent / "demo_receipt.html"
SAMPLE = {
    "contact": {"firstname": "Anna"},
    "custom": {
        "order_id": "A-10293",
        "total": "125.40 €",
        "url": "https://shop.example/orders/A-10293",
        "items": [
            {"name": "Espresso cups, set of four", "price": "48.00 €"},
            {"name": "Moka pot", "price": "77.40 €"},
        ],
    },
}


class Command(BaseCommand):
    """Set the demo up, once."""

    help = "Make the demo account with its domain, IP, receipt and credentials (sandbox only)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError outside the sandbox: demo data has no place in a real installation."""
        if not settings.SANDBOX:
            raise CommandError("The demo belongs to the sandbox: set SANDBOX=true, or `make run`.")
        target = settings.DATA_DIR / "quickstart.json"
        if target.exists() and Account.objects.filter(name=NAME).exists():
            facts = json.loads(target.read_text())
        else:
            with transaction.atomic():
                facts = _make()
        # Each start checks anew: the sandbox's DNS may have another port, or a check been cut off
        checks.check_domains(list(Domain.objects.filter(name=DOMAIN)))
        source_checks.check_sources(list(EgressSource.objects.all()))
        _write(target, {**facts, **_addresses()})


def _make() -> dict[str, Any]:
    """The account and all it owns; what quickstart.json says of it."""
    account, _ = Account.objects.get_or_create(name=NAME, defaults={"transactional_enabled": True})
    password = secrets.token_urlsafe(12)
    user = User.objects.filter(email=EMAIL).first() or User(email=EMAIL, name="Demo owner")
    user.is_staff = user.is_superuser = True  # the demo shows Django admin too
    user.set_password(password)
    user.save()
    Membership.objects.get_or_create(account=account, user=user, defaults={"role": Role.OWNER})
    domain, made = Domain.objects.get_or_create(account=account, name=DOMAIN)
    if made:
        dkim.create_keys(domain)
    _source(account, DEDICATED)
    _source(None, SHARED)
    for kind in ("transactional", "marketing"):
        Stream.objects.default(account, kind)
    _, api_key = credentials.create_api_key(
        account,
        name="Quickstart",
        scopes=["transactional-email", "marketing-email"],
        by=EMAIL,
    )
    token, smtp_password = credentials.create_smtp(
        account, campaign_name="Quickstart", create_contact=True, by=EMAIL
    )
    Campaign.objects.open_for(token)
    return {
        "username": EMAIL,
        "password": password,
        "api_key": api_key,
        "email_id": _receipt(account).pk,
        "smtp": {"username": token.username, "password": smtp_password},
    }


def _source(account: Account | None, facts: tuple[str, str]) -> None:
    address, ehlo_name = facts
    source, _ = EgressSource.objects.get_or_create(
        address=address, defaults={"account": account, "ehlo_name": ehlo_name}
    )
    pools.add(pools.dedicated_pool(account) if account else pools.shared_pool(), source)


def _receipt(account: Account) -> Email:
    """The published receipt: contact and custom properties, a link, and a loop."""
    found = Email.objects.of(account).filter(name="Order receipt").first()
    if found is not None:
        return found  # type: ignore[no-any-return]
    email = Email.objects.create(
        account=account,
        campaign=Campaign.objects.create(account=account, name="Order receipt"),
        name="Order receipt",
        subject="Your order {{ custom.order_id }}",
        preview_text="Thank you, {{ contact.firstname }}. The total is {{ custom.total }}.",
        html=RECEIPT.read_text(),
        from_name="Demo shop",
        from_address=f"orders@{DOMAIN}",
        sample=SAMPLE,
        updated_by=EMAIL,
    )
    versions.publish(email, by=EMAIL)
    return email


def _addresses() -> dict[str, Any]:
    """Where things are; ports may change from one start to the next."""
    return {
        "url": settings.PUBLIC_URL,
        "sandbox_inbox_url": f"{settings.PUBLIC_URL}/sandbox/",
        "maildir": str(settings.DATA_DIR / "sandbox" / "maildir"),
        "dns": {"host": "127.0.0.1", "port": settings.SANDBOX_DNS_PORT},
    }


def _smtp() -> dict[str, Any]:
    files = certificate.given_or_own(
        cert=settings.SMTP_TLS_CERT,
        key=settings.SMTP_TLS_KEY,
        directory=settings.DATA_DIR / "tls",
        names=(settings.SMTP_HOSTNAME,),
    )
    return {
        "host": "localhost",
        "port": settings.SMTP_PORT,
        "tls_port": settings.SMTPS_PORT,
        "ca_file": str(files.cert),
    }


def _write(target: Path, facts: dict[str, Any]) -> None:
    """Whole or not at all, and for its owner alone: it holds passwords."""
    if "smtp" in facts:
        facts["smtp"] = {**facts["smtp"], **_smtp()}
    fresh = target.with_suffix(".new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as out:
        json.dump(facts, out, indent=2)
        out.write("\n")
    fresh.replace(target)
