"""Reports about the cast's domain, and From addresses of others' domains: what their pages show."""

from datetime import timedelta

from django.utils import timezone

from domains.models import Domain
from tests.domains.reported import make_reports
from tokens.models import Account
from transactional.models import SenderAddress
from transactional.submission import senders


def make_senders(account: Account) -> None:
    """Three weeks of reports, a confirmed address and one that waits."""
    make_reports(Domain.objects.of(account).get(name="shop.example"))
    for state, name in (("confirmed", "anna"), ("pending", "a-rather-long-mailbox-name")):
        SenderAddress.objects.create(
            account=account,
            address=f"{name}@studio.example",
            sends_as="hello@shop.example",
            state=state,
            nonce="n",
            asked_by="alice@shop.example",
        )


def confirmation(account: Account) -> str:
    """The token of the link that confirms the one that waits."""
    row = SenderAddress.objects.of(account).get(state="pending")
    return senders.token(row, ends=timezone.now() + timedelta(days=1))
