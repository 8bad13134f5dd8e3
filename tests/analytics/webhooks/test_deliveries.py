"""Which endpoints a claim looks at: each in its turn, however many wait that nothing is posted to."""

import asyncio

import psycopg
import pytest
from django.utils import timezone

from analytics.models import EndpointState, WebhookDelivery, WebhookEndpoint
from analytics.webhooks import deliveries
from config.database import parameters
from config.ids import uuid7
from tokens.models import Account

pytestmark = pytest.mark.django_db(transaction=True)


def waiting(account: Account, state: str = EndpointState.ENABLED) -> int:
    row = WebhookEndpoint.objects.create(
        account=account, url="https://8.8.8.8/", created_by="a", state=state
    )
    WebhookDelivery.objects.create(
        id=uuid7(), account=account, endpoint=row, event_id=uuid7(), type="delivered",
        due_at=timezone.now(),
    )  # fmt: skip
    return row.pk


def look(after: int, visits: int) -> tuple[list[int], int]:
    async def run() -> tuple[list[deliveries.Target], int]:
        async with await psycopg.AsyncConnection.connect(**parameters()) as connection:
            return await deliveries.targets(connection, after=after, visits=visits)

    found, follows = asyncio.run(run())
    return sorted(one.id for one in found), follows


def test_a_walk_goes_on_behind_the_last_and_begins_again(account: Account) -> None:
    assert look(0, 2) == ([], 0)
    paused = [waiting(account, EndpointState.PAUSED) for _ in range(2)]
    first, second = waiting(account), waiting(account)
    assert look(0, 2) == ([], paused[1])
    assert look(paused[1], 2) == ([first, second], second)
    assert look(second, 2) == ([], 0)
    assert look(0, 9) == ([first, second], 0)
