"""Which host may ask for what: tracking hosts reach /o/, /c/, /u/, /v/, /i/ and the probe, no more.

First of all middleware. Pixels, links and images are answered from here, so that no session or
user is asked for on their way, whatever cookies a browser sends along, and no cookie goes back.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import Resolver404, resolve

STATELESS = (
    *("/o/", "/c/", "/i/", "/.well-known/postino/"),
    *("/metrics", "/healthz", "/readyz"),  # asked by machines, by whatever name they know us
)
READERS = ("/u/", "/v/")  # pages for the people we write to


class TrackingHosts:
    """Middleware. Any host may ask for a tracking address: the signed token says what is ours."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.own_host = urlsplit(settings.PUBLIC_URL).netloc or "localhost"

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer pixels, links and images at once; let readers' pages pass the check of hosts."""
        path = request.path_info
        if path.startswith(STATELESS):
            try:
                match = resolve(path)
            except Resolver404:
                return HttpResponse(status=404)
            answer: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
            return answer
        if path.startswith(READERS):
            request.META["HTTP_HOST"] = self.own_host
        return self.get_response(request)
