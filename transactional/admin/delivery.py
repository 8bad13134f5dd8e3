"""Operators' view of delivery: limits towards receivers and the answers that slow us down."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest

from transactional.incidents import breaker
from transactional.models import (
    ClockJump,
    ClockMark,
    Incident,
    IncidentAccount,
    ShapingProfile,
    ShapingRule,
)


@admin.register(ShapingProfile)
class ShapingProfileAdmin(ModelAdmin[Any]):
    """How fast receivers are spoken to; workers take a change over within seconds."""

    list_display = ("name", "provider", "connections", "per_minute", "per_session")
    search_fields = ("name", "provider", "endings")


@admin.register(ShapingRule)
class ShapingRuleAdmin(ModelAdmin[Any]):
    """Answers that ask to slow down."""

    list_display = ("name", "provider", "pattern", "hits", "action", "value", "minutes", "enabled")
    list_filter = ("provider", "action", "enabled")
    search_fields = ("name", "pattern")


@admin.register(Incident)
class IncidentAdmin(ModelAdmin[Any]):
    """Circuit breakers; an operator who knows better ends one here."""

    list_display = ("id", "site", "source", "state", "reason", "opened_at", "probes", "closed_at")
    list_filter = ("state",)
    search_fields = ("site", "sample")
    actions = ("end",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never: engines open them."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only by the action."""
        return obj is None

    @admin.action(description="End: let mail flow again")
    def end(self, request: HttpRequest, queryset: QuerySet[Incident]) -> None:
        """Close the chosen ones."""
        who = request.user.get_username()
        done = sum(breaker.close(row.pk, by=who) for row in queryset[:100])
        messages.success(request, f"{done} ended.")


@admin.register(IncidentAccount)
class IncidentAccountAdmin(ModelAdmin[Any]):
    """What incidents meant to accounts, and who undid that."""

    list_display = (
        "id",
        "incident",
        "account",
        "told_at",
        "tell_at",
        "undone_at",
        "requeued",
        "lifted",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


class _Noted(ModelAdmin[Any]):
    """Written by Postino alone."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: later jumps are counted from the earlier ones."""
        return False


@admin.register(ClockJump)
class ClockJumpAdmin(_Noted):
    """Jumps of the database's clock, and how many waiting messages moved along."""

    list_display = ("id", "at", "seconds", "rows", "window", "skew", "moved_at")


@admin.register(ClockMark)
class ClockMarkAdmin(_Noted):
    """The database's clock as each machine that delivers measures it."""

    list_display = ("boot", "seen_at", "base", "steady")
