"""Operators' view of the counters: to be read; `manage.py rollup rebuild` is what mends them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from analytics.models import CampaignDay, FirstEngagement, FoldCursor


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


@admin.register(FirstEngagement)
class FirstEngagementAdmin(ReadOnly):
    """The first open and click of each recipient."""

    list_display = ("recipient_id", "kind", "at")
    search_fields = ("=recipient_id",)
    ordering = ("-pk",)


@admin.register(FoldCursor)
class FoldCursorAdmin(ReadOnly):
    """How far the roll-up has read."""

    list_display = ("name", "xid", "event_id")
