"""Chores of webhooks: what takes nothing for days is switched off and told; what is old is removed."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from analytics.models import DeliveryState, EndpointState, WebhookDelivery, WebhookEndpoint
from analytics.tasks.webhooks import forget_webhooks, tend_webhooks
from analytics.webhooks import endpoints, replays
from config.ids import uuid7, uuid7_floor
from tests.cast import Cast
from tests.database import breaking
from tokens.models import Account, AuditEntry
from transactional.models import Message

URL = "https://8.8.8.8/hook"


def hook(account: Account, **values: Any) -> WebhookEndpoint:
    row, _ = endpoints.create(account, {"url": URL, "description": "Shop"}, by="a")
    WebhookEndpoint.objects.of(account).filter(pk=row.pk).update(**values)
    row.refresh_from_db()
    return row


def letter(row: WebhookEndpoint, *, days: float = 0) -> WebhookDelivery:
    at = timezone.now() - timedelta(days=days)
    made: WebhookDelivery = WebhookDelivery.objects.create(
        id=uuid7_floor(at) if days else uuid7(), account_id=row.account_id, endpoint_id=row.pk,
        event_id=uuid7(), type="opened", state=DeliveryState.DEAD, due_at=at,
    )  # fmt: skip
    return made


@pytest.mark.parametrize("lang", ["en", "it"])
def test_what_takes_nothing_for_days_is_switched_off_and_told_once(cast: Cast, lang: str) -> None:
    cast.alice.language = lang
    cast.alice.save()
    now = timezone.now()
    row = hook(cast.account, failing_since=now - timedelta(days=3, hours=1), last_failed_at=now)
    tend_webhooks()
    tend_webhooks()
    row.refresh_from_db()
    assert row.state == EndpointState.DISABLED and row.told_at is not None
    (mail,) = Message.objects.of(cast.account)
    assert "Shop" in mail.subject and ("disattivato" in mail.subject) == (lang == "it")
    assert AuditEntry.objects.of(cast.account).filter(what="webhook.disabled").count() == 1


def test_what_was_not_tried_lately_or_fails_for_hours_goes_on(cast: Cast) -> None:
    now = timezone.now()
    hook(
        cast.account, failing_since=now - timedelta(days=9), last_failed_at=now - timedelta(days=8)
    )
    hook(cast.account, failing_since=now - timedelta(hours=60), last_failed_at=now)
    tend_webhooks()
    assert set(WebhookEndpoint.objects.values_list("state", flat=True)) == {"enabled"}
    assert not Message.objects.exists()


def test_one_that_is_gone_is_told(cast: Cast) -> None:
    hook(cast.account, state=EndpointState.GONE, stopped_at=timezone.now())
    tend_webhooks()
    assert Message.objects.of(cast.account).count() == 1


def test_who_cannot_be_told_now_is_told_later_but_not_for_ever(cast: Cast, settings: Any) -> None:
    row = hook(cast.account, state=EndpointState.GONE, stopped_at=timezone.now())
    settings.PLATFORM_FROM = "ops@nowhere.example"  # on no verified domain: nobody to write as
    tend_webhooks()
    row.refresh_from_db()
    assert row.told_at is None and not Message.objects.exists()
    settings.PLATFORM_FROM = ""
    row.stopped_at = timezone.now() - timedelta(days=2)
    row.save()
    tend_webhooks()
    assert not Message.objects.exists()
    row.stopped_at = timezone.now()
    row.save()
    tend_webhooks()
    row.refresh_from_db()
    assert row.told_at is not None and Message.objects.of(cast.account).count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "where", ["INSERT ON transactional_message", "UPDATE OF told_at ON analytics_webhookendpoint"]
)
def test_a_failure_on_the_way_leaves_neither_mail_nor_mark(cast: Cast, where: str) -> None:
    """The database goes away while the mail is stored, or right after it."""
    row = hook(cast.account, state=EndpointState.GONE, stopped_at=timezone.now())
    with breaking(where):
        tend_webhooks()
    row.refresh_from_db()
    assert row.told_at is None and not Message.objects.exists()
    tend_webhooks()
    row.refresh_from_db()
    assert row.told_at is not None and Message.objects.of(cast.account).count() == 1


def test_old_deliveries_and_those_of_deleted_webhooks_are_removed(
    cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "PRUNED", 2)
    settings.WEBHOOK_DAYS = 14
    kept, gone = hook(cast.account), hook(cast.account)
    recent = [letter(kept), letter(kept, days=13)]
    for days in (14.1, 15, 16, 17, 18):
        letter(kept, days=days)
    for _ in range(3):
        letter(gone)
    endpoints.delete(gone, by="a")
    forget_webhooks()
    assert set(WebhookDelivery.objects.values_list("pk", flat=True)) == {row.pk for row in recent}
    WebhookEndpoint.objects.of(cast.account).filter(pk=gone.pk).update(
        deleted_at=timezone.now() - timedelta(days=2)
    )
    forget_webhooks()
    assert list(WebhookEndpoint.objects.values_list("pk", flat=True)) == [kept.pk]
