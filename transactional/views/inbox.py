"""The sandbox's inbox: the mail that an account has sent, as its readers got it."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from config.headers import EMAIL_POLICY
from tokens.models import Role, User
from tokens.web import AccountRequest, account_page
from transactional.sandbox import inbox
from transactional.sandbox.inbox import Shown
from transactional.sandbox.sink import maildir

SHAPES = ("html", "text", "headers", "source")
# A link may open a tab of its own, as in a mail program; scripts and forms may do nothing
FRAME = "sandbox allow-popups allow-popups-to-escape-sandbox"
SOURCE_LIMIT = 200_000  # characters of a source that a page shows


@require_safe
@login_required
def inbox_home(request: HttpRequest) -> HttpResponse:
    """The address that needs no account: leads to the inbox of the member's first one."""
    _only_in_the_sandbox()
    user = request.user
    assert isinstance(user, User)  # noqa: S101 — login_required; for the type checker
    first = user.memberships.order_by("account__name", "account_id").first()
    if first is None:
        raise Http404
    return redirect("sandbox_inbox", first.account_id)


@require_safe
@account_page(Role.VIEWER)
def inbox_list(request: AccountRequest) -> HttpResponse:
    """The account's mail, newest first."""
    _only_in_the_sandbox()
    before = request.GET.get("before", "")[:100]
    page = inbox.page(maildir(), request.account, before=before)
    return render(request, "transactional/inbox.html", {"page": page, "paged": bool(before)})


@require_safe
@account_page(Role.VIEWER)
def inbox_message(request: AccountRequest, name: str) -> HttpResponse:
    """One message: as HTML in a frame, as text, its headers, its source."""
    shown = _find(request, name)
    wanted = request.GET.get("as", "")
    shape = wanted if wanted in SHAPES else ("html" if shown.html else "text")
    context = {"shown": shown, "shape": shape, "source": shown.source[:SOURCE_LIMIT]}
    return render(request, "transactional/inbox_message.html", context)


@require_safe
@xframe_options_sameorigin
@account_page(Role.VIEWER)
def inbox_html(request: AccountRequest, name: str) -> HttpResponse:
    """The HTML alone, for the frame: no script runs, opened directly or not."""
    response = HttpResponse(_find(request, name).html)
    response.headers["Content-Security-Policy"] = f"{EMAIL_POLICY}; {FRAME}"
    response.headers["Cache-Control"] = "no-store"
    return response


def _find(request: AccountRequest, name: str) -> Shown:
    _only_in_the_sandbox()
    shown = inbox.message(maildir(), request.account, name)
    if shown is None:
        raise Http404
    return shown


def _only_in_the_sandbox() -> None:
    if not settings.SANDBOX:
        raise Http404
