"""Webhooks in every state, with deliveries: what their pages show."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from analytics.models import DeliveryState, EndpointState, WebhookDelivery, WebhookEndpoint
from config.ids import uuid7
from tokens.models import Account
from transactional.models import Event

URL = "https://hooks.studio-with-a-long-name.example/postino/{}?token=a-rather-long-token-in-a-url"


def make_webhooks(account: Account) -> None:
    """One that works, one that fails, one that is gone, one that is paused; deliveries of each kind."""
    now = timezone.now()
    hour = now - timedelta(hours=1)
    states = (
        {"description": "Old shop", "state": EndpointState.GONE, "stopped_at": hour, "told_at": hour},
        {"description": "", "state": EndpointState.PAUSED, "stopped_at": hour},
        {"description": "CRM", "failing_since": hour, "failures": 9, "probes": 3, "probe_at": now,
         "last_status": 503, "last_outcome": "status", "last_failed_at": now},
        {"description": "Shop", "types": ["delivered", "bounced"], "delivered": 10421,
         "last_ok_at": now, "domain": "shop.example", "old_secret_until": now + timedelta(hours=9)},
    )  # fmt: skip
    for number, values in enumerate(states):
        WebhookEndpoint.objects.create(
            account=account, url=URL.format(number), created_by="alice@shop.example", **values
        )
    shop = webhook(account, "Shop")
    event = Event.objects.of(account).earliest("pk")
    kinds = (
        {"state": DeliveryState.DELIVERED, "tries": 1, "status": 204, "outcome": "ok"},
        {"state": DeliveryState.DEAD, "tries": 11, "status": 500, "outcome": "status",
         "history": [{"at": hour.isoformat(), "outcome": "timeout", "status": 0, "ms": 10003}] * 3},
        {"state": DeliveryState.WAITING, "tries": 2, "outcome": "tls"},
    )  # fmt: skip
    for values in kinds:
        WebhookDelivery.objects.create(
            id=uuid7(), account=account, endpoint_id=shop, event_id=event.pk, type=event.type,
            due_at=now, tried_at=now, milliseconds=12, **values,
        )  # fmt: skip


def webhook(account: Account, name: str) -> int:
    """The key of the webhook of this name."""
    return int(WebhookEndpoint.objects.of(account).get(description=name).pk)


def delivery(account: Account, state: str) -> str:
    """The address of a delivery in this state, below the account's."""
    row = WebhookDelivery.objects.of(account).filter(state=state).latest("pk")
    return f"webhooks/{row.endpoint_id}/deliveries/{row.pk}/"


Address = Callable[[Any], str]  # of a World

WEBHOOK_PAGES: dict[str, Address] = {
    "webhooks": lambda w: f"{w.a}/webhooks/",
    "new webhook": lambda w: f"{w.a}/webhooks/new/",
    "webhook": lambda w: f"{w.a}/webhooks/{webhook(w.cast.account, 'Shop')}/",
    "webhook that is gone": lambda w: f"{w.a}/webhooks/{webhook(w.cast.account, 'Old shop')}/",
    "rotate a webhook": lambda w: f"{w.a}/webhooks/{webhook(w.cast.account, 'Shop')}/rotate/",
    "delete a webhook": lambda w: f"{w.a}/webhooks/{webhook(w.cast.account, 'Shop')}/delete/",
    "dead letter": lambda w: f"{w.a}/{delivery(w.cast.account, 'dead')}",
}
