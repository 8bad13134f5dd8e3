"""A domain's records outside the account: as a zone file, and by a link for who runs its DNS."""

from datetime import timedelta

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_safe

from domains import records, share
from domains.checks import check_domain
from domains.connect import take_turn
from domains.models import Domain, DomainState
from domains.views.domains import find_domain
from domains.views.rows import STOP_POLLING, domain_rows, every, mark, state_pill
from domains.zone_file import zone_file
from tokens.models import Role
from tokens.web import AccountRequest, account_page

POLL = timedelta(seconds=10)  # a page that anyone with the link may open checks no more often


@require_safe
@account_page(Role.VIEWER)
def download(request: AccountRequest, domain_id: int) -> HttpResponseBase:
    """The records as a file that DNS providers import."""
    domain = find_domain(request, domain_id)
    wanted = [record for record in records.required(domain) if not record.ours]
    text = zone_file(domain.name, wanted)
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{domain.name}.zone"'
    return response


@require_safe
def page(request: HttpRequest, token: str) -> HttpResponse:
    """The records and their state for whoever has the link; nothing else of the account."""
    return _shown(request, token, "domains/shared.html")


@require_safe
def state(request: HttpRequest, token: str) -> HttpResponse:
    """The part of that page that changes."""
    return _shown(request, token, "domains/shared_state.html", polled=True)


def _shown(
    request: HttpRequest, token: str, template: str, *, polled: bool = False
) -> HttpResponse:
    shared = share.read(token, now=timezone.now())
    if shared is None:
        raise Http404
    if shared.ended:
        return _private(render(request, "domains/shared_ended.html", status=410))
    domain = shared.domain
    if polled and domain.state != DomainState.VERIFIED and take_turn(domain, POLL):
        check_domain(domain)
    since, pause = every(request, at_first=10)
    context = _context(domain, token) | {"ends": shared.ends, "since": since, "every": pause}
    if polled and not context["waiting"]:
        return _private(render(request, template, context, status=STOP_POLLING))
    same = request.GET.get("every", str(pause)) == str(pause)
    if polled and same and request.GET.get("seen") == context["mark"]:
        return _private(HttpResponse(status=204))
    return _private(render(request, template, context))


def _context(domain: Domain, token: str) -> dict[str, object]:
    return {
        "domain": domain,
        "token": token,
        "pill": state_pill(domain),
        "mark": mark(domain),
        "rows": [row for row in domain_rows(domain) if row.record and not row.record.ours],
        "waiting": domain.state != DomainState.VERIFIED,
    }


def _private(response: HttpResponse) -> HttpResponse:
    """Kept by nobody on the way, found by no search engine, told to no other site."""
    add_never_cache_headers(response)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response
