"""Double opt-in: asking by mail, and taking the answer. The mail is an email of the account's own.

Asked somebody is not mailed marketing until they press the button behind the mail's link.
"""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from config.errors import PostinoError, Refusal
from domains.models import Domain
from tokens.auth import Principal
from tokens.models import Account
from transactional import signing, subscriptions
from transactional.compose import drafts, versions
from transactional.compose.drafts import DraftFields
from transactional.models import (
    ConfirmationEmail,
    Contact,
    Email,
    Kind,
    OptIn,
    OptInRequest,
    Source,
    Subscribed,
    SubscriptionSource,
    SubscriptionType,
)
from transactional.submission.accept import accept_many
from transactional.submission.request import Refused, TemplateSubmission
from transactional.subscriptions import Origin, Wanted

LIFETIME = timedelta(days=7)
PAUSE = timedelta(minutes=5)  # between two mails about one thing to one person
MAILS_MAX = 3  # about one thing to one person, until they answer or the request expires

NAME = "Double opt-in"
SUBJECT = (
    "{% if custom.language == 'it' %}Conferma la tua iscrizione"
    "{% else %}Please confirm your subscription{% endif %}"
)
HTML = """<!doctype html><html><head><meta charset="utf-8"></head>
<body style="font-family:sans-serif;font-size:16px;line-height:24px">
{% if custom.language == 'it' %}
<p>Hai chiesto di ricevere <strong>{{ custom.type }}</strong> da {{ custom.sender }} a questo indirizzo.</p>
<p><a href="{{ custom.confirm_url }}">Confermo la mia iscrizione</a></p>
<p>Se non sei stato tu, non fare nulla: non riceverai altro.</p>
{% else %}
<p>You asked to hear <strong>{{ custom.type }}</strong> from {{ custom.sender }} at this address.</p>
<p><a href="{{ custom.confirm_url }}">Confirm my subscription</a></p>
<p>If this was not you, do nothing: you will hear no more.</p>
{% endif %}
</body></html>
"""


def _refused(code: str, message: str) -> PostinoError:
    return PostinoError(Refusal(code, message, http=409))


def email_for(account_id: int) -> Email:
    """The account's confirmation email, made at first use. Raises PostinoError NO_VERIFIED_DOMAIN."""
    known = ConfirmationEmail.objects.of(account_id).select_related("email").first()
    if known is not None:
        there: Email = known.email
        return there
    domain = Domain.objects.of(account_id).filter(verified_at__isnull=False).order_by("pk").first()
    if domain is None:
        words = "Connect a sending domain first: the confirmation is mailed in its name."
        raise _refused("NO_VERIFIED_DOMAIN", words)
    account = Account.objects.get(pk=account_id)
    fields = DraftFields(
        name=NAME,
        subject=SUBJECT,
        html=HTML,
        from_name=account.name[:200],
        from_address=f"hello@{domain.name}",
        kind=Kind.TRANSACTIONAL,
        track_opens=False,
        track_clicks=False,
        sample={"custom": _data("en", "News", account.name, "https://example.com/")},
    )
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account_id)  # two at once make one
        known = ConfirmationEmail.objects.of(account_id).select_related("email").first()
        if known is None:
            email = drafts.create(account, fields, by="postino")
            versions.go_live(email, versions.snapshot(email, by="postino"), by="postino")
            known = ConfirmationEmail.objects.create(account=account, email=email)
    found: Email = known.email
    return found


def _data(language: str, type_name: str, sender: str, url: str) -> dict[str, Any]:
    return {"language": language, "type": type_name, "sender": sender, "confirm_url": url}


def ask(
    account_id: int,
    contact: Contact,
    type_: SubscriptionType | None,
    *,
    principal: Principal,
    language: str = "en",
) -> None:
    """Mail a confirmation about one type, or all marketing mail.

    Raises PostinoError: NO_VERIFIED_DOMAIN, OPT_IN_CONFIRMED, OPT_IN_LIMIT (too soon, or too
    often), or why the mail was not accepted; then nothing has changed.
    """
    email = email_for(account_id)
    now = timezone.now()
    with transaction.atomic():
        locked = Contact.objects.of(account_id).select_for_update().get(pk=contact.pk)
        request = _request(locked, type_, by=principal.name)
        request.mails += 1
        request.mailed_at = now
        request.expires_at = now + LIFETIME
        request.save()
        if locked.opt_in != OptIn.CONFIRMED:
            locked.opt_in, locked.updated_at = OptIn.PENDING, now
            locked.save(update_fields=["opt_in", "updated_at"])
        name = (
            type_.named(language) if type_ else {"it": "le nostre novità"}.get(language, "our news")
        )
        url = f"{settings.PUBLIC_URL}/u/c/{signing.opt_in_token(request.pk)}?lang={language}"
        sender = Account.objects.get(pk=account_id).name
        asked = TemplateSubmission(
            principal=principal,
            source=Source.API if principal.kind == "api" else Source.APP,
            email_id=email.pk,
            to=locked.email,
            custom=_data(language, name, sender, url),
        )
        (answer,) = accept_many([asked])
        if isinstance(answer, Refused):
            raise PostinoError(answer.refusal)


def _request(contact: Contact, type_: SubscriptionType | None, *, by: str) -> OptInRequest:
    """The request to mail about. Raises PostinoError."""
    now = timezone.now()
    rows = OptInRequest.objects.of(contact.account_id).filter(contact=contact, type=type_)
    found: OptInRequest | None = rows.first()
    if found is None:
        return OptInRequest(
            account_id=contact.account_id, contact=contact, type=type_, expires_at=now, by=by[:254]
        )
    person = subscriptions.people(contact.account_id, [contact.email])[contact.email]
    still = type_ is None or person.status(type_.pk) == Subscribed.SUBSCRIBED
    if found.confirmed_at is not None and still and contact.opt_in == OptIn.CONFIRMED:
        raise _refused("OPT_IN_CONFIRMED", "This person has confirmed already.")
    if found.expires_at <= now or found.confirmed_at is not None:
        found.mails, found.confirmed_at = 0, None
    elif found.mails >= MAILS_MAX or (found.mailed_at and now - found.mailed_at < PAUSE):
        minutes = int(PAUSE.total_seconds() // 60)
        words = (
            f"This person was asked already: at most {MAILS_MAX} mails, {minutes} minutes apart, "
            f"until they answer or {LIFETIME.days} days are over."
        )
        raise PostinoError(Refusal("OPT_IN_LIMIT", words, http=429, retryable=True))
    return found


def read(token: str) -> OptInRequest | None:
    """The request behind a link; None unless it is exactly ours and still there."""
    request_id = signing.read_opt_in(token)
    if request_id is None:
        return None
    rows = OptInRequest.objects.filter(pk=request_id).select_related("contact", "type", "account")
    found: OptInRequest | None = rows.first()
    return found


def confirm(found: OptInRequest) -> bool:
    """Take the answer; False where the request has expired. Doing it again changes nothing."""
    now = timezone.now()
    with transaction.atomic():
        locked = OptInRequest.objects.select_for_update().get(pk=found.pk)
        if locked.confirmed_at is not None:
            return True
        if locked.expires_at <= now:
            return False
        locked.confirmed_at = now
        locked.save(update_fields=["confirmed_at"])
        contact = (
            Contact.objects.of(locked.account_id).select_for_update().get(pk=locked.contact_id)
        )
        contact.opt_in, contact.updated_at = OptIn.CONFIRMED, now
        contact.save(update_fields=["opt_in", "updated_at"])
        wanted = Wanted(
            email=contact.email,
            type_id=locked.type_id,
            status=Subscribed.SUBSCRIBED,
            legal_basis="CONSENT_WITH_NOTICE" if locked.type_id else "",
        )
        subscriptions.record(locked.account_id, [wanted], Origin(source=SubscriptionSource.OPT_IN))
    return True
