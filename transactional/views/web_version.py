"""`/v/<token>`: a mail read in a browser, by whoever holds its link, for a while."""

from html import escape

from django.http import HttpResponse
from django.http.request import HttpRequest
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from config.headers import EMAIL_POLICY
from transactional import signing
from transactional.compose import web_version as pages

# Nothing runs and nobody frames it; its links lead out of the sandbox, as a mail's do
POLICY = (
    EMAIL_POLICY.replace("frame-ancestors 'self'", "frame-ancestors 'none'")
    + "; sandbox allow-popups allow-popups-to-escape-sandbox"
)
BAR = (
    '<div role="note" style="margin:0;padding:10px 16px;background:#fdf0d8;color:#5c3800;'
    'font:14px/20px system-ui,sans-serif;text-align:center">{}</div>'
)


@require_safe
def web_version(request: HttpRequest, token: str) -> HttpResponse:
    """The copy that the token names; 404 for no such link, 410 once it has expired."""
    recipient_id = signing.read_web_version(token)
    try:
        page = None if recipient_id is None else pages.of(recipient_id, now=timezone.now())
    except pages.Gone:
        return _closed(render(request, "transactional/web_gone.html", status=410))
    if page is None:
        return _closed(render(request, "transactional/web_gone.html", {"lost": True}, status=404))
    html = page.html
    if page.masked:
        with translation.override(page.language):
            words = _("Details marked %(mask)s are only in the email itself.")
            html = _after_body(html, BAR.format(escape(words % {"mask": pages.MASK})))
    response = _closed(HttpResponse(html))
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _after_body(html: str, bar: str) -> str:
    start = html.lower().find("<body")
    end = html.find(">", start) if start >= 0 else -1
    return f"{html[: end + 1]}{bar}{html[end + 1 :]}"


def _closed(response: HttpResponse) -> HttpResponse:
    """Kept by no cache, found by no search engine, told to no other site."""
    add_never_cache_headers(response)
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
