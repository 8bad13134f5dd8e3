"""Operators' view of floor 2. Private keys are never shown, nor is their sealed form."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join

from analytics import complaints
from domains.dkim import rotation
from domains.findings import sentence_of
from domains.models import (
    BlocklistChoice,
    ComplaintPause,
    DkimKey,
    DmarcHostName,
    DmarcReport,
    DmarcSource,
    DmarcStranger,
    Domain,
    DomainChange,
    EgressSource,
    Listing,
    Pool,
    PoolMember,
    SourceChange,
    SourceEvent,
    TlsReport,
    WarmupDay,
    WorkerHost,
)
from domains.source_states import Why, move
from transactional import complaint_holds

HISTORY = 50  # changes of an IP shown


def _told(findings: Sequence[dict[str, Any]]) -> str:
    """A line for each finding: purpose, host, code, values found, sentence."""
    lines = [
        (f["purpose"], f["host"], f["code"], " | ".join(f.get("found", ())), sentence_of(f))
        for f in findings
    ]
    return format_html_join("", "<div>{} {}: {} {} {}</div>", lines)


class DkimKeyInline(admin.TabularInline[DkimKey, Domain]):
    """A domain's keys, to look at: they move by rotation, import and revocation alone."""

    model = DkimKey
    extra = 0
    fields = readonly_fields = (
        *("selector", "algorithm", "bits", "state", "imported", "published"),
        *("created_at", "seen_at", "active_at", "retiring_at", "retired_at"),
    )

    def has_add_permission(self, request: HttpRequest, obj: Domain | None = None) -> bool:
        """Keys are minted, never typed."""
        return False


@admin.register(Domain)
class DomainAdmin(admin.ModelAdmin[Domain]):
    """Domains of all accounts."""

    list_display = ("name", "account", "state", "dns_mode", "checked_at", "next_check_at")
    list_filter = ("state", "dns_mode", "rotates", "tracking_ready")
    search_fields = ("name", "account__name")
    list_select_related = ("account",)
    raw_id_fields = ("account",)
    exclude = ("findings",)
    readonly_fields = ("told", "delegated", "verified_at", "checked_at", "asked_at", "created_at")
    inlines = (DkimKeyInline,)
    actions = ("rotate_keys",)

    @admin.display(description="What the last check found")
    def told(self, domain: Domain) -> str:
        """The findings in words."""
        return _told(domain.findings)

    @admin.action(description="Rotate DKIM keys as soon as the next are seen in DNS")
    def rotate_keys(self, request: HttpRequest, domains: QuerySet[Domain]) -> None:
        """As the domain's page does it."""
        for domain in domains:
            rotation.ask(domain)
            said = ", ".join(f"{turn.algorithm}: {turn.code}" for turn in rotation.tend(domain))
            self.message_user(request, f"{domain.name}: {said}")


@admin.register(DkimKey)
class DkimKeyAdmin(admin.ModelAdmin[DkimKey]):
    """Keys of all domains, to revoke one that leaked."""

    list_display = ("selector", "domain", "algorithm", "state", "published", "created_at")
    list_filter = ("algorithm", "state", "imported")
    search_fields = ("selector", "domain__name")
    list_select_related = ("domain",)
    fields = readonly_fields = (
        *("domain", "selector", "algorithm", "bits", "public_key", "state", "imported"),
        *("published", "created_at", "seen_at", "active_at", "retiring_at", "retired_at"),
    )
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Keys are minted or imported, never typed."""
        return False

    @admin.action(description="Revoke now: never signs again, its secret half is destroyed")
    def revoke(self, request: HttpRequest, keys: QuerySet[DkimKey]) -> None:
        """For a key that leaked. A next key that is published takes its place."""
        for key in keys.select_related("domain"):
            said = "revoked" if rotation.revoke(key) else "not revoked: nothing else would sign"
            self.message_user(request, f"{key}: {said}")


@admin.register(DomainChange)
class DomainChangeAdmin(admin.ModelAdmin[DomainChange]):
    """What broke and recovered, and when the owners were told."""

    list_display = ("domain", "kind", "at", "told_at")
    list_filter = ("kind",)
    search_fields = ("domain__name",)
    list_select_related = ("domain",)
    exclude = ("findings",)
    readonly_fields = ("domain", "kind", "told", "at", "told_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Checks write these."""
        return False

    @admin.display(description="What was found")
    def told(self, change: DomainChange) -> str:
        """The findings in words."""
        return _told(change.findings)


class SourceChangeInline(admin.TabularInline[SourceChange, EgressSource]):
    """The history of an IP, to be read."""

    model = SourceChange
    extra = 0
    max_num = 0
    can_delete = False
    ordering = ("-pk",)
    fields = readonly_fields = ("at", "event", "was", "state", "why", "data", "by")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SourceChange]:
        """The newest lines: an inline shows all it is given."""
        rows = super().get_queryset(request)
        newest = SourceChange.objects.filter(source=models.OuterRef("source")).order_by("-pk")
        return rows.filter(pk__in=models.Subquery(newest.values("pk")[:HISTORY]))


@admin.register(EgressSource)
class EgressSourceAdmin(admin.ModelAdmin[EgressSource]):
    """IPs of all accounts and of the operator's shared pools. Their state is moved by events."""

    list_display = ("address", "ehlo_name", "account", "host", "state", "warm_up", "checked_at")
    list_filter = ("state", "warm_up", "host")
    search_fields = ("address", "ehlo_name", "account__name", "host")
    list_select_related = ("account",)
    raw_id_fields = ("account",)
    exclude = ("findings",)
    readonly_fields = (
        *("state", "owner", "warm_up", "told", "ready_at", "used_at", "checked_at", "asked_at"),
        *("created_at", "reported"),
    )
    inlines = (SourceChangeInline,)
    actions = ("pause", "resume", "start_warm_up", "skip_warm_up")

    def get_readonly_fields(
        self, request: HttpRequest, obj: EgressSource | None = None
    ) -> tuple[str, ...]:
        """Whose it is decides which pools it may be in: it stays so."""
        fixed = ("account", "address") if obj else ()
        return (*self.readonly_fields, *fixed)

    @admin.display(description="What the last check found")
    def told(self, source: EgressSource) -> str:
        """The findings in words."""
        return _told(source.findings)

    @admin.display(description="Reported as spam")
    def reported(self, source: EgressSource) -> str:
        """The rates of complaints about its mail."""
        lines = [
            (one.days, one.counts.complaints, one.counts.delivered, one.counts.percent or 0)
            for one in complaints.of_source(source.pk or 0)
        ]
        return format_html_join("", "<div>{} days: {} of {} delivered ({} %)</div>", lines)

    @admin.action(description="Pause: no mail leaves from them")
    def pause(self, request: HttpRequest, sources: QuerySet[EgressSource]) -> None:
        """Until resumed."""
        self._move(request, sources, SourceEvent.PAUSED)

    @admin.action(description="Resume: used again once their checks pass")
    def resume(self, request: HttpRequest, sources: QuerySet[EgressSource]) -> None:
        """They are checked within seconds."""
        self._move(request, sources, SourceEvent.RESUMED)
        EgressSource.objects.filter(pk__in=sources).update(next_check_at=timezone.now())

    @admin.action(description="Start a warm-up: small budgets per provider and day")
    def start_warm_up(self, request: HttpRequest, sources: QuerySet[EgressSource]) -> None:
        """From today's first budget."""
        self._move(request, sources, SourceEvent.WARM_UP_STARTED)

    @admin.action(description="Skip the warm-up: no budgets any more")
    def skip_warm_up(self, request: HttpRequest, sources: QuerySet[EgressSource]) -> None:
        """For IPs that receivers know already."""
        self._move(request, sources, SourceEvent.WARM_UP_SKIPPED)

    def _move(
        self, request: HttpRequest, sources: QuerySet[EgressSource], event: SourceEvent
    ) -> None:
        by = Why(by=request.user.get_username())
        done = sum(move(pk, event, by) for pk in sources.values_list("pk", flat=True))
        self.message_user(request, f"{event.label}: {done}")


@admin.register(ComplaintPause)
class ComplaintPauseAdmin(admin.ModelAdmin[ComplaintPause]):
    """Marketing mail that waits, or waited, since readers reported too much of it as spam."""

    list_display = ("on", "account", "percent", "complaints", "delivered", "window", "began_at",
                    "ended_at", "ended_by", "told_at")  # fmt: skip
    list_filter = (("ended_at", admin.EmptyFieldListFilter), "window")
    search_fields = ("domain__name", "source__address")
    list_select_related = ("account", "domain", "source")
    actions = ("lift",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The watch makes them."""
        return False

    def get_readonly_fields(
        self, request: HttpRequest, obj: ComplaintPause | None = None
    ) -> list[str]:
        """A record of what was judged."""
        return [field.name for field in ComplaintPause._meta.fields]

    @admin.display(description="Domain or IP")
    def on(self, row: ComplaintPause) -> str:
        """What was paused."""
        return str(row.domain or row.source)

    @admin.action(
        permissions=["change"],
        description="Let marketing mail go on: whoever does this answers for it",
    )
    def lift(self, request: HttpRequest, rows: QuerySet[ComplaintPause]) -> None:
        """It does not come back for what was delivered until today."""
        by = request.user.get_username()
        standing = ComplaintPause.objects.standing().filter(pk__in=rows.values("pk"))
        done = sum(complaint_holds.lift(row, by=by) for row in standing)
        self.message_user(request, f"Pauses ended: {done}")


@admin.register(WorkerHost)
class WorkerHostAdmin(admin.ModelAdmin[WorkerHost]):
    """Machines that deliver, as they reported last."""

    list_display = ("name", "seen_at")
    readonly_fields = ("name", "seen_at", "bindable", "refused")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They report themselves."""
        return False


class PoolMemberInline(admin.TabularInline[PoolMember, Pool]):
    """The sources of a pool, with their shares."""

    model = PoolMember
    extra = 0
    raw_id_fields = ("source",)


@admin.register(Pool)
class PoolAdmin(admin.ModelAdmin[Pool]):
    """Pools that streams send from. A dedicated one is its account's, for good."""

    list_display = ("name", "account", "dedicated")
    list_filter = ("dedicated",)
    list_select_related = ("account",)
    raw_id_fields = ("account",)
    readonly_fields = ("owner",)
    inlines = (PoolMemberInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Pool | None = None) -> tuple[str, ...]:
        """Members and streams are tied to its owner."""
        return ("account", "dedicated", "owner") if obj else ("owner",)


class DmarcSourceInline(admin.TabularInline[DmarcSource, DmarcReport]):
    """What a report says, IP by IP."""

    model = DmarcSource
    extra = 0
    can_delete = False
    fields = readonly_fields = (
        "ip", "count", "dkim", "spf", "disposition", "header_from", "dkim_domain", "spf_domain",
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest, obj: DmarcReport | None = None) -> bool:
        """Receivers write reports."""
        return False


@admin.register(DmarcReport)
class DmarcReportAdmin(admin.ModelAdmin[DmarcReport]):
    """What receivers counted, of all domains."""

    list_display = ("reporter", "domain", "end", "messages", "policy", "received_at")
    search_fields = ("reporter", "report_id", "domain__name")
    list_select_related = ("domain",)
    raw_id_fields = ("account", "domain")
    inlines = (DmarcSourceInline,)


@admin.register(DmarcHostName)
class DmarcHostNameAdmin(admin.ModelAdmin[DmarcHostName]):
    """Names of IPs that reports tell of."""

    list_display = ("ip", "name", "looked_at")
    search_fields = ("ip", "name")


@admin.register(DmarcStranger)
class DmarcStrangerAdmin(admin.ModelAdmin[DmarcStranger]):
    """IPs that accounts have said are not theirs."""

    list_display = ("ip", "domain", "by", "at")
    search_fields = ("ip", "domain__name")
    list_select_related = ("domain",)
    raw_id_fields = ("domain",)


@admin.register(TlsReport)
class TlsReportAdmin(admin.ModelAdmin[TlsReport]):
    """What senders told of TLS, of all domains."""

    list_display = ("reporter", "domain", "end", "successes", "failures", "received_at")
    search_fields = ("reporter", "report_id", "domain__name")
    list_select_related = ("domain",)
    raw_id_fields = ("account", "domain")


@admin.register(BlocklistChoice)
class BlocklistChoiceAdmin(admin.ModelAdmin[BlocklistChoice]):
    """Blocklists switched off, asked at another zone, or given the power to stop an IP."""

    list_display = ("code", "enabled", "stops", "zone")
    list_editable = ("enabled", "stops")


@admin.register(Listing)
class ListingAdmin(admin.ModelAdmin[Listing]):
    """What the lists said last. Deleting a row has its list asked again."""

    list_display = ("subject", "code", "state", "words", "why", "since", "checked_at", "next_at")
    list_filter = ("state", "code")
    search_fields = ("subject",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Lists say it."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Listing | None = None) -> bool:
        """Lists say it."""
        return False


@admin.register(WarmupDay)
class WarmupDayAdmin(admin.ModelAdmin[WarmupDay]):
    """Budgets of warm-ups, day by day. An operator may set today's another way."""

    list_display = ("source", "provider", "day", "cap", "taken", "urgent", "sent", "deferred",
                    "blocked", "complaints", "code")  # fmt: skip
    list_filter = ("provider", "code")
    search_fields = ("source__address",)
    list_select_related = ("source",)
    raw_id_fields = ("source",)
