"""A form that was sent after the session had expired: kept, and offered again after signing in.

It stays in the visitor's own session, for a while, and nothing is done with it before they press
the button that sends it again; CSRF was checked when it came, and is checked when it comes again.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

KEY = "kept_form"
CHARACTERS_MAX = 500_000  # of names and values together
LIFETIME = 1800.0  # seconds
Page = Callable[..., HttpResponseBase]


def keeping_what_was_typed(page: Page) -> Page:
    """Decorate a page that asks for a session, outside of what asks for it."""

    @wraps(page)
    def keeping(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        signed_in = request.user.is_authenticated
        if request.method == "POST" and not signed_in:
            _keep(request)
        elif request.method == "GET" and signed_in and KEY in request.session:
            kept = request.session.pop(KEY)
            fresh = timezone.now().timestamp() - kept["at"] < LIFETIME
            if kept["path"] == request.get_full_path() and fresh:
                context = {"fields": kept["fields"], "files": kept["files"]}
                return render(request, "tokens/kept_form.html", context)
        return page(request, *args, **kwargs)

    return keeping


def _keep(request: HttpRequest) -> None:
    """Remember the form, unless it is too large; files cannot be kept."""
    fields = [
        [name, value]
        for name, values in request.POST.lists()
        if name != "csrfmiddlewaretoken"
        for value in values
    ]
    if sum(len(name) + len(value) for name, value in fields) > CHARACTERS_MAX:
        return
    request.session[KEY] = {
        "path": request.get_full_path(),
        "fields": fields,
        "files": sorted(request.FILES),
        "at": timezone.now().timestamp(),
    }
