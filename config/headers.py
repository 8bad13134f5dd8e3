"""Security headers of every page. A view that shows email HTML sets its own, stricter policy."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

APP_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; "
    "frame-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
# Email HTML: nothing runs, whatever it holds; only our own pages may frame it
EMAIL_POLICY = (
    "default-src 'none'; script-src 'none'; img-src * data:; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


class SecurityHeaders:
    """Middleware: sets the policies where the view has not set its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, with the policy and the permissions header added."""
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", APP_POLICY)
        response.headers.setdefault("Permissions-Policy", "interest-cohort=()")
        return response
