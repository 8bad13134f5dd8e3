"""The pages that readers reach by a signed link: what they hear about, and double opt-in.

No session and no cookie: the link is the permission, so these forms carry no CSRF token. Only a
POST changes anything; scanners that follow links change nothing.
"""

import uuid
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.cache import add_never_cache_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from tokens.models import Account
from transactional import signing, subscription_types, subscriptions
from transactional.models import Contact, Subscribed, SubscriptionSource, SubscriptionType
from transactional.subscriptions import Origin, Through, Wanted

ALL = "all"  # what unsubscribes from everything, where a type's number would stand


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def preferences_mail(request: HttpRequest, token: str) -> HttpResponse:
    """`/u/<token>/preferences`: reached from a mail."""
    recipient_id = signing.read_unsubscribe(token)
    mail = None if recipient_id is None else subscriptions.through(recipient_id)
    if recipient_id is None or mail is None:
        return lost(request)
    return _preferences(request, mail.account_id, mail.address, through=(recipient_id, mail))


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def preferences_contact(request: HttpRequest, token: str, what: str = "") -> HttpResponse:
    """`/u/p/<token>` and, to leave one type or all, `/u/p/<token>/<type or all>`: made by a call."""
    contact_id = signing.read_preferences(token)
    contact = None if contact_id is None else subscriptions.whose_page(contact_id)
    if contact is None:
        return lost(request)
    if not what:
        return _preferences(request, contact.account_id, contact.email)
    type_: SubscriptionType | None = None
    if what != ALL:
        known = {str(one.pk): one for one in subscription_types.all_types(contact.account_id)}
        type_ = known.get(what)
        if type_ is None:
            return lost(request)
    return _leave(request, contact, type_, token)


def _leave(
    request: HttpRequest, contact: Contact, type_: SubscriptionType | None, token: str
) -> HttpResponse:
    """Ask, then unsubscribe from one type or all."""
    done = False
    if request.method == "POST":
        wanted = Wanted(
            email=contact.email,
            type_id=type_.pk if type_ else None,
            status=Subscribed.UNSUBSCRIBED,
        )
        origin = Origin(source=SubscriptionSource.LINK)
        subscriptions.record(contact.account_id, [wanted], origin)
        done = True
    name = type_.named(language_of(request)) if type_ else ""
    context = {"address": contact.email, "type": name, "done": done, "token": token}
    return answer(request, "transactional/preferences_leave.html", context)


def _preferences(
    request: HttpRequest,
    account_id: int,
    address: str,
    *,
    through: tuple[uuid.UUID, Through] | None = None,
) -> HttpResponse:
    """Every type with its tick, and one button that leaves all."""
    offered = subscription_types.all_types(account_id)
    saved = False
    if request.method == "POST":
        wanted, source = _chosen(request, address, offered), SubscriptionSource.PREFERENCES
        if through is None:
            subscriptions.record(account_id, wanted, Origin(source=source))
        else:
            told = {"source": "preferences"}
            subscriptions.record_through(*through, wanted, source=source, data=told)
        saved = True
    person = subscriptions.people(account_id, [address])[address.lower()]
    language = language_of(request)
    context = {
        "address": address,
        "sender": Account.objects.get(pk=account_id).name,
        "left_all": person.left_all_at is not None,
        "saved": saved,
        "types": [
            {
                "pk": one.pk,
                "name": one.named(language),
                "description": one.described(language),
                "on": person.status(one.pk) != Subscribed.UNSUBSCRIBED,
            }
            for one in offered
        ],
    }
    return answer(request, "transactional/preferences.html", context)


def _chosen(request: HttpRequest, address: str, offered: list[SubscriptionType]) -> list[Wanted]:
    """What the form says: nothing ticked, or the button, leaves all marketing mail."""
    ticked = set(request.POST.getlist("type"))
    on = [one.pk for one in offered if str(one.pk) in ticked]
    if request.POST.get("leave") == ALL or not on:
        return [Wanted(email=address, type_id=None, status=Subscribed.UNSUBSCRIBED)]
    return [
        Wanted(
            email=address,
            type_id=one.pk,
            status=Subscribed.SUBSCRIBED if one.pk in on else Subscribed.UNSUBSCRIBED,
            legal_basis="CONSENT_WITH_NOTICE" if one.pk in on else "",
        )
        # Those that stay first: the first of them takes back that all were left
        for one in sorted(offered, key=lambda one: one.pk not in on)
    ]


def language_of(request: HttpRequest) -> str:
    """The language that the link or the page asks for, else the browser's."""
    asked = request.GET.get("lang", "")
    known = dict(settings.LANGUAGES)
    return asked if asked in known else (translation.get_language() or "en")


def lost(request: HttpRequest) -> HttpResponse:
    """404 for a link that is not exactly ours."""
    return answer(request, "transactional/preferences_lost.html", {}, status=404)


def answer(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """The page in the reader's language, kept by nobody."""
    language = language_of(request)
    context["tongues"] = [
        {"code": code, "name": name, "current": code == language}
        for code, name in settings.LANGUAGES
    ]
    with translation.override(language):
        response = render(request, template, context, status=status)
    response.headers["Content-Language"] = language
    add_never_cache_headers(response)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response
