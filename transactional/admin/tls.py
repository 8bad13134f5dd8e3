"""Operators' view of other people's TLS: what is remembered may be removed, so that it is learnt anew."""

from django.contrib import admin
from django.contrib.admin.options import ModelAdmin

from transactional.models import BrokenTls, StsPolicy, TlsCount, TlsReportSent


@admin.register(StsPolicy)
class StsPolicyAdmin(ModelAdmin[StsPolicy]):
    """Policies as they were fetched."""

    list_display = ("domain", "mode", "fetched_at", "expires_at", "failed_at", "error")
    list_filter = ("mode",)
    search_fields = ("domain",)


@admin.register(BrokenTls)
class BrokenTlsAdmin(ModelAdmin[BrokenTls]):
    """Servers spoken to in clear; removing one has its STARTTLS tried again within a minute."""

    list_display = ("host", "address", "port", "error", "seen_at", "until")
    search_fields = ("host", "address")


@admin.register(TlsCount)
class TlsCountAdmin(ModelAdmin[TlsCount]):
    """Counts for the reports of a day."""

    list_display = ("day", "domain", "policy", "mx", "result", "count")
    list_filter = ("policy", "result")
    search_fields = ("domain", "mx")


@admin.register(TlsReportSent)
class TlsReportSentAdmin(ModelAdmin[TlsReportSent]):
    """Reports that went out, or could not."""

    list_display = ("day", "domain", "to", "error", "at")
    search_fields = ("domain",)
