"""What the pages of a webhook do: rotate, pause, resume, test, send again, delete."""

import uuid

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from analytics.views import webhook_words as words
from analytics.views.webhook_forms import ReplayForm, RotateForm, TestForm
from analytics.views.webhooks import PAGE, detail, find, made, name_of
from analytics.webhooks import endpoints, replays
from config.errors import PostinoError
from config.grouping import grouped
from tokens.models import Role
from tokens.web import AccountRequest, account_page


@account_page(Role.DEVELOPER)
def webhook_rotate(request: AccountRequest, webhook_id: int) -> HttpResponseBase:
    """Ask how long the old secret goes on, then make a new one and show it, once."""
    row = find(request, webhook_id)
    form = RotateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        hours = int(form.cleaned_data["hours"])
        return made(request, row, endpoints.rotate(row, hours=hours, by=request.user.email))
    context = {"row": row, "name": name_of(row), "form": form}
    return render(request, "analytics/webhook_rotate.html", context)


@require_POST
@account_page(Role.DEVELOPER)
def webhook_pause(request: AccountRequest, webhook_id: int) -> HttpResponseBase:
    """Post nothing for now."""
    row = find(request, webhook_id)
    endpoints.pause(row, by=request.user.email)
    return redirect("webhook", request.account.pk, row.pk)


@require_POST
@account_page(Role.DEVELOPER)
def webhook_resume(request: AccountRequest, webhook_id: int) -> HttpResponseBase:
    """Go on, with or without what was missed."""
    row = find(request, webhook_id)
    endpoints.resume(row, missed="missed" in request.POST, by=request.user.email)
    messages.success(request, _("Events are posted there again."))
    return redirect("webhook", request.account.pk, row.pk)


@require_POST
@account_page(Role.DEVELOPER)
def webhook_test(request: AccountRequest, webhook_id: int) -> HttpResponseBase:
    """Post an example, and show how it fares."""
    row, form = find(request, webhook_id), TestForm(request.POST)
    kind = form.cleaned_data["type"] if form.is_valid() else ""
    try:
        one = endpoints.test(row, kind, by=request.user.email)
    except PostinoError as err:
        messages.error(request, words.refusal(err))
        return redirect("webhook", request.account.pk, row.pk)
    return redirect("webhook_delivery", request.account.pk, row.pk, one.pk)


@require_POST
@account_page(Role.DEVELOPER)
def webhook_replay(request: AccountRequest, webhook_id: int) -> HttpResponseBase:
    """Send again: the deliveries ticked, or all since a moment."""
    row, by = find(request, webhook_id), request.user.email
    try:
        if "since" in request.POST:
            form = ReplayForm(request.POST)
            if not form.is_valid():
                return detail(request, row, replay=form)
            given = form.cleaned_data
            replays.since(row, given["since"], everything=given["everything"], by=by)
            messages.success(request, _("They are being gone through, and follow in turn."))
        elif not (ids := _ids(request)):
            messages.error(request, _("Tick the deliveries that are to be sent again."))
        else:
            done = replays.again(row, ids, by=by)
            text = ngettext("%(n)s event follows again.", "%(n)s events follow again.", done)
            messages.success(request, text % {"n": grouped(done)})
    except PostinoError as err:
        messages.error(request, words.refusal(err))
    return redirect("webhook", request.account.pk, row.pk)


@account_page(Role.DEVELOPER)
def webhook_delete(request: AccountRequest, webhook_id: int) -> HttpResponseBase:
    """Ask, then delete."""
    row = find(request, webhook_id)
    if request.method == "POST":
        endpoints.delete(row, by=request.user.email)
        messages.success(request, _("The webhook %(name)s was deleted.") % {"name": name_of(row)})
        return redirect("webhooks", request.account.pk)
    context = {"row": row, "name": name_of(row)}
    return render(request, "analytics/webhook_delete.html", context)


def _ids(request: AccountRequest) -> list[uuid.UUID]:
    found = []
    for text in request.POST.getlist("id")[: PAGE * 2]:
        try:
            found.append(uuid.UUID(text))
        except ValueError:
            continue
    return found
