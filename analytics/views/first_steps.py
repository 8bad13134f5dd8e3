"""The first-run checklist: what an account still lacks before its first delivered message."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from domains.models import USABLE, Domain, DomainState, EgressSource
from tokens.models import Account, Role
from tokens.web import AccountRequest
from transactional.models import Email


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the list. `url` is empty where the member's role may not do it."""

    name: str
    done: bool
    title: str
    why: str
    link: str
    url: str


def steps(request: AccountRequest, *, delivered: bool) -> list[Step]:
    """All steps with their real state; each costs one look-up of one row."""
    account = request.account
    found = [
        _brand(account),
        _domain(account),
        _ip(account),
        _published(account),
        _delivered(account, done=delivered),
    ]
    needs = (Role.OWNER, Role.DEVELOPER, Role.DEVELOPER, Role.MARKETER, Role.MARKETER)
    return [
        one if request.may(role) else Step(one.name, one.done, one.title, one.why, "", "")
        for one, role in zip(found, needs, strict=True)
    ]


def _brand(account: Account) -> Step:
    return Step(
        "brand",
        bool(account.postal_address),
        _("Say who you are"),
        _("Company name and address: footers show them, and the law asks for them."),
        _("Fill in the company"),
        reverse("account_settings", args=[account.pk]),
    )


def _domain(account: Account) -> Step:
    rows = Domain.objects.of(account)
    waiting = rows.exclude(state=DomainState.VERIFIED).order_by("pk").first()
    return Step(
        "domain",
        rows.filter(state=DomainState.VERIFIED).exists(),
        _("Connect your domain"),
        _("Mail leaves in its name. Publish a few DNS records, and it is ready at once."),
        _("See its records") if waiting else _("Add domain"),
        reverse("domain", args=[account.pk, waiting.pk])
        if waiting
        else reverse("domain_create", args=[account.pk]),
    )


def _ip(account: Account) -> Step:
    rows = EgressSource.objects.of(account)
    waiting = rows.exclude(state__in=USABLE).order_by("pk").first()
    return Step(
        "ip",
        rows.filter(state__in=USABLE).exists(),
        _("Get a dedicated IP ready"),
        _("Its name must lead to it and back, or receivers refuse what it sends."),
        _("See what is missing") if waiting else _("Add IP"),
        reverse("source", args=[account.pk, waiting.pk])
        if waiting
        else reverse("source_create", args=[account.pk]),
    )


def _published(account: Account) -> Step:
    rows = Email.objects.of(account).filter(archived_at=None)
    draft = rows.filter(published=None).order_by("-updated_at").only("pk").first()
    return Step(
        "email",
        rows.filter(published__isnull=False).exists(),
        _("Publish your first email"),
        _("Start from a receipt, a code or an invitation, and make it yours."),
        _("Go on with the draft") if draft else _("New email"),
        reverse("email", args=[account.pk, draft.pk])
        if draft
        else reverse("email_create", args=[account.pk]),
    )


def _delivered(account: Account, *, done: bool) -> Step:
    live = Email.objects.of(account).filter(archived_at=None, published__isnull=False)
    email = live.order_by("-updated_at").only("pk").first()
    return Step(
        "delivered",
        done,
        _("Deliver your first message"),
        _("Send it to yourself, from here or from a program."),
        _("Send it") if email else _("Your emails"),
        reverse("email_send", args=[account.pk, email.pk])
        if email
        else reverse("emails", args=[account.pk]),
    )
