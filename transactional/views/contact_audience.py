"""What a contact's page changes about audiences: one subscription, membership of lists, double opt-in."""

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from config.errors import PostinoError
from tokens.models import Role
from tokens.web import AccountRequest, account_page, principal
from transactional import contact_lists, opt_in, subscription_types, subscriptions
from transactional.models import (
    Contact,
    ContactList,
    LegalBasis,
    ListKind,
    Subscribed,
    SubscriptionSource,
    SubscriptionType,
)
from transactional.subscriptions import Origin, Wanted
from transactional.views.contacts import find


def _type(request: AccountRequest) -> SubscriptionType:
    """The type that the form names. Raises Http404."""
    known = {str(one.pk): one for one in subscription_types.all_types(request.account.pk)}
    found = known.get(request.POST.get("type", ""))
    if found is None:
        raise Http404
    return found


def _back(request: AccountRequest, contact: Contact) -> HttpResponseBase:
    return redirect("contact", request.account.pk, contact.pk)


@require_POST
@account_page(Role.MARKETER)
def subscription(request: AccountRequest, contact_id: int) -> HttpResponseBase:
    """Set one status by hand, with its legal basis; told in the timeline."""
    contact, type_ = find(request, contact_id), _type(request)
    status = request.POST.get("status", "")
    basis = request.POST.get("legal_basis", "")
    if status not in Subscribed.values or (basis and basis not in LegalBasis.values):
        raise Http404
    subscribes = status == Subscribed.SUBSCRIBED
    if subscribes and not basis:
        messages.error(request, _("Say on which legal basis this person is subscribed."))
        return _back(request, contact)
    wanted = Wanted(
        email=contact.email,
        type_id=type_.pk,
        status=Subscribed(status),
        legal_basis=basis if subscribes else "",
        explanation=request.POST.get("explanation", "").replace("\0", "")[
            : subscriptions.EXPLANATION_MAX
        ],
    )
    origin = Origin(source=SubscriptionSource.MEMBER, by=request.user.email)
    if subscriptions.record(request.account.pk, [wanted], origin)[0]:
        messages.success(request, _("Saved, and kept in the timeline."))
    else:
        messages.info(request, _("It was so already; nothing was changed."))
    return _back(request, contact)


@require_POST
@account_page(Role.MARKETER)
def membership(request: AccountRequest, contact_id: int) -> HttpResponseBase:
    """Put the person on a static list, or take them off it."""
    contact = find(request, contact_id)
    text = request.POST.get("list", "")
    rows = ContactList.objects.of(request.account).filter(kind=ListKind.STATIC)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    found = rows.filter(pk=number).first()
    if found is None:
        raise Http404
    act = contact_lists.remove if request.POST.get("act") == "remove" else contact_lists.add
    act(request.account.pk, found, [contact.email])
    messages.success(request, _("Saved."))
    return _back(request, contact)


@require_POST
@account_page(Role.MARKETER)
def ask_opt_in(request: AccountRequest, contact_id: int) -> HttpResponseBase:
    """Mail a confirmation about one type."""
    contact, type_ = find(request, contact_id), _type(request)
    language = "it" if request.POST.get("language") == "it" else "en"
    words = {
        "NO_VERIFIED_DOMAIN": _(
            "Connect a sending domain first: the confirmation is mailed in its name."
        ),
        "OPT_IN_CONFIRMED": _("This person has confirmed already."),
        "OPT_IN_LIMIT": _(
            "This person was asked already: at most 3 mails, 5 minutes apart, until they answer or "
            "7 days are over."
        ),
    }
    try:
        opt_in.ask(
            request.account.pk, contact, type_, principal=principal(request), language=language
        )
    except PostinoError as err:
        messages.error(request, words.get(err.refusal.code, err.refusal.message))
    else:
        messages.success(
            request, _("The confirmation is on its way. Marketing mail waits until it is answered.")
        )
    return _back(request, contact)
