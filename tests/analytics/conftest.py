"""A message that was sent, and events of any age, for tests of what is counted."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.ids import uuid7
from tests.cast import make_email
from tokens.models import Account
from transactional import events
from transactional.events import NewEvent
from transactional.models import Campaign, Email, Message, Recipient

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Sent:
    email: Email
    campaign: Campaign
    message: Message
    recipients: list[Recipient]

    def happened(
        self, kind: str, recipient: int = 0, *, at: datetime = NOON, **more: Any
    ) -> NewEvent:
        """An event of one of the recipients, not yet written."""
        return NewEvent(
            account_id=self.campaign.account_id,
            message_id=self.message.pk,
            recipient_id=self.recipients[recipient].pk,
            campaign_id=self.campaign.pk,
            type=kind,
            at=at,
            **more,
        )

    def write(self, *kinds: str, recipient: int = 0, day: int = 0) -> None:
        """Write one event of each kind, `day` days after the first day."""
        at = NOON + timedelta(days=day)
        events.append([self.happened(kind, recipient, at=at) for kind in kinds])


def make_sent(account: Account, addresses: tuple[str, ...] = ("ann@reader.example",)) -> Sent:
    email = make_email(account)
    message = Message.objects.create(
        account=account,
        campaign=email.campaign,
        kind="transactional",
        source="api",
        credential="api:1",
        from_address="orders@shop.example",
        from_domain="shop.example",
        subject="Order 7",
        message_id=f"{uuid.uuid4().hex}@shop.example",
        size=100,
    )
    recipients = [
        Recipient.objects.create(
            id=uuid7(),
            message=message,
            account=account,
            address=address,
            kind="to",
            status="delivered",
            status_at=NOON,
        )
        for address in addresses
    ]
    return Sent(email, email.campaign, message, recipients)


@pytest.fixture
def sent(account: Account) -> Sent:
    return make_sent(account, ("ann@reader.example", "ben@reader.example", "cem@reader.example"))


@pytest.fixture
def counted(transactional_db: None, cast: Any) -> Sent:
    """A sent message in a database whose commits are real: folds read only what is committed."""
    return make_sent(cast.account, ("ann@a.example", "ben@a.example", "cem@a.example"))


@pytest.fixture
def send(account: Account) -> Callable[..., Sent]:
    return make_sent


@pytest.fixture
def spool_dir(tmp_path: Path, settings: Any) -> Path:
    """A spool of this test's own."""
    settings.DATA_DIR = tmp_path
    return tmp_path / "spool"
