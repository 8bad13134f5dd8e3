"""The command palette: from a few letters to a page, an email, a message, a person or a domain."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from domains.models import Domain, EgressSource
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional.models import Contact, Email, Message, Recipient

EACH = 5  # of a kind
LONGEST = 254  # characters that are looked for
SHORTEST = 3  # characters of an address: fewer find everybody

# Pages of an account: address, name, the role that it needs, icon
PAGES: tuple[tuple[str, str | Promise, Role, str], ...] = (
    ("dashboard", gettext_lazy("Dashboard"), Role.VIEWER, "home"),
    ("emails", gettext_lazy("Emails"), Role.VIEWER, "mail"),
    ("email_create", gettext_lazy("New email"), Role.MARKETER, "plus"),
    ("email_import", gettext_lazy("Import templates"), Role.DEVELOPER, "plus"),
    ("images", gettext_lazy("Library"), Role.VIEWER, "image"),
    ("sends", gettext_lazy("Sends"), Role.VIEWER, "send"),
    ("messages", gettext_lazy("Messages"), Role.VIEWER, "list"),
    ("contacts", gettext_lazy("Contacts"), Role.VIEWER, "people"),
    ("contacts_import", gettext_lazy("Import contacts"), Role.MARKETER, "plus"),
    ("suppressions", gettext_lazy("Suppressions"), Role.VIEWER, "stop"),
    ("keys", gettext_lazy("API keys & SMTP"), Role.VIEWER, "key"),
    ("domains", gettext_lazy("Domains & IPs"), Role.VIEWER, "globe"),
    ("domain_create", gettext_lazy("Add domain"), Role.DEVELOPER, "plus"),
    ("account_settings", gettext_lazy("Account settings"), Role.OWNER, "gear"),
    ("audit_log", gettext_lazy("Audit log"), Role.OWNER, "list"),
)


@dataclass(frozen=True, slots=True)
class Target:
    """A place to jump to: what it is, its name, what stands beside it."""

    kind: str | Promise
    name: str | Promise
    url: str
    icon: str
    beside: str = ""


@require_safe
@account_page(Role.VIEWER)
def jump(request: AccountRequest) -> HttpResponse:
    """The page with a form, which works without scripts; for the palette the options alone."""
    query = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST]
    targets = list(_targets(request, query))
    context = {"query": query, "targets": targets, "shortest": SHORTEST}
    part = request.headers.get("HX-Request") == "true"
    return render(
        request, "analytics/jump_options.html" if part else "analytics/jump.html", context
    )


def _targets(request: AccountRequest, query: str) -> Iterator[Target]:
    folded = query.casefold()
    for name, label, role, icon in PAGES:
        if request.may(role) and folded in str(label).casefold():
            yield Target(
                gettext_lazy("Page"), label, reverse(name, args=[request.account.pk]), icon
            )
    if not query:
        return
    yield from _emails(request, query)
    yield from _message(request, query)
    yield from _domains(request, folded)
    if len(query) >= SHORTEST:
        yield from _people(request, query)


def _emails(request: AccountRequest, query: str) -> Iterator[Target]:
    wanted = Q(name__icontains=query) | Q(subject__icontains=query)
    if query.isascii() and query.isdigit() and len(query) < 19:
        wanted |= Q(pk=int(query))
    rows = Email.objects.of(request.account).filter(wanted).order_by("-updated_at")
    for email in rows.only("pk", "name", "subject")[:EACH]:
        url = reverse("email", args=[request.account.pk, email.pk])
        yield Target(_("Email"), email.name, url, "mail", email.subject[:80])


def _message(request: AccountRequest, query: str) -> Iterator[Target]:
    """By its id, or by a recipient's; a Message-ID of ours begins with it."""
    try:
        wanted = uuid.UUID(query.strip("<>").partition("@")[0])
    except ValueError:
        return
    rows = Message.objects.of(request.account)
    found = rows.filter(pk=wanted).only("pk", "subject").first()
    if found is None:
        own = Recipient.objects.of(request.account).filter(pk=wanted).values("message_id")[:1]
        found = rows.filter(pk__in=own).only("pk", "subject").first()
    if found is not None:
        url = reverse("message", args=[request.account.pk, found.pk])
        yield Target(_("Message"), found.subject or str(found.pk), url, "list", str(found.pk))


def _domains(request: AccountRequest, query: str) -> Iterator[Target]:
    account = request.account.pk
    domains = Domain.objects.of(account).filter(name__contains=query).order_by("name")
    for domain in domains.only("pk", "name")[:EACH]:
        yield Target(
            _("Domain"), domain.name, reverse("domain", args=[account, domain.pk]), "globe"
        )
    sources = EgressSource.objects.of(account).filter(address__startswith=query).order_by("pk")
    for source in sources.only("pk", "address")[:EACH]:
        yield Target("IP", source.address, reverse("source", args=[account, source.pk]), "send")


def _people(request: AccountRequest, query: str) -> Iterator[Target]:
    """People by the beginning of their address: contacts, and who mail went to."""
    account, start = request.account.pk, query.lower()
    contacts = Contact.objects.of(account).filter(email__startswith=start).order_by("email")
    for contact in contacts.only("pk", "email")[:EACH]:
        url = reverse("contact", args=[account, contact.pk])
        yield Target(_("Contact"), contact.email, url, "people")
    rows = Recipient.objects.of(account).filter(address__startswith=start).order_by("address")
    # Some rows only: one address may have had thousands of messages
    for address in list(dict.fromkeys(rows.values_list("address", flat=True)[:50]))[:EACH]:
        url = reverse("messages", args=[account])
        yield Target(_("Messages to"), address, f"{url}?address={quote(address, safe='')}", "list")
