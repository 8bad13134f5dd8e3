"""Operators' view of how long mail is kept; an account may keep less."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.http import HttpRequest

from transactional.models import LogState, ShorterRetention


@admin.register(LogState)
class LogStateAdmin(ModelAdmin[LogState]):
    """How far the log reaches back; written by the hourly task alone."""

    list_display = ("table", "kept_from", "looked_at", "waits_for")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows come by themselves."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """They tell what happened."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Counts rely on them."""
        return False


@admin.register(ShorterRetention)
class ShorterRetentionAdmin(ModelAdmin[ShorterRetention]):
    """Accounts that keep their mail for less long than the settings say."""

    list_display = ("account", "body_days", "message_days")
    search_fields = ("account__name",)
    raw_id_fields = ("account",)
