"""Operators' view of counters and webhooks: to be read; `manage.py rollup rebuild` mends counters."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from analytics.models import (
    CampaignDay,
    ComplaintDay,
    EventTotal,
    FirstEngagement,
    FoldCursor,
    WebhookDelivery,
    WebhookEndpoint,
)


class ReadOnly(admin.ModelAdmin[Any]):
    """Rows that only the roll-up writes."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


@admin.register(CampaignDay)
class CampaignDayAdmin(ReadOnly):
    """Counts per campaign and UTC day."""

    list_display = ("day", "campaign", "account", "sent", "delivered", "opens", "clicks", "bounced")
    list_select_related = ("campaign", "account")
    search_fields = ("=campaign__id", "=account__id")
    ordering = ("-pk",)


@admin.register(ComplaintDay)
class ComplaintDayAdmin(ReadOnly):
    """Deliveries and complaints per domain, IP and UTC day, of the last 40 days."""

    list_display = (
        "day", "domain", "account", "source", "delivered", "complaints", "unreported"
    )  # fmt: skip
    list_select_related = ("account", "source")
    search_fields = ("=domain", "=account__id")
    ordering = ("-pk",)


@admin.register(FirstEngagement)
class FirstEngagementAdmin(ReadOnly):
    """The first open and click of each recipient."""

    list_display = ("recipient_id", "kind", "at", "only_machines", "human_at")
    search_fields = ("=recipient_id",)
    ordering = ("-pk",)


@admin.register(FoldCursor)
class FoldCursorAdmin(ReadOnly):
    """How far the roll-up has read."""

    list_display = ("name", "xid", "event_id")


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnly):
    """Endpoints of every account, and how they take what is posted. Secrets are not shown."""

    list_display = ("id", "account", "url", "state", "failing_since", "last_status", "delivered")
    list_filter = ("state",)
    list_select_related = ("account",)
    search_fields = ("=account__id", "url")
    exclude = ("secret", "old_secret")
    ordering = ("-pk",)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnly):
    """Events on their way to endpoints, and what became of them."""

    list_display = ("id", "endpoint_id", "type", "state", "tries", "due_at", "outcome", "status")
    list_filter = ("state",)
    search_fields = ("=endpoint__id", "=event_id")
    ordering = ("-pk",)
    raw_id_fields = ("endpoint", "account")


@admin.register(EventTotal)
class EventTotalAdmin(ReadOnly):
    """Events by type, of all accounts."""

    list_display = ("type", "count")
