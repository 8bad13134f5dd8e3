"""Queue rows as the tests of the queue want them, with what a claim joins to them."""

from datetime import timedelta

from django.utils import timezone

from config.ids import uuid7
from domains import pools
from tokens.models import Account
from transactional.models import Body, Lane, Message, QueueRow, Recipient, Stream


def streams(account: Account, number: int) -> list[int]:
    pool = pools.dedicated_pool(account)
    rows = [
        Stream(account=account, name=f"s{n}", kind="transactional", pool=pool)
        for n in range(number)
    ]
    return sorted(stream.pk for stream in Stream.objects.bulk_create(rows))


def queue(
    account: Account,
    stream: int,
    n: int,
    *,
    lane: Lane = Lane.NORMAL,
    due: float = -60,
    held: bool = False,
    domain: str = "x.example",
) -> None:
    """`n` rows, due so many seconds from now, the first of them first."""
    now = timezone.now()
    message = Message.objects.create(account=account, kind="transactional", source="api")
    Body.objects.create(id=message.pk, raw=b"x")
    ids = [uuid7() for _ in range(n)]
    Recipient.objects.bulk_create(
        Recipient(id=pk, message=message, account=account, address="a@x.example", status="queued")
        for pk in ids
    )
    QueueRow.objects.bulk_create(
        QueueRow(
            id=pk,
            message=message,
            account=account,
            stream_id=stream,
            lane=lane,
            domain=domain,
            due_at=now + timedelta(seconds=due, milliseconds=place),
            deliver_by=now + timedelta(hours=1),
            lease=uuid7() if held else None,
            lease_until=now + timedelta(hours=1) if held else None,
        )
        for place, pk in enumerate(ids)
    )
