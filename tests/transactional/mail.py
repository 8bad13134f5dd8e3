"""Stored mail for tests of what happens after its delivery."""

import uuid

from tokens.models import Account
from transactional.models import Campaign, Kind, Message, Recipient, RecipientKind, Source, Status


def delivered_mail(
    account: Account,
    address: str = "reader@far.example",
    *,
    status: str = Status.DELIVERED,
    recipient_id: uuid.UUID | None = None,
) -> Recipient:
    """A recipient of a message that has left."""
    campaign = Campaign.objects.create(account=account, name="Receipts")
    message = Message.objects.create(
        account=account,
        campaign=campaign,
        kind=Kind.TRANSACTIONAL,
        source=Source.SMTP,
        credential="smtp:1",
        from_address="orders@shop.example",
        from_domain="shop.example",
        subject="Your order",
        message_id="1@shop.example",
    )
    extra = {"id": recipient_id} if recipient_id else {}
    return Recipient.objects.create(
        message=message,
        account=account,
        address=address,
        kind=RecipientKind.TO,
        status=status,
        **extra,
    )
