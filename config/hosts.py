"""Which host may ask for what: tracking hosts reach /o/, /c/, /u/ and the probe, and nothing else.

First of all middleware. Pixels and links are answered from here, so that no session, user or
database is asked for on their way, whatever cookies a browser sends along.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import Resolver404, resolve

STATELESS = ("/o/", "/c/", "/.well-known/postino/")
UNSUBSCRIBE = "/u/"


class TrackingHosts:
    """Middleware. Any host may ask for a tracking address: the signed token says what is ours."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.own_host = urlsplit(settings.PUBLIC_URL).netloc or "localhost"

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer pixels and links at once; let the unsubscribe page pass the check of hosts."""
        path = request.path_info
        if path.startswith(STATELESS):
            try:
                match = resolve(path)
            except Resolver404:
                return HttpResponse(status=404)
            answer: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
            return answer
        if path.startswith(UNSUBSCRIBE):
            request.META["HTTP_HOST"] = self.own_host
        return self.get_response(request)
