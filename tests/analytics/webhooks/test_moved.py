"""Webhooks' times after a jump of the database's clock: as far away as before."""

from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from analytics.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from config.ids import uuid7
from tests.transactional.test_clock import HOUR, is_near, jump
from transactional import clock


def waiting(endpoint: WebhookEndpoint, due: datetime, **more: object) -> WebhookDelivery:
    row: WebhookDelivery = WebhookDelivery.objects.create(
        id=uuid7(), account_id=endpoint.account_id, endpoint=endpoint, event_id=uuid7(),
        type="delivered", due_at=due, **more,
    )  # fmt: skip
    return row


def due(row: WebhookDelivery) -> datetime:
    return WebhookDelivery.objects.get(pk=row.pk).due_at  # type: ignore[no-any-return]


@pytest.mark.parametrize("by", [HOUR, -HOUR, 100 * HOUR])
def test_tries_leases_and_probes_move_along(endpoint: WebhookEndpoint, by: float) -> None:
    clock.settle()
    old = timezone.now() - timedelta(seconds=by)  # what the clock said before
    endpoint.probe_at = old + timedelta(seconds=300)
    endpoint.failing_since = old - timedelta(seconds=600)
    endpoint.failures = 9
    endpoint.save()
    later = waiting(endpoint, old + timedelta(seconds=600))
    leased = waiting(endpoint, old + timedelta(seconds=20), lease=uuid7())
    dead = waiting(endpoint, old, state=DeliveryState.DEAD)
    fresh = waiting(endpoint, timezone.now())
    before = due(fresh)
    jump(by)
    clock.settle(window=1.0)
    assert is_near(due(later), 600)
    assert is_near(due(leased), settings.LEASE_SECONDS)
    assert due(dead) == dead.due_at and due(fresh) == before
    endpoint.refresh_from_db()
    assert endpoint.probe_at is not None and is_near(endpoint.probe_at, 300)
    assert endpoint.failing_since is not None and is_near(endpoint.failing_since, -600)
    clock.settle()
    assert is_near(due(later), 600)  # once


def test_what_does_not_wait_is_left_alone(endpoint: WebhookEndpoint) -> None:
    clock.settle()
    jump(HOUR)
    clock.settle(window=1.0)
    endpoint.refresh_from_db()
    assert (endpoint.probe_at, endpoint.failing_since) == (None, None)
