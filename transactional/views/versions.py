"""The versions of an email: the list with numbers, what differs between two, bringing one back."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe

from config.errors import PostinoError
from config.headers import EMAIL_POLICY
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional.compose import compare, restore, version_counts
from transactional.compose import render as compose
from transactional.compose.sample import sample_context
from transactional.models import Email, EmailVersion
from transactional.views import compare_words
from transactional.views.emails import find_email

PAGE = 25
DRAFT = "draft"
_LIGHT = ("id", "email_id", "number", "note", "created_at", "created_by", "published_at",
          "published_by", "subject", "document")  # fmt: skip


def find_version(email: Email, number: int) -> EmailVersion:
    """A version of this email. Raises Http404."""
    if number >= 2**31:
        raise Http404
    found: EmailVersion = get_object_or_404(email.versions.all(), number=number)
    return found


@require_safe
@account_page(Role.VIEWER)
def version_list(request: AccountRequest, email_id: int) -> HttpResponse:
    """Every version, newest first: who made it, when, why, and what became of its mail."""
    email = find_email(request, email_id)
    rows = email.versions.order_by("-number").defer("html", "text", "document", "contract")
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    counts = version_counts.of([one.pk for one in page.object_list])
    context = {
        "email": email,
        "page": page,
        "rows": [{"version": one, **_numbers(counts[one.pk])} for one in page.object_list],
        "may_edit": request.may(Role.MARKETER),
        "tab": "versions",
    }
    return render(request, "transactional/versions.html", context)


def _numbers(counts: Mapping[str, int]) -> dict[str, int]:
    names = ("accepted", "delivered", "bounced", "complained", "failed")
    return {name: counts.get(name, 0) for name in names}


def _side(email: Email, text: str) -> tuple[str, Any]:
    """One side of a comparison, by its number or as the draft. Raises Http404."""
    if text == DRAFT:
        return DRAFT, email
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Http404
    version = find_version(email, int(text))
    return str(version.number), version


@require_safe
@account_page(Role.VIEWER)
def version_compare(request: AccountRequest, email_id: int) -> HttpResponse:
    """Two versions side by side, and what differs in words. By default: live and draft."""
    email = find_email(request, email_id)
    numbers = [str(one) for one in email.versions.order_by("-number").values_list("number", flat=True)[:100]]  # fmt: skip
    live = str(email.published.number) if email.published else (numbers or [DRAFT])[0]
    left, before = _side(email, request.GET.get("a") or live)
    right, after = _side(email, request.GET.get("b") or DRAFT)
    found = compare.compare(before, after, documents=(before.document, after.document))
    context = {
        "email": email,
        "left": left,
        "right": right,
        "choices": [DRAFT, *numbers],
        "settings": [compare_words.setting(one) for one in found.settings],
        "variables": [compare_words.variable(one) for one in found.variables],
        "blocks": None if found.blocks is None else [compare_words.block(b) for b in found.blocks],
        "found": found,
        "may_edit": request.may(Role.MARKETER),
        "tab": "versions",
    }
    return render(request, "transactional/version_compare.html", context)


@require_safe
@xframe_options_sameorigin
@account_page(Role.VIEWER)
def version_html(request: AccountRequest, email_id: int, which: str) -> HttpResponse:
    """One side alone, filled from the sample data, for the frame: no script runs."""
    email = find_email(request, email_id)
    _name, content = _side(email, which)
    try:
        html = compose.render(content, sample_context(email)).html
    except PostinoError as err:
        html = ""
        response = HttpResponse(err.refusal.message, content_type="text/plain; charset=utf-8")
    else:
        response = HttpResponse(html)
    response.headers["Content-Security-Policy"] = f"{EMAIL_POLICY}; sandbox"
    response.headers["Cache-Control"] = "no-store"
    return response


@require_POST
@account_page(Role.MARKETER)
def version_restore(request: AccountRequest, email_id: int, number: int) -> HttpResponseBase:
    """Make a version the draft again; what is live stays live."""
    email = find_email(request, email_id)
    version = find_version(email, number)
    if version.document is None and email.document is not None and not request.may(Role.DEVELOPER):
        message = _("Version %(number)s was written as HTML: ask a developer to restore it.")
        messages.error(request, message % {"number": number})
        return redirect("email_versions", request.account.pk, email.pk)
    restored = restore.restore(email, version, by=request.user.email)
    message = _("Version %(number)s is the draft now. What is published has not changed.")
    messages.success(request, message % {"number": number})
    page = "email_edit" if restored.document is None else "email_compose"
    return redirect(page, request.account.pk, email.pk)


@require_POST
@account_page(Role.MARKETER)
def email_clone(request: AccountRequest, email_id: int) -> HttpResponseBase:
    """A new email that begins as a copy of this one's draft."""
    email = find_email(request, email_id)
    name = _("%(name)s (copy)") % {"name": email.name[:190]}
    copy = restore.clone(email, name=name[:200], by=request.user.email)
    messages.success(request, _("This is the copy. Give it a name of its own under Settings."))
    return redirect("email", request.account.pk, copy.pk)
