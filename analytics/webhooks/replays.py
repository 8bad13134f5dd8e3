"""Deliveries looked at, sent again, and removed when they are old."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from analytics.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from analytics.webhooks import endpoints
from config.errors import PostinoError, Refusal
from config.ids import uuid7_floor
from tokens import audit

IDS_MOST = 500  # of one call
COUNTED = 1000  # rows that are counted; a page says `1000+` beyond
PRUNED = 5000  # rows removed per transaction


def of(row: WebhookEndpoint, state: str = "") -> "QuerySet[WebhookDelivery]":
    """An endpoint's deliveries, or those in one state."""
    rows: QuerySet[WebhookDelivery] = WebhookDelivery.objects.of(row.account_id).filter(
        endpoint_id=row.pk
    )
    return rows.filter(state=state) if state else rows


def count(row: WebhookEndpoint, state: str) -> int:
    """How many are in a state, counted up to COUNTED + 1."""
    return of(row, state).order_by()[: COUNTED + 1].count()


def again(row: WebhookEndpoint, ids: Sequence[uuid.UUID], *, by: str) -> int:
    """Send these again, whatever became of them, unless they wait already; how many.

    Raises PostinoError.
    """
    endpoints.running(row)
    if not 0 < len(ids) <= IDS_MOST:
        words = f"Name 1 to {IDS_MOST} deliveries."
        raise PostinoError(Refusal("INVALID_VALUE", words, pointer="ids"))
    with transaction.atomic():
        rows = of(row).filter(pk__in=list(ids)).exclude(state=DeliveryState.WAITING)
        done = rows.update(state=DeliveryState.WAITING, step=0, due_at=timezone.now(), lease=None)
        if done:
            _note(row, by, done)
    return done


def since(row: WebhookEndpoint, at: datetime, *, everything: bool = False, by: str) -> None:
    """Send again what was not taken since a moment: dead letters, and what never became a delivery.

    `everything`: also what was delivered. The engine goes through the log for it. Raises PostinoError.
    """
    endpoints.running(row)
    now = timezone.now()
    if not now - timedelta(days=settings.WEBHOOK_DAYS) <= at <= now:
        words = f"Choose a moment of the last {settings.WEBHOOK_DAYS} days."
        raise PostinoError(Refusal("INVALID_VALUE", words, pointer="since"))
    with transaction.atomic():
        WebhookEndpoint.objects.of(row.account_id).filter(pk=row.pk).update(
            **endpoints.window(at, now), replay_all=everything
        )
        _note(row, by, None)
    row.refresh_from_db()


def _note(row: WebhookEndpoint, by: str, number: int | None) -> None:
    what = "webhook.replayed" if number is not None else "webhook.replayed_since"
    audit.record(
        row.account_id, what, by=by, target=f"webhook:{row.pk}",
        name=row.description or row.url.partition("?")[0][:200],
        data={} if number is None else {"number": number},
    )  # fmt: skip


_PRUNE = """
DELETE FROM analytics_webhookdelivery WHERE id IN (
    SELECT id FROM analytics_webhookdelivery WHERE id < %s ORDER BY id LIMIT %s
)
"""
_PRUNE_DELETED = """
DELETE FROM analytics_webhookdelivery WHERE id IN (
    SELECT d.id FROM analytics_webhookendpoint e
    CROSS JOIN LATERAL (
        SELECT id FROM analytics_webhookdelivery WHERE endpoint_id = e.id ORDER BY id DESC LIMIT %s
    ) d WHERE e.deleted_at IS NOT NULL LIMIT %s
)
"""


def prune(now: datetime) -> int:
    """Remove deliveries past their time, and those of deleted endpoints, a batch of each; how many."""
    oldest = uuid7_floor(now - timedelta(days=settings.WEBHOOK_DAYS))
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE, [oldest, PRUNED])
        old = int(cursor.rowcount)
        cursor.execute(_PRUNE_DELETED, [PRUNED, PRUNED])
        left = int(cursor.rowcount)
    if left < PRUNED:
        past = now - timedelta(days=1)  # a worker may still hold what it had claimed
        WebhookEndpoint.objects.filter(deleted_at__lt=past).delete()
    return max(old, left)
