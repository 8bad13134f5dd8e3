"""The pages of contacts: the list, one person's page, and what a member changes by hand."""

import uuid
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional import contact_changes, contact_log, subscription_types, subscriptions
from transactional.contact_log import Filters
from transactional.models import (
    Contact,
    ContactChanged,
    ContactList,
    EventType,
    LegalBasis,
    ListKind,
    OptIn,
    Status,
    Subscribed,
)
from transactional.views import contact_forms
from transactional.views.contact_forms import AddressForm, ConsentForm
from transactional.views.messages import TONES

PAGE = 50
TIMELINE = 25
LISTS_MAX = 100  # shown on one person's page
STATES = {
    "": gettext_lazy("All"),
    "subscribed": gettext_lazy("Subscribed"),
    "unsubscribed": gettext_lazy("Unsubscribed"),
    "quarantined": gettext_lazy("In quarantine"),
    "pending": gettext_lazy("Opt-in pending"),
}


def find(request: AccountRequest, contact_id: int) -> Contact:
    """This account's contact. Raises Http404."""
    found: Contact = get_object_or_404(Contact.objects.of(request.account), pk=contact_id)
    return found


def read_filters(request: AccountRequest) -> Filters:
    """What the query string narrows the list to."""
    text = request.GET.get("q", "").replace("\0", "").strip()[:200]
    text = text.encode("utf-8", "replace").decode()  # no lone surrogates
    state = request.GET.get("state", "")
    return Filters(text=text, state=state if state in STATES else "")


def pills(contact: Contact) -> list[dict[str, Any]]:
    """A contact's states: colour only repeats what the word says."""
    found = []
    if contact.unsubscribed_at:
        found.append({"word": STATES["unsubscribed"], "tone": "warn"})
    if contact.quarantined_at:
        found.append({"word": STATES["quarantined"], "tone": "bad"})
    if contact.opt_in == OptIn.PENDING:
        found.append({"word": STATES["pending"], "tone": "accent"})
    return found or [{"word": STATES["subscribed"], "tone": "ok"}]


def _query(filters: Filters, **more: object) -> str:
    kept = {"q": filters.text, "state": filters.state, **more}
    return "?" + urlencode({name: value for name, value in kept.items() if value})


@require_safe
@account_page(Role.VIEWER)
def contact_list(request: AccountRequest) -> HttpResponse:
    """People, the last added first, narrowed to a text or a state."""
    filters = read_filters(request)
    asked = request.GET.get("before", "")
    before = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None
    rows = contact_log.people(request.account.pk, filters, before=before, limit=PAGE + 1)
    context = {
        "rows": [
            {"contact": one, "pills": pills(one), "says": _summary(one)} for one in rows[:PAGE]
        ],
        "filters": filters,
        "states": [
            {
                "word": word,
                "current": value == filters.state,
                "query": _query(Filters(text=filters.text, state=value)),
            }
            for value, word in STATES.items()
        ],
        "paged": before is not None,
        "newest": _query(filters),
        "older": _query(filters, before=rows[PAGE - 1].pk) if len(rows) > PAGE else "",
        "may_edit": request.may(Role.MARKETER),
    }
    return render(request, "transactional/contacts.html", context)


def _summary(contact: Contact) -> str:
    """The first properties, cut: a row tells who this is, not everything about them."""
    stored = sorted(contact.properties.items())[:4]
    return " · ".join(f"{name}: {contact_changes.as_text(value)[:60]}" for name, value in stored)


@account_page(Role.MARKETER)
def contact_create(request: AccountRequest) -> HttpResponseBase:
    """Add a person by hand."""
    form = AddressForm(request.POST or None)
    rows = contact_forms.typed(request.POST) if request.method == "POST" else []
    if request.method == "POST" and "more" not in request.POST:
        right = contact_forms.check(rows)
        if form.is_valid() and right:
            contact, new = contact_changes.create(
                request.account.pk,
                form.cleaned_data["email"],
                contact_forms.given(rows),
                by=request.user.email,
            )
            if new:
                messages.success(request, _("The contact was added."))
            else:
                messages.warning(request, _("This contact existed already; nothing was changed."))
            return redirect("contact", request.account.pk, contact.pk)
    if "more" in request.POST:
        form = AddressForm(initial={"email": request.POST.get("email", "")})
    context = {"form": form, "rows": contact_forms.with_blanks(rows), "contact": None}
    return render(request, "transactional/contact_edit.html", context)


@require_safe
@account_page(Role.VIEWER)
def contact_detail(request: AccountRequest, contact_id: int) -> HttpResponse:
    """One person: what is known, what they agreed to, what was sent and what came of it."""
    contact = find(request, contact_id)
    return _detail(request, contact, ConsentForm(None, changes=contact_changes.possible(contact)))


def _detail(request: AccountRequest, contact: Contact, form: ConsentForm) -> HttpResponse:
    try:
        before = uuid.UUID(request.GET.get("before", ""))
    except ValueError:
        before = None
    entries = contact_log.timeline(contact, before=before, limit=TIMELINE + 1)
    context = {
        "contact": contact,
        "pills": pills(contact),
        "properties": [
            (name, contact_changes.as_text(value))
            for name, value in sorted(contact.properties.items())
        ],
        "entries": [_entry(one) for one in entries[:TIMELINE]],
        "older": str(entries[TIMELINE - 1].id) if len(entries) > TIMELINE else "",
        "paged": before is not None,
        "form": form,
        "may_edit": request.may(Role.MARKETER),
        **_audience(request, contact),
    }
    return render(request, "transactional/contact.html", context)


def _audience(request: AccountRequest, contact: Contact) -> dict[str, Any]:
    """What the person agreed to hear of, and the static lists they are on."""
    person = subscriptions.people(request.account.pk, [contact.email])[contact.email]
    words, bases = dict(Subscribed.choices), dict(LegalBasis.choices)
    rows = []
    for one in subscription_types.all_types(request.account.pk):
        status = person.status(one.pk)
        answer = person.answers.get(one.pk)
        basis = bases.get(answer.legal_basis, "") if answer else ""
        tone = {"subscribed": "ok", "unsubscribed": "warn"}.get(status, "mute")
        rows.append({"type": one, "word": words[status], "tone": tone, "basis": basis})
    static = ContactList.objects.of(request.account).filter(kind=ListKind.STATIC)
    on = static.filter(members__contact=contact).order_by("name")[:LISTS_MAX]
    return {
        "subscriptions": rows,
        "statuses": Subscribed.choices,
        "bases": LegalBasis.choices,
        "on_lists": on,
        "other_lists": static.exclude(members__contact=contact).order_by("-pk")[:LISTS_MAX],
    }


def _entry(entry: contact_log.Entry) -> dict[str, Any]:
    words = dict(EventType.choices)
    statuses = dict(Status.choices)
    acts = [
        {
            "word": words.get(act.type, act.type),
            "tone": "mute" if act.machine else TONES.get(act.type, "mute"),
            "act": act,
        }
        for act in entry.acts
    ]
    status = entry.recipient.status if entry.recipient else ""
    pill = {"word": statuses.get(status, status), "tone": TONES.get(status, "mute")}
    return {"entry": entry, "pill": pill, "acts": acts}


@account_page(Role.MARKETER)
def contact_edit(request: AccountRequest, contact_id: int) -> HttpResponseBase:
    """Change, add and remove properties."""
    contact = find(request, contact_id)
    seen = _moment(request.POST.get("seen", "")) or contact.updated_at
    rows = contact_forms.shown(contact)
    stale = False
    if request.method == "POST":
        rows = contact_forms.typed(request.POST)
        if "more" not in request.POST and contact_forms.check(rows):
            done = contact_changes.edit(
                request.account.pk,
                contact.pk,
                given=contact_forms.given(rows),
                removed=contact_forms.removed(rows),
                seen=seen,
                by=request.user.email,
            )
            if done:
                messages.success(request, _("The properties were saved."))
                return redirect("contact", request.account.pk, contact.pk)
            stale, seen = True, contact.updated_at  # a second press means it
    rows = contact_forms.with_blanks(rows)
    context = {"contact": contact, "rows": rows, "seen": seen.isoformat(), "stale": stale}
    return render(request, "transactional/contact_edit.html", context)


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


@require_POST
@account_page(Role.MARKETER)
def contact_consent(request: AccountRequest, contact_id: int) -> HttpResponseBase:
    """Unsubscribe, subscribe again, quarantine or confirm by hand: with a reason, logged."""
    contact = find(request, contact_id)
    # Also what is impossible by now is a choice here: that is told below
    form = ConsentForm(request.POST, changes=contact_changes.CHANGES)
    if not form.is_valid():
        form.narrow(contact_changes.possible(contact))
        return _detail(request, contact, form)
    what = ContactChanged(form.cleaned_data["what"])
    why = form.cleaned_data["why"]
    if contact_changes.change(request.account.pk, contact.pk, what, by=request.user.email, why=why):
        messages.success(request, _("Saved, and kept in the timeline."))
    else:
        messages.info(request, _("It was so already; nothing was changed."))
    return redirect("contact", request.account.pk, contact.pk)
