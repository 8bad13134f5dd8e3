"""Mail in the partition of this month, and a clock that has moved on."""

from datetime import UTC, datetime, timedelta

from django.db import connection
from django.utils import timezone

from analytics.models import FoldCursor
from config.ids import uuid7
from tests.transactional.mail import delivered_mail
from tokens.models import Account
from transactional import events
from transactional.events import NewEvent
from transactional.models import Body, DeliveryAttempt, QueueRow, Recipient, VersionFold, partitions

LATER = 500  # days: older than anything is kept
END = "ffffffff-ffff-ffff-ffff-ffffffffffff"


def later(days: int = LATER) -> datetime:
    return timezone.now() + timedelta(days=days)


def mail(account: Account, *, queued: bool = False) -> Recipient:
    """A delivered message with its content, a try and an event; or one that still waits."""
    row = delivered_mail(account, status="queued" if queued else "delivered")
    Body.objects.create(id=row.message_id, raw=b"x")
    DeliveryAttempt.objects.create(
        message_id=row.message_id, recipient=row, account=account, number=1,
        at=timezone.now(), duration_ms=5, stage="dot", code=250, reply="250 kept",
    )  # fmt: skip
    events.append(
        [
            NewEvent(
                account_id=account.pk, message_id=row.message_id, recipient_id=row.pk,
                campaign_id=row.message.campaign_id, type="delivered", at=timezone.now(),
                data={"response": "250 kept for reader@far.example", "attempt": 1},
            )
        ]
    )  # fmt: skip
    if queued:
        QueueRow.objects.create(
            id=row.pk, message_id=row.message_id, account=account, stream_id=1, lane=1,
            domain="far.example", due_at=timezone.now(), deliver_by=later(),
        )  # fmt: skip
    return row


def all_read() -> None:
    """Every reader of the log has come to its end."""
    for model in (FoldCursor, VersionFold):
        model.objects.update_or_create(name="all", defaults={"xid": 2**60, "event_id": END})
        model.objects.exclude(name="all").delete()


def count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM "{table}"')
        return int(cursor.fetchone()[0])


def names(table: str = "transactional_message") -> list[str]:
    return [one.name for one in partitions.listing() if one.table == table]


def this_month(table: str) -> str:
    return f"{table}_{datetime.now(UTC):%Y%m}"


def message_id_of(at: datetime) -> str:
    return (
        str(uuid7()) if at is None else f"{int(at.timestamp() * 1000):012x}-7000-8000-000000000000"
    )
