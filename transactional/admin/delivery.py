"""Operators' view of delivery: limits towards receivers and the answers that slow us down."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.options import ModelAdmin

from transactional.models import ShapingProfile, ShapingRule


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
