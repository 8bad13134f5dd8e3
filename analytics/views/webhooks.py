"""The pages of webhooks: the list, a new one, one of them with its deliveries, one delivery."""

import uuid
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from analytics.models import DeliveryState, EndpointState, WebhookDelivery, WebhookEndpoint
from analytics.views import webhook_words as words
from analytics.views.webhook_forms import EndpointForm, ReplayForm, TestForm, initial
from analytics.webhooks import endpoints, payload, replays
from config import attention
from config.attention import Item, Level
from config.errors import PostinoError
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional.models import EventType

PAGE = 25
OVER = 286  # HTTP status that tells htmx to stop asking
LABELS = dict(EventType.choices)


@require_safe
@account_page(Role.DEVELOPER)
def webhook_list(request: AccountRequest) -> HttpResponse:
    """The account's webhooks, newest first; there are never more than a page of them."""
    rows = list(endpoints.alive(request.account).order_by("-pk")[: endpoints.MOST * 2])
    context = {
        "rows": [
            {
                "row": row,
                "tone": _tone(row),
                "events": _events(row),
                "trouble": words.trouble(row),
            }
            for row in rows
        ],
        "full": len(rows) >= endpoints.MOST,
    }
    return render(request, "analytics/webhooks.html", context)


@account_page(Role.DEVELOPER)
def webhook_create(request: AccountRequest) -> HttpResponseBase:
    """Make one, and show its secret, once."""
    form = EndpointForm(request.POST or None, account=request.account)
    if request.method == "POST" and form.is_valid():
        try:
            row, secret = endpoints.create(
                request.account, form.cleaned_data, by=request.user.email
            )
        except PostinoError as err:
            _complain(form, err)
        else:
            return made(request, row, secret)
    status = 422 if form.errors else 200
    return render(request, "analytics/webhook_edit.html", {"form": form}, status=status)


@account_page(Role.DEVELOPER)
def webhook_edit(request: AccountRequest, webhook_id: int) -> HttpResponseBase:
    """Change where, which events, of which mail."""
    row = find(request, webhook_id)
    form = EndpointForm(request.POST or None, account=request.account, initial=initial(row))
    if request.method == "POST" and form.is_valid():
        try:
            endpoints.change(row, form.cleaned_data, by=request.user.email)
        except PostinoError as err:
            _complain(form, err)
        else:
            return redirect("webhook", request.account.pk, row.pk)
    status = 422 if form.errors else 200
    context = {"form": form, "row": row, "name": name_of(row)}
    return render(request, "analytics/webhook_edit.html", context, status=status)


@require_safe
@account_page(Role.DEVELOPER)
def webhook_detail(request: AccountRequest, webhook_id: int) -> HttpResponse:
    """One webhook: how it fares, its deliveries, what can be done."""
    return detail(request, find(request, webhook_id))


def detail(
    request: AccountRequest, row: WebhookEndpoint, *, replay: ReplayForm | None = None
) -> HttpResponse:
    """The page of a webhook; `replay` is a form that was filled in wrongly."""
    state = request.GET.get("state", "")
    state = state if state in DeliveryState.values else ""
    rows, before = replays.of(row, state), _id(request.GET.get("before", ""))
    if before is not None:
        rows = rows.filter(pk__lt=before)
    some = list(rows.order_by("-pk")[: PAGE + 1])
    context = {
        **_about(row),
        "deliveries": [_shown(one) for one in some[:PAGE]],
        "older": str(some[PAGE - 1].pk) if len(some) > PAGE else "",
        "paged": before is not None,
        "state": state,
        "states": [("", _("All")), *DeliveryState.choices],
        "test": TestForm(),
        "replay": replay or ReplayForm(),
        "running": row.state == EndpointState.ENABLED,
    }
    status = 422 if replay is not None else 200
    return render(request, "analytics/webhook.html", context, status=status)


@require_safe
@account_page(Role.DEVELOPER)
def webhook_delivery(
    request: AccountRequest, webhook_id: int, delivery_id: uuid.UUID
) -> HttpResponse:
    """One delivery: its tries, and what is posted. It asks again by itself until it is settled."""
    row = find(request, webhook_id)
    one = replays.of(row).filter(pk=delivery_id).first()
    if one is None:
        raise Http404
    settled = one.state != DeliveryState.WAITING
    context = {
        "row": row,
        "name": name_of(row),
        "one": _shown(one),
        "settled": settled,
        "running": row.state == EndpointState.ENABLED,
        "tries": [_try(said) for said in one.history or ()],
    }
    if request.headers.get("HX-Request") == "true":
        template, status = "analytics/webhook_delivery_state.html", OVER if settled else 200
        return render(request, template, context, status=status)
    context["body"] = payload.shown(
        one.account_id, one.event_id, sample_of=one.type if one.sample else ""
    )
    return render(request, "analytics/webhook_delivery.html", context)


def made(request: AccountRequest, row: WebhookEndpoint, secret: str) -> HttpResponse:
    """The one answer that shows a secret; no cache may keep it."""
    context = {"row": row, "name": name_of(row), "secret": secret}
    response = render(request, "analytics/webhook_made.html", context, status=201)
    response.headers["Cache-Control"] = "no-store"
    return response


def find(request: AccountRequest, webhook_id: int) -> WebhookEndpoint:
    """A webhook of the account. Raises Http404."""
    rows = endpoints.alive(request.account).select_related("stream")
    found: WebhookEndpoint | None = rows.filter(pk=min(webhook_id, 2**63 - 1)).first()
    if found is None:
        raise Http404
    return found


def name_of(row: WebhookEndpoint) -> str:
    """What people call it: its name, else its host."""
    return row.description or row.url.split("/")[2]


def _about(row: WebhookEndpoint) -> dict[str, Any]:
    waiting = replays.count(row, DeliveryState.WAITING)
    dead = replays.count(row, DeliveryState.DEAD)
    most = replays.COUNTED
    return {
        "row": row,
        "name": name_of(row),
        "tone": _tone(row),
        "events": [LABELS[kind] for kind in row.types],
        "trouble": words.trouble(row),
        "waiting": f"{most}+" if waiting > most else str(waiting),
        "dead": f"{most}+" if dead > most else str(dead),
        "plain": row.url.startswith("http://"),
    }


def _tone(row: WebhookEndpoint) -> str:
    failing = row.state == EndpointState.ENABLED and row.failing_since is not None
    return "warn" if failing else words.TONES[row.state]


def _events(row: WebhookEndpoint) -> str:
    named = ", ".join(str(LABELS[kind]) for kind in row.types[:3])
    return named + (" …" if len(row.types) > 3 else "") if row.types else _("All events")


def _shown(one: WebhookDelivery) -> dict[str, Any]:
    return {
        "row": one,
        "label": LABELS.get(one.type, one.type),
        "tone": words.TONES[one.state],
        "answer": words.outcome(one.outcome, one.status),
        "waits": one.state == DeliveryState.WAITING,
    }


def _try(said: dict[str, Any]) -> dict[str, Any]:
    return {
        "at": parse_datetime(str(said.get("at", ""))),
        "answer": words.outcome(str(said.get("outcome", "")), int(said.get("status") or 0)),
        "ms": said.get("ms", 0),
    }


def _id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        return None


def _complain(form: EndpointForm, err: PostinoError) -> None:
    field = err.refusal.pointer
    form.add_error(field if field in form.fields else None, words.refusal(err))


@attention.source
def failing_webhooks(account_id: int) -> list[Item]:
    """Webhooks that are off by themselves, or take nothing now."""
    rows = endpoints.alive(account_id).exclude(state=EndpointState.PAUSED)
    found = []
    for row in rows.order_by("-pk")[: endpoints.MOST]:
        off = row.state != EndpointState.ENABLED
        if not off and not endpoints.fails(row):
            continue
        text = (
            _("The webhook “%(name)s” was switched off.")
            if off
            else _("The webhook “%(name)s” takes nothing.")
        )
        found.append(
            Item(
                code="WEBHOOK_OFF" if off else "WEBHOOK_FAILS",
                level=Level.BAD if off else Level.WARN,
                text=text % {"name": name_of(row)[:80]},
                link=_("Open the webhook"),
                url=reverse("webhook", args=[account_id, row.pk]),
            )
        )
    return found
