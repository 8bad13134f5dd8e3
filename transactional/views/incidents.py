"""The pages of incidents: what a receiver refuses, what is parked, what it did, and its undo."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from config import attention
from config.attention import Item, Level
from config.grouping import grouped
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional.incidents import undo
from transactional.incidents.advice import advice
from transactional.models import IncidentAccount, IncidentState

PAGE = 50
TONES: dict[str, str] = {
    IncidentState.OPEN: "bad",
    IncidentState.QUIET: "mute",
    IncidentState.DRAINING: "warn",
    IncidentState.CLOSED: "ok",
}


@require_safe
@account_page(Role.VIEWER)
def incident_list(request: AccountRequest) -> HttpResponse:
    """Incidents that met the account's mail, newest first."""
    rows = IncidentAccount.objects.of(request.account).select_related("incident__source")
    asked = request.GET.get("before", "")
    if asked.isascii() and asked.isdigit() and len(asked) < 19:
        rows = rows.filter(pk__lt=int(asked))
    found = list(rows.order_by("-pk")[: PAGE + 1])
    context = {
        "rows": [{"row": row, "tone": TONES[row.incident.state]} for row in found[:PAGE]],
        "older": f"?before={found[PAGE - 1].pk}" if len(found) > PAGE else "",
        "paged": bool(asked),
    }
    return render(request, "transactional/incidents.html", context)


@require_safe
@account_page(Role.VIEWER)
def incident_detail(request: AccountRequest, incident_id: int) -> HttpResponse:
    """One incident: what was said, where its breaker stands, what an undo would do now."""
    row = _find(request, incident_id)
    context = {
        "row": row,
        "incident": row.incident,
        "advice": advice(row.incident.reason),
        "tone": TONES[row.incident.state],
        "caused": undo.preview(row),
        "may_undo": request.may(Role.MARKETER),
        "over": row.incident.state != IncidentState.OPEN,
    }
    return render(request, "transactional/incident.html", context)


@require_POST
@account_page(Role.MARKETER)
def incident_undo(request: AccountRequest, incident_id: int) -> HttpResponseBase:
    """Lift the suppressions and send the failed mail again. A second time changes nothing."""
    row = _find(request, incident_id)
    lifted, again = undo.undo(row, by=request.user.get_username())
    if lifted or again:
        said = {"again": grouped(again), "lifted": grouped(lifted)}
        text = _("%(again)s messages are queued again, %(lifted)s suppressions were lifted.")
        messages.success(request, text % said)
    else:
        messages.info(request, _("There was nothing to undo (any more)."))
    return redirect("incident", account_id=request.account.pk, incident_id=incident_id)


def _find(request: AccountRequest, incident_id: int) -> IncidentAccount:
    rows = IncidentAccount.objects.of(request.account).select_related("incident__source")
    found: IncidentAccount = get_object_or_404(rows, pk=min(incident_id, 2**63 - 1))
    return found


@attention.source
def open_incidents(account_id: int) -> list[Item]:
    """Receivers that refuse the account's mail now. A quiet one alarms nobody: nothing waits for it."""
    rows = IncidentAccount.objects.of(account_id).filter(incident__closed_at=None)
    rows = rows.exclude(incident__state=IncidentState.QUIET)
    found = rows.select_related("incident__source").order_by("-pk")
    return [
        Item(
            code="INCIDENT_OPEN",
            level=Level.BAD if row.incident.state == IncidentState.OPEN else Level.WARN,
            text=_("%(site)s refuses mail from %(address)s: what goes there is parked.")
            % {"site": row.incident.receiver, "address": row.incident.source.address},
            link=_("Open the incident"),
            url=reverse("incident", args=[account_id, row.pk]),
        )
        for row in found[: attention.PER_SOURCE]
    ]
