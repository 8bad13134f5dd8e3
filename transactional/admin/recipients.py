"""Operators' view of recipients, and what they decide about held mail."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest

from transactional import explain, held
from transactional.admin.mail import Log
from transactional.held import Decided
from transactional.models import Recipient, Status


class HeldOnly(admin.SimpleListFilter):
    """Only what waits for a decision: an index holds it, whatever the log's size."""

    title = "status"
    parameter_name = "held"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The one choice."""
        return [("1", "Held")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrowed to it, where it is chosen."""
        return queryset.filter(status=Status.HELD) if self.value() else queryset


@admin.register(Recipient)
class RecipientAdmin(Log):
    """Recipients with their status; held ones are sent again or given up."""

    list_display = (
        "id", "account_id", "address", "status", "status_at", "attempts", "reply", "why_held",
    )  # fmt: skip
    readonly_fields = ("why_held",)
    list_filter = (HeldOnly,)
    search_fields = ("=id", "=message__id")
    actions = ("release", "give_up")

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """With why each of the page's is held: a few queries per account, none per row."""
        shown = super().get_changelist_instance(request)
        rows: dict[int, list[Any]] = defaultdict(list)
        for row in shown.result_list:
            if row.status == Status.HELD:
                rows[row.account_id].append(row)
        for account_id, waiting in rows.items():
            found = explain.why_held(account_id, waiting)
            for row in waiting:
                row.told = found.get(row.pk)
        return shown

    @admin.display(description="why held")
    def why_held(self, row: Any) -> str:
        """What happened, and what sending it again would do; empty where it is not held."""
        if row.status != Status.HELD:
            return ""
        if not hasattr(row, "told"):
            row.told = explain.why_held(row.account_id, [row]).get(row.pk)
        return "" if row.told is None else f"{row.told.says} {row.told.on_release}"

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Whoever may change recipients."""
        return bool(request.user.has_perm("transactional.change_recipient"))

    @admin.action(description="Held: send again", permissions=["decide"])
    def release(self, request: HttpRequest, queryset: QuerySet[Recipient]) -> None:
        """Queue the chosen ones again, account by account."""
        self._decide(request, queryset, held.release, "queued again")

    @admin.action(description="Held: give up", permissions=["decide"])
    def give_up(self, request: HttpRequest, queryset: QuerySet[Recipient]) -> None:
        """End the chosen ones."""
        self._decide(request, queryset, held.give_up, "given up")

    def _decide(
        self,
        request: HttpRequest,
        queryset: QuerySet[Recipient],
        act: Callable[..., Decided],
        word: str,
    ) -> None:
        chosen: dict[int, list[Any]] = defaultdict(list)
        rows = queryset.filter(status=Status.HELD).order_by("-pk")
        for account_id, pk in rows.values_list("account_id", "pk")[: held.MOST]:
            chosen[account_id].append(pk)
        by = request.user.get_username()
        came = [act(account_id, ids, by=by) for account_id, ids in chosen.items()]
        done, left = sum(one.done for one in came), sum(one.late + one.gone for one in came)
        barred = sum(one.barred for one in came)
        meanwhile = f", {barred} suppressed meanwhile" if barred else ""
        messages.success(request, f"{done} {word}{meanwhile}.")
        if left:
            messages.warning(
                request, f"{left} stay held: too late to be of use, or no longer kept."
            )
