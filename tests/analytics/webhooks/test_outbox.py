"""From the log to deliveries: nothing without an endpoint, nothing missed that commits late."""

import asyncio
from typing import Any

import psycopg
import pytest

from analytics.models import FoldCursor, WebhookDelivery, WebhookEndpoint
from analytics.webhooks import endpoints, outbox
from analytics.webhooks.outbox import Turn
from config.database import parameters
from config.ids import uuid7
from tests.analytics.conftest import Sent
from tokens.models import Account

pytestmark = pytest.mark.django_db(transaction=True)
EVENT = (
    "INSERT INTO transactional_event (id, account_id, message_id, type, at, data)"
    " VALUES (%s, %s, %s, 'delivered', now(), '{}')"
)


class Counting(psycopg.AsyncConnection[Any]):
    """A connection that counts what it is asked."""

    asked = 0

    async def execute(self, *args: Any, **more: Any) -> Any:
        Counting.asked += 1
        return await super().execute(*args, **more)


def advance(**more: Any) -> Turn:
    async def run() -> Turn:
        async with await Counting.connect(**parameters(), autocommit=True) as connection:
            return await outbox.advance(connection, **more)

    return asyncio.run(run())


def hook(account: Account) -> WebhookEndpoint:
    row: WebhookEndpoint = WebhookEndpoint.objects.create(
        account=account, url="https://8.8.8.8/", created_by="a", since_xid=endpoints._present()
    )
    advance()  # makes the cursor
    return row


def test_without_an_endpoint_the_log_is_not_read(account: Account, sent: Sent) -> None:
    sent.write("accepted", "delivered")
    Counting.asked = 0
    assert advance() == Turn(wanted=False)
    assert Counting.asked == 1
    assert not FoldCursor.objects.filter(name=outbox.CURSOR).exists()
    assert not WebhookDelivery.objects.exists()


def test_what_was_before_it_is_not_told(account: Account, sent: Sent) -> None:
    sent.write("accepted")
    hook(account)
    sent.write("delivered")
    assert advance().made == 1
    assert advance().made == 0


def test_what_commits_late_is_neither_missed_nor_overtaken(account: Account, sent: Sent) -> None:
    hook(account)
    with psycopg.connect(**parameters()) as late:
        late.execute(EVENT, [uuid7(), account.pk, sent.message.pk])
        sent.write("opened", "clicked")  # begun later, committed before
        assert advance().made == 0
        late.commit()
    assert advance().made == 3


def test_a_batch_at_a_time_and_each_event_once(account: Account, sent: Sent) -> None:
    hook(account)
    hook(account)
    sent.write(*["delivered"] * 7)
    made = [advance(limit=3) for _ in range(4)]
    assert [(turn.made, turn.more) for turn in made] == [
        (6, True),
        (6, True),
        (2, False),
        (0, False),
    ]
    # The same events again make no second rows
    FoldCursor.objects.filter(name=outbox.CURSOR).update(xid=0)
    assert advance().made == 0
    assert WebhookDelivery.objects.count() == 14


def test_a_restored_database_goes_on_from_its_present(account: Account, sent: Sent) -> None:
    row = hook(account)
    FoldCursor.objects.filter(name=outbox.CURSOR).update(xid=2**40)
    WebhookEndpoint.objects.of(account).filter(pk=row.pk).update(since_xid=2**40)
    advance()
    sent.write("delivered")
    assert advance().made == 1
