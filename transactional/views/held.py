"""The pages of held mail: the list of it, and what is decided about it."""

import uuid
from collections.abc import Sequence
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from config import attention
from config.attention import Item, Level
from config.grouping import grouped
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional import explain, held
from transactional.held import Decided
from transactional.models import Recipient

PAGE = 50
COUNTED = 1000  # held recipients that the dashboard counts


@account_page(Role.VIEWER)
def held_list(request: AccountRequest) -> HttpResponse:
    """What waits for a decision, newest first."""
    address = _address(request.GET.get("address", ""))
    before = _uuid(request.GET.get("before", ""))
    rows = held.page(request.account.pk, address, before=before, limit=PAGE + 1)
    kept = {"address": address} if address else {}
    older = {**kept, "before": str(rows[PAGE - 1].pk)} if len(rows) > PAGE else None
    context = {
        "rows": undecided(request.account.pk, rows[:PAGE]),
        "address": address,
        "paged": before is not None,
        "newest": "?" + urlencode(kept),
        "older": "?" + urlencode(older) if older else "",
        "may_decide": request.may(Role.MARKETER),
        "most": held.MOST,
    }
    return render(request, "transactional/held.html", context)


def undecided(account_id: int, rows: Sequence[Recipient]) -> list[dict[str, object]]:
    """Held recipients as the pages show them: each with why, and what sending it again does."""
    found = explain.why_held(account_id, rows)
    return [{"recipient": one, "why": found[one.pk]} for one in rows if one.pk in found]


@require_POST
@account_page(Role.MARKETER)
def held_decide(request: AccountRequest) -> HttpResponseBase:
    """Send again or give up: those chosen, or all that the list shows. What has moved on stays so."""
    account_id, by = request.account.pk, request.user.get_username()
    action = request.POST.get("action", "")
    address = _address(request.POST.get("address", ""))
    chosen = [pk for text in request.POST.getlist("recipient")[:PAGE] if (pk := _uuid(text))]
    if action not in ("release", "give_up"):
        messages.error(request, _("Choose what is to be done: send again, or give up."))
    elif request.POST.get("all"):
        act = held.release_all if action == "release" else held.give_up_all
        _tell(request, action, act(account_id, address, by=by))
    elif chosen:
        one = held.release if action == "release" else held.give_up
        _tell(request, action, one(account_id, chosen, by=by))
    else:
        messages.error(request, _("Tick the messages you mean, or all that are listed."))
    message = _uuid(request.POST.get("message", ""))
    if message is not None:
        return redirect("message", account_id=account_id, message_id=message)
    back = reverse("held", args=[account_id])
    return redirect(f"{back}?{urlencode({'address': address})}" if address else back)


def _tell(request: AccountRequest, action: str, what: Decided) -> None:
    if what.done and action == "release":
        text = ngettext(
            "%(n)s message is queued again.", "%(n)s messages are queued again.", what.done
        )
        messages.success(request, text % {"n": grouped(what.done)})
    elif what.done:
        text = ngettext("%(n)s message is given up.", "%(n)s messages are given up.", what.done)
        messages.success(request, text % {"n": grouped(what.done)})
    if what.barred:
        text = ngettext(
            "%(n)s message ended: its address has been suppressed, or its reader has left, meanwhile.",
            "%(n)s messages ended: their addresses have been suppressed, or their readers have left, "
            "meanwhile.",
            what.barred,
        )
        messages.warning(request, text % {"n": grouped(what.barred)})
    if what.late:
        text = ngettext(
            "%(n)s message stays held: the time in which it was of use is over.",
            "%(n)s messages stay held: the time in which they were of use is over.",
            what.late,
        )
        messages.warning(request, text % {"n": grouped(what.late)})
    if what.gone:
        text = ngettext(
            "%(n)s message stays held: its body or its secret values are no longer kept.",
            "%(n)s messages stay held: their bodies or secret values are no longer kept.",
            what.gone,
        )
        messages.warning(request, text % {"n": grouped(what.gone)})
    if what.more:
        messages.info(request, _("That was as much as is done at once: there may be more."))
    elif not (what.done or what.barred or what.late or what.gone):
        messages.info(request, _("There was nothing to decide (any more)."))


def _address(text: str) -> str:
    return text.replace("\0", "").strip()[:254]


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


@attention.source
def held_mail(account_id: int) -> list[Item]:
    """Mail that waits for somebody to decide about it."""
    number = held.find(account_id)[:COUNTED].count()
    if not number:
        return []
    text = ngettext(
        "%(n)s message is held and waits for a decision.",
        "%(n)s messages are held and wait for a decision.",
        number,
    )
    shown = f"{grouped(number)}+" if number == COUNTED else grouped(number)
    return [
        Item(
            code="MAIL_HELD",
            level=Level.WARN,
            text=text % {"n": shown},
            link=_("Decide about it"),
            url=reverse("held", args=[account_id]),
        )
    ]
