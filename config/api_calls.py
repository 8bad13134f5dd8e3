"""The short way of API calls: no session, cookie or user is read for them, and no list of pages.

The one place that says which middleware an API call passes.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponseBase
from django.urls import ResolverMatch, resolve
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.module_loading import import_string

PREFIXES = ("/marketing/", "/communication-preferences/", "/email/public/v1/", "/api/v1/")
# The checks and headers that every answer of ours has; what pages need besides is left out
MIDDLEWARE = (
    "django.middleware.security.SecurityMiddleware",
    "config.headers.SecurityHeaders",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
)

_fixed: dict[str, ResolverMatch] = {}


class ApiCalls:
    """Middleware, before those of pages: answers API calls itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.call: Callable[[HttpRequest], Any] = convert_exception_to_response(_call)
        for path in reversed(MIDDLEWARE):
            self.call = convert_exception_to_response(import_string(path)(self.call))

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The call's answer; for anything else, the page's."""
        if request.path_info.startswith(PREFIXES):
            answer: HttpResponseBase = self.call(request)
            return answer
        return self.get_response(request)


def _call(request: HttpRequest) -> HttpResponseBase:
    """Run the view, in the language that the caller asks for."""
    asked = "HTTP_ACCEPT_LANGUAGE" in request.META or "HTTP_COOKIE" in request.META
    # A thread keeps the language of the page that it answered last
    language = translation.get_language_from_request(request) if asked else settings.LANGUAGE_CODE
    translation.activate(language)
    found = _match(request.path_info)
    request.resolver_match = found
    response: Any = found.func(request, *found.args, **found.kwargs)
    if hasattr(response, "render"):
        response = response.render()
    patch_vary_headers(response, ("Accept-Language",))
    response.headers.setdefault("Content-Language", language)
    answer: HttpResponseBase = response
    return answer


def _match(path: str) -> ResolverMatch:
    """The view at an address. Addresses without a variable part are looked for once."""
    known = _fixed.get(path)
    if known is not None:
        return known
    found = resolve(path)
    if found.route == path[1:]:
        _fixed[path] = found
    return found
