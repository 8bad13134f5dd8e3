"""The pages of sends from the app: the list, review, confirmation, progress, and what they yield."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe

from config.errors import PostinoError
from config.headers import EMAIL_POLICY
from tokens import audit
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional import contacts, csv_file
from transactional.broadcast import audience, control, progress
from transactional.compose import render as compose
from transactional.compose.contract import check as contract
from transactional.compose.sample import surroundings
from transactional.models import (
    Audience,
    Broadcast,
    BroadcastRow,
    BroadcastState,
    Contact,
    ContactList,
)
from transactional.views.contact_files import ROW_WORDS, download
from transactional.views.paused_notice import paused
from transactional.views.send_forms import WhenForm
from transactional.views.send_start import choose_columns
from transactional.views.send_words import CODE_WORDS, TONES, WHY_WORDS, state_of_row

logger = logging.getLogger(__name__)

PAGE = 25
SAMPLES = 5  # rows rendered before sending
SHOWN = 50  # problems on the page; the file of them has all
FRESH = timedelta(seconds=2)  # a page that asks more often sees what was collected before
OVER = 286  # HTTP status that tells htmx to stop asking
PROBLEM_WORDS: Mapping[str, str | Promise] = {
    **ROW_WORDS,
    "role": gettext_lazy("A role address, such as postmaster@, which never asked for mail."),
    "duplicate": gettext_lazy("The address stands in the file before."),
    "type": gettext_lazy("A value is not of the type that the email's variable has."),
    "missing": gettext_lazy("A value that the email needs is empty."),
}


def find(request: AccountRequest, send_id: int) -> Broadcast:
    """This account's send. Raises Http404."""
    rows = Broadcast.objects.of(request.account).select_related("email__published", "version")
    found: Broadcast = get_object_or_404(rows, pk=send_id)
    return found


@require_safe
@account_page(Role.VIEWER)
def send_list(request: AccountRequest) -> HttpResponse:
    """Sends, the newest first."""
    asked = request.GET.get("before", "")
    before = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None
    rows = Broadcast.objects.of(request.account).select_related("email")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    rows = rows.defer("content", "problems", "email__html", "email__text", "email__document")
    found = list(rows.order_by("-pk")[: PAGE + 1])
    context = {
        "rows": [{"send": one, "tone": TONES[one.state]} for one in found[:PAGE]],
        "older": found[PAGE - 1].pk if len(found) > PAGE else "",
        "paged": before is not None,
    }
    return render(request, "transactional/sends.html", context)


@account_page(Role.VIEWER)
def send_detail(request: AccountRequest, send_id: int) -> HttpResponseBase:
    """A send where it stands: columns, review, confirmation, or progress."""
    found = find(request, send_id)
    if found.state != BroadcastState.DRAFT:
        return _progress(request, found)
    if not request.may(Role.MARKETER):
        raise Http404
    step = request.POST.get("step", "") or request.GET.get("step", "")
    waits = found.audience == Audience.CSV and (not found.columns or step == "columns")
    if waits and found.content is not None:
        return choose_columns(request, found)
    return _review(request, found, step)


def _review(request: AccountRequest, found: Broadcast, step: str) -> HttpResponseBase:
    """The numbers, the first messages and the time; then the confirmation that repeats them."""
    if found.email.published_id != found.version_id:
        control.refresh_version(request.account.pk, found.pk)
        found = find(request, found.pk)
    form = WhenForm(request.POST or None, account=request.account)
    if step in ("when", "confirm") and form.is_valid():
        if step == "confirm":
            return _confirmed(request, found, form)
        return _ask(request, found, form)
    context = {
        **_told(request, found),
        "form": form,
        "samples": _samples(found),
        "problems": [
            (line, PROBLEM_WORDS.get(code, code)) for line, code in found.problems[:SHOWN]
        ],
        "further": max(0, len(found.problems) - SHOWN),
        "unmapped": _unmapped(found),
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "transactional/send_review.html", context, status=status)


def _ask(request: AccountRequest, found: Broadcast, form: WhenForm) -> HttpResponse:
    at: datetime | None = form.cleaned_data["moment"]
    context = {**_told(request, found), "form": form, "at": _wall(at, form.cleaned_data["zone"])}
    return render(request, "transactional/send_confirm.html", context)


def _wall(at: datetime | None, zone: str) -> str:
    """A moment as the zone's clocks show it, with the zone and its offset."""
    if at is None:
        return ""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%Y-%m-%d %H:%M} {zone.replace('_', ' ')} (UTC{local:%z})"


def _told(request: AccountRequest, found: Broadcast) -> dict[str, Any]:
    """What both screens repeat: number, From, subject, type."""
    reach = audience.reach(found)
    version = found.version
    first = _samples(found, most=1)
    names = dict(
        ContactList.objects.of(request.account)
        .filter(pk__in=[*found.include, *found.exclude])
        .values_list("pk", "name")
    )
    return {
        "send": found,
        "email": found.email,
        "version": version,
        "subject": first[0]["subject"]
        if first and first[0]["subject"]
        else version and version.subject,
        "reach": reach,
        "left_out": len(found.problems),
        "unreached": [
            (CODE_WORDS.get(code, code), n) for code, n in sorted(reach.unreached.items())
        ],
        "include": [names[pk] for pk in found.include if pk in names],
        "exclude": [names[pk] for pk in found.exclude if pk in names],
        "marketing": found.kind == "marketing",
        **_paused(request, found),
    }


def _paused(request: AccountRequest, found: Broadcast) -> dict[str, Any]:
    address = found.version.from_address if found.version is not None else ""
    return paused(request.account, found.kind, address)


def _rows(found: Broadcast, most: int) -> list[BroadcastRow]:
    """The first rows; of lists that are not read yet, as they would be."""
    if found.expanded:
        return list(BroadcastRow.objects.filter(broadcast=found).order_by("pk")[:most])
    people: list[Contact] = list(audience.members(found)[:most])
    return [
        BroadcastRow(broadcast=found, number=number, email=one.email, values={})
        for number, one in enumerate(people, start=1)
    ]


def _samples(found: Broadcast, most: int = SAMPLES) -> list[dict[str, Any]]:
    """The first rows as they would be read, or what keeps them from being made."""
    rows = _rows(found, most)
    known = contacts.facts([(found.account_id, row.email) for row in rows])
    shown = []
    for place, row in enumerate(rows):
        stored = known.get((found.account_id, row.email))
        told: dict[str, Any] = {"row": row, "place": place, "subject": "", "error": ""}
        try:
            told["subject"] = _rendered(found, row, stored.properties if stored else {}).subject
        except PostinoError as err:
            told["error"] = err.refusal.message
        shown.append(told)
    return shown


def _rendered(found: Broadcast, row: BroadcastRow, stored: Mapping[str, Any]) -> compose.Rendered:
    """A row's message, with a link that leads nowhere. Raises PostinoError."""
    version = found.version
    if version is None:
        raise Http404
    values: Mapping[str, Any] = row.values
    custom = {**found.custom, **values.get("custom", {})}
    promised = contract.of_version(version)
    if promised is not None:
        if refusal := contract.refusal(promised, custom):
            raise PostinoError(refusal)
        custom = contract.filled(promised, custom)
    contact = {**stored, "email": row.email, **values.get("contact", {})}
    around = surroundings(version, found.account)
    return compose.render(version, {**around, "contact": contact, "custom": custom})


def _unmapped(found: Broadcast) -> list[str]:
    """Custom properties that the email uses and nothing fills."""
    if found.version is None:
        return []
    used = {path for path in compose.compiled(found.version).paths if path.startswith("custom.")}
    tops = {".".join(path.split(".")[:2]) for path in used}
    filled = set(found.columns) | {f"custom.{name}" for name in found.custom}
    return sorted(tops - filled)


@require_safe
@xframe_options_sameorigin
@account_page(Role.MARKETER)
def send_preview(request: AccountRequest, send_id: int, place: int) -> HttpResponse:
    """One of the first messages as HTML alone, for the frame: no script runs."""
    found = find(request, send_id)
    rows = _rows(found, SAMPLES)
    if place >= len(rows):
        raise Http404
    row = rows[place]
    stored = contacts.facts([(found.account_id, row.email)]).get((found.account_id, row.email))
    try:
        html = _rendered(found, row, stored.properties if stored else {}).html
    except PostinoError:
        html = ""
    response = HttpResponse(html)
    response.headers["Content-Security-Policy"] = f"{EMAIL_POLICY}; sandbox"
    response.headers["Cache-Control"] = "no-store"
    return response


def _confirmed(request: AccountRequest, found: Broadcast, form: WhenForm) -> HttpResponseBase:
    at = form.cleaned_data["moment"]
    try:
        new = control.confirm(
            request.account.pk, found.pk, at=at, zone=form.cleaned_data["zone"] if at else ""
        )
    except PostinoError as err:
        messages.error(request, str(WHY_WORDS.get(err.refusal.code, err.refusal.message)))
        return redirect("send", request.account.pk, found.pk)
    if new:
        _log(request, found, "send.scheduled" if at else "send.started")
    return redirect("send", request.account.pk, found.pk)


def _log(request: AccountRequest, found: Broadcast, what: str) -> None:
    name, data = found.email.name, {"total": found.total}
    by, target = request.user.email, f"send:{found.pk}"
    audit.record(request.account, what, by=by, target=target, name=name, data=data)


def _progress(request: AccountRequest, found: Broadcast) -> HttpResponse:
    progress.collect_if_old(found, older=FRESH)
    counted = progress.counts(found)
    over = found.state in (BroadcastState.DONE, BroadcastState.CANCELLED) and not counted.queued
    reasons = BroadcastRow.objects.filter(broadcast=found, state=BroadcastRow.REFUSED)
    context = {
        "send": found,
        "email": found.email,
        "version": found.version,
        "counts": counted,
        "total": counted.total or found.total,
        "handed": counted.total - counted.waiting,
        "tone": TONES[found.state],
        "why": WHY_WORDS.get(found.why, found.why),
        "at": _wall(found.scheduled_at, found.time_zone or "UTC"),
        "over": over,
        **_paused(request, found),
        "refused": [(CODE_WORDS.get(code, code), n) for code, n in _tally(reasons)],
        "left_out": len(found.problems),
        "may_edit": request.may(Role.MARKETER),
        "can_pause": found.state in ("running", "scheduled", "sent"),
        "can_resume": found.state in control.STANDING,
        "can_cancel": found.state in control.CANCELLABLE
        and bool(counted.waiting + counted.untried or not found.expanded),
    }
    partial = request.headers.get("HX-Request") == "true"
    template = "transactional/send_state.html" if partial else "transactional/send.html"
    response = render(request, template, context, status=OVER if partial and over else 200)
    if partial and request.GET.get("seen", found.state) != found.state:
        # Buttons depend on the state; what is asked for every 2 s holds none, to keep the focus
        response.headers["HX-Refresh"] = "true"
    return response


def _tally(rows: Any) -> list[tuple[str, int]]:
    return list(rows.values_list("code").annotate(n=Count("pk")).order_by("-n")[:20])


@require_POST
@account_page(Role.MARKETER)
def send_act(request: AccountRequest, send_id: int) -> HttpResponseBase:
    """Pause, go on, cancel what is left, or throw away what was never confirmed."""
    found = find(request, send_id)
    act, here = request.POST.get("act", ""), request.account.pk
    try:
        if act == "pause" and control.pause(here, found.pk):
            _log(request, found, "send.paused")
            messages.success(request, _("Paused. What nobody has tried yet is held."))
        elif act == "resume":
            if found.why == "EMAIL_CHANGED":
                control.refresh_version(here, found.pk)
            if control.resume(here, found.pk):
                _log(request, found, "send.resumed")
                messages.success(request, _("It goes on."))
        elif act == "cancel" and (count := control.cancel(here, found.pk)) is not None:
            _log(request, found, "send.cancelled")
            told = _("Cancelled: %(count)s messages will not be sent.") % {"count": count}
            messages.success(request, told)
        elif act == "discard" and control.discard(here, found.pk):
            messages.success(request, _("Thrown away; nothing was sent."))
            return redirect("email_send", here, found.email_id)
    except PostinoError as err:
        messages.error(request, str(WHY_WORDS.get(err.refusal.code, err.refusal.message)))
    return redirect("send", here, found.pk)


@require_safe
@account_page(Role.MARKETER)
def send_problems(request: AccountRequest, send_id: int) -> HttpResponseBase:
    """The lines that are left out, and why, as a file."""
    found = find(request, send_id)
    if not found.problems:
        raise Http404
    rows = [[_("Line"), _("What is wrong")]]
    rows += [[str(line), str(PROBLEM_WORDS.get(code, code))] for line, code in found.problems]
    return download(csv_file.written(rows), "problems.csv")


@require_safe
@account_page(Role.MARKETER)
def send_results(request: AccountRequest, send_id: int) -> HttpResponseBase:
    """Every row with what became of it, as a file."""
    found = find(request, send_id)
    progress.collect_if_old(found, older=FRESH)
    rows = BroadcastRow.objects.filter(broadcast=found).order_by("pk")

    def lines() -> Any:
        yield [_("Line"), _("Address"), _("Result"), _("Reason"), _("Message")]
        for row in rows.iterator(chunk_size=2000):
            reason = str(CODE_WORDS.get(row.code, row.code))
            message = str(row.message_id or "")
            yield [str(row.number), row.email, str(state_of_row(row.state)), reason, message]

    return download(csv_file.written(lines()), f"send-{found.pk}.csv")
