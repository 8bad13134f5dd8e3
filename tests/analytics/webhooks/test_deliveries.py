"""Which endpoints a claim looks at: each in its turn, however many wait that nothing is posted to."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

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
    async def run() -> deliveries.Walk:
        async with await psycopg.AsyncConnection.connect(**parameters()) as connection:
            return await deliveries.targets(connection, after=after, visits=visits)

    walk = asyncio.run(run())
    return sorted(one.id for one in walk.found), walk.follows


def test_a_walk_goes_on_behind_the_last_and_begins_again(account: Account) -> None:
    assert look(0, 2) == ([], 0)
    paused = [waiting(account, EndpointState.PAUSED) for _ in range(2)]
    first, second = waiting(account), waiting(account)
    assert look(0, 2) == ([], paused[1])
    assert look(paused[1], 2) == ([first, second], second)
    assert look(second, 2) == ([], 0)
    assert look(0, 9) == ([first, second], 0)


HOUR = timedelta(hours=1)
SECONDS = 30.0
Work = Callable[[psycopg.AsyncConnection[Any], deliveries.Target], Awaitable[Any]]


def worked(endpoint: int, work: Work) -> Any:
    """What comes of work on an endpoint."""

    async def run() -> Any:
        async with await psycopg.AsyncConnection.connect(
            **parameters(), autocommit=True
        ) as connection:
            return await work(
                connection, (await deliveries.current(connection, [endpoint]))[endpoint]
            )

    return asyncio.run(run())


@pytest.mark.parametrize(("until", "claimed"), [(None, 1), (HOUR, 1), (-HOUR, 0)])
def test_nothing_is_due_only_because_the_clock_was_set_forward(
    account: Account, until: timedelta | None, claimed: int
) -> None:
    key = waiting(account)
    latest = None if until is None else timezone.now() + until

    async def ask(connection: psycopg.AsyncConnection[Any], target: deliveries.Target) -> Any:
        walk = await deliveries.targets(connection, until=latest)
        wanted = [(target, 9)]
        jobs = await deliveries.claim(
            connection, wanted, lease=uuid7(), seconds=SECONDS, until=latest
        )
        return len(walk.found), len(jobs), walk.at

    found, jobs, at = worked(key, ask)
    assert (found, jobs) == (claimed, claimed)
    assert abs(at - timezone.now()) < timedelta(seconds=5)


@pytest.mark.parametrize("by", [HOUR, -HOUR])
@pytest.mark.parametrize("was_due", [True, False])
def test_waits_count_from_when_they_are_written(
    account: Account, by: timedelta, was_due: bool
) -> None:
    """Whatever the clock of the machine that posts says, and however the database's was set since."""
    key = waiting(account)
    WebhookEndpoint.objects.filter(pk=key).update(failures=9)
    due = timezone.now() + timedelta(seconds=-1 if was_due else 300)
    WebhookDelivery.objects.update(due_at=due)
    lease = uuid7()

    async def fail(connection: psycopg.AsyncConnection[Any], target: deliveries.Target) -> Any:
        jobs = await deliveries.claim(connection, [(target, 9)], lease=lease, seconds=SECONDS)
        jobs = [
            replace(one, due_at=one.due_at + by) for one in jobs
        ]  # as it was stored before a step
        tries = [deliveries.Tried(one, "status", 500, 0, timezone.now() + by, 20) for one in jobs]
        return await deliveries.settle(
            connection, tries, lease=lease, scale=1.0, targets={target.id: target}
        )

    assert worked(key, fail) == 1
    row, endpoint = WebhookDelivery.objects.get(), WebhookEndpoint.objects.get(pk=key)
    waits = (row.due_at - timezone.now()).total_seconds()
    assert (50 < waits < 70) if was_due else (290 < waits <= 300)
    assert endpoint.probe_at is not None and endpoint.failing_since is not None
    assert 5 < (endpoint.probe_at - timezone.now()).total_seconds() <= 600
    assert abs(endpoint.failing_since - timezone.now()) < timedelta(seconds=5)
