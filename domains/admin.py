"""Operators' view of floor 2. Private keys are never shown, nor is their sealed form."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join

from domains.findings import sentence_of
from domains.models import DkimKey, Domain, EgressSource, Pool, PoolMember


def _told(findings: Sequence[dict[str, Any]]) -> str:
    """A line for each finding: purpose, host, code, values found, sentence."""
    lines = [
        (f["purpose"], f["host"], f["code"], " | ".join(f.get("found", ())), sentence_of(f))
        for f in findings
    ]
    return format_html_join("", "<div>{} {}: {} {} {}</div>", lines)


class DkimKeyInline(admin.TabularInline[DkimKey, Domain]):
    """A domain's keys: only whether they sign may change."""

    model = DkimKey
    extra = 0
    fields = ("selector", "algorithm", "public_key", "active", "created_at")
    readonly_fields = ("selector", "algorithm", "public_key", "created_at")

    def has_add_permission(self, request: HttpRequest, obj: Domain | None = None) -> bool:
        """Keys are minted, never typed."""
        return False


@admin.register(Domain)
class DomainAdmin(admin.ModelAdmin[Domain]):
    """Domains of all accounts."""

    list_display = ("name", "account", "state", "tracking_ready", "checked_at", "next_check_at")
    list_filter = ("state", "tracking_ready")
    search_fields = ("name", "account__name")
    list_select_related = ("account",)
    raw_id_fields = ("account",)
    exclude = ("findings",)
    readonly_fields = ("told", "verified_at", "checked_at", "created_at")
    inlines = (DkimKeyInline,)

    @admin.display(description="What the last check found")
    def told(self, domain: Domain) -> str:
        """The findings in words."""
        return _told(domain.findings)


@admin.register(DkimKey)
class DkimKeyAdmin(admin.ModelAdmin[DkimKey]):
    """Keys of all domains, to deactivate one that leaked."""

    list_display = ("selector", "domain", "algorithm", "active", "created_at")
    list_filter = ("algorithm", "active")
    search_fields = ("selector", "domain__name")
    list_select_related = ("domain",)
    fields = ("domain", "selector", "algorithm", "public_key", "active", "created_at")
    readonly_fields = ("domain", "selector", "algorithm", "public_key", "created_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Keys are minted, never typed."""
        return False


@admin.register(EgressSource)
class EgressSourceAdmin(admin.ModelAdmin[EgressSource]):
    """IPs of all accounts and of the operator's shared pools."""

    list_display = ("address", "ehlo_name", "account", "state", "checked_at", "next_check_at")
    list_filter = ("state",)
    search_fields = ("address", "ehlo_name", "account__name")
    list_select_related = ("account",)
    raw_id_fields = ("account",)
    exclude = ("findings",)
    readonly_fields = ("told", "ready_at", "checked_at", "created_at")

    @admin.display(description="What the last check found")
    def told(self, source: EgressSource) -> str:
        """The findings in words."""
        return _told(source.findings)


class PoolMemberInline(admin.TabularInline[PoolMember, Pool]):
    """The sources of a pool, with their shares."""

    model = PoolMember
    extra = 0
    raw_id_fields = ("source",)


@admin.register(Pool)
class PoolAdmin(admin.ModelAdmin[Pool]):
    """Pools that streams send from."""

    list_display = ("name", "account", "dedicated")
    list_filter = ("dedicated",)
    list_select_related = ("account",)
    raw_id_fields = ("account",)
    inlines = (PoolMemberInline,)
