"""The pages of sending domains: the list beside the IPs, one domain with its records."""

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from config.errors import PostinoError
from domains import connect, idn, refused, share
from domains.checks import check_domain
from domains.connect import take_turn
from domains.dkim import rotation
from domains.findings import sentence_of
from domains.models import Domain, DomainChange, DomainState, EgressSource
from domains.standing import drifting
from domains.views import complaint_rows
from domains.views.forms import DomainForm
from domains.views.key_words import keys_context
from domains.views.rows import STOP_POLLING, domain_rows, every, mark, state_pill
from domains.views.source_rows import domain_list_rows
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional.models import SenderAddress
from transactional.submission import senders

POLL = timedelta(seconds=4)  # an open page checks a waiting domain no more often than this
PRESSED = timedelta(seconds=1)  # and a button, however many press it


@require_safe
@account_page(Role.VIEWER)
def overview(request: AccountRequest) -> HttpResponseBase:
    """Domains and IPs with their states."""
    domains = list(Domain.objects.of(request.account).order_by("name"))
    sources = list(EgressSource.objects.of(request.account).order_by("pk"))
    context = {
        "domains": [(d, state_pill(d), idn.shown(d.name)) for d in domains],
        "sources": [(source, state_pill(source)) for source in sources],
        "senders": SenderAddress.objects.of(request.account).order_by("address")[: senders.MOST],
        "may_change": request.may(Role.DEVELOPER),
    }
    return render(request, "domains/overview.html", context)


@account_page(Role.DEVELOPER)
def create(request: AccountRequest) -> HttpResponseBase:
    """Connect a domain: its keys are minted, its records shown."""
    form = DomainForm(request.POST or None, account=request.account)
    if request.method == "POST" and form.is_valid():
        try:
            domain = connect.domain(request.account, form.cleaned_data["name"])
            connect.record(domain, "connected", by=request.user.email)
        except PostinoError:  # pressed twice: the first one made it
            domain = Domain.objects.of(request.account).get(name=form.cleaned_data["name"])
        return redirect("domain", request.account.pk, domain.pk)
    return render(request, "domains/domain_create.html", {"form": form})


@require_safe
@account_page(Role.VIEWER)
def detail(request: AccountRequest, domain_id: int) -> HttpResponseBase:
    """A domain with the records it needs and what was found."""
    domain = find_domain(request, domain_id)
    ends = share.ending(timezone.now())
    link = reverse("domain_shared", args=[share.token(domain, ends=ends)])
    lists = domain_list_rows(domain)
    context = _context(request, domain) | {
        "link": f"{settings.PUBLIC_URL}{link}",
        "ends": ends,
        **complaint_rows.of_domain(request, domain),
        "of_domain": True,
        "lists": lists,
        "lists_first": [row for row in lists if row.remarkable],
        "lists_rest": [row for row in lists if not row.remarkable],
    }
    return render(request, "domains/domain.html", context)


@require_safe
@account_page(Role.VIEWER)
def state(request: AccountRequest, domain_id: int) -> HttpResponseBase:
    """The part of the page that changes; asked for every few seconds while the domain waits."""
    domain = find_domain(request, domain_id)
    if waits(domain) and take_turn(domain, POLL):
        check_domain(domain)
        rotation.tend(domain)
    context = _context(request, domain)
    if not context["waiting"]:
        return render(request, "domains/domain_state.html", context, status=STOP_POLLING)
    same = request.GET.get("every", str(context["every"])) == str(context["every"])
    if same and request.GET.get("seen") == context["mark"]:
        return HttpResponse(status=204)
    return render(request, "domains/domain_state.html", context)


@require_POST
@account_page(Role.DEVELOPER)
def check(request: AccountRequest, domain_id: int) -> HttpResponseBase:
    """Ask DNS now."""
    domain = find_domain(request, domain_id)
    if take_turn(domain, PRESSED):
        check_domain(domain)
    return redirect("domain", request.account.pk, domain.pk)


@require_POST
@account_page(Role.DEVELOPER)
def delete(request: AccountRequest, domain_id: int) -> HttpResponseBase:
    """Disconnect a domain, once its name has been typed."""
    domain = find_domain(request, domain_id)
    if request.POST.get("name", "").strip().lower() != domain.name:
        messages.error(request, _("The name typed is another one: nothing was disconnected."))
        return redirect("domain", request.account.pk, domain.pk)
    connect.record(domain, "disconnected", by=request.user.email)
    domain.delete()
    messages.success(request, _("%(name)s is disconnected.") % {"name": domain.name})
    return redirect("domains", request.account.pk)


def find_domain(request: AccountRequest, domain_id: int) -> Domain:
    """One of the account's domains; 404 for any other."""
    domain: Domain = get_object_or_404(Domain.objects.of(request.account), pk=domain_id)
    return domain


def waits(domain: Domain) -> bool:
    """Whether somebody in front of the page waits for DNS: then it is asked every few seconds."""
    return (
        domain.state != DomainState.VERIFIED
        or drifting(domain)
        or bool(rotation.to_rotate(domain, timezone.now()))
    )


def _told(change: DomainChange) -> list[str]:
    """What receivers said, where they refuse the domain's mail."""
    found = change.findings if change.kind == refused.KIND else ()
    return [sentence_of(finding) for finding in found]


def _context(request: AccountRequest, domain: Domain) -> dict[str, object]:
    since, pause = every(request, at_first=5)
    rows = domain_rows(domain)
    return {
        "domain": domain,
        "pill": state_pill(domain),
        "mark": mark(domain),
        "rows": [row for row in rows if row.record and not row.record.ours],
        "ours": [row for row in rows if row.record and row.record.ours],
        "waiting": waits(domain),
        "shown": idn.shown(domain.name),
        "lookalike": idn.lookalike(domain.name),
        "drifting": drifting(domain),
        "changes": [(one, _told(one)) for one in domain.changes.order_by("-at")[:5]],
        "since": since,
        "every": pause,
        **keys_context(domain),
        "may_change": request.may(Role.DEVELOPER),
    }
