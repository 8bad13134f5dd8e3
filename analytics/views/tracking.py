"""What readers' mail programs and browsers ask for: pixel, links, unsubscribe page.

The pixel and the links need no database, no broker and no session; they set no cookie and tell a
guesser nothing.
"""

import re
from dataclasses import replace
from urllib.parse import quote, urlsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django.utils.translation import get_language
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from analytics import spool
from config.client import client_address
from transactional import signing, subscriptions
from transactional.models import SubscriptionSource

# 1 × 1, transparent
PIXEL = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)
NOTHING = "default-src 'none'; frame-ancestors 'none'"
LOST_LINK = (
    b'<!doctype html><html lang="en"><meta charset="utf-8"><title>Link not found</title>'
    b"<h1>This link does not lead anywhere</h1>"
    b"<p>It may have been cut or changed on its way. Open it from the message again.</p></html>"
)
# Left alone in a Location: all of printable ASCII, so that the target is the one that was written
_SAFE = "".join(chr(code) for code in range(0x21, 0x7F))
# Headers with which browsers and others tell that nobody has asked for it yet
_PURPOSES = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")
_DROPPED_BY_BROWSERS = re.compile(r"[\t\r\n]")


def _plain(response: HttpResponse) -> HttpResponse:
    """Headers of an answer that is nobody's page: not kept, not framed, telling no one."""
    response.headers["Cache-Control"] = "no-store, max-age=0"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Content-Security-Policy"] = NOTHING
    return response


@require_safe
def pixel(request: HttpRequest, name: str) -> HttpResponse:
    """`/o/<token>.gif`: always the same picture; a GET of one that is ours is a hit."""
    recipient_id = signing.read_open(name.removesuffix(".gif")) if name.endswith(".gif") else None
    if recipient_id is not None and request.method == "GET":
        spool.add(
            spool.new_hit(
                "open",
                recipient_id,
                ip=client_address(request),
                user_agent=request.META.get("HTTP_USER_AGENT", ""),
                hint=_hint(request),
            )
        )
    return _plain(HttpResponse(PIXEL, content_type="image/gif"))


def _hint(request: HttpRequest) -> str:
    """What a request says of itself that no reader's does: asked for ahead, or not for itself."""
    if request.method == "HEAD":
        return "head"
    said = " ".join(request.META.get(name, "") for name in _PURPOSES).lower()
    return "prefetch" if "prefetch" in said or "preview" in said else ""


@require_safe
def click(request: HttpRequest, token: str) -> HttpResponse:
    """`/c/<token>`: 302 to the target that the token carries; 404 unless it is exactly ours.

    HEAD, which programs ask links with, is kept as theirs.
    """
    found = signing.read_click(token)
    if found is None:
        return _plain(HttpResponse(LOST_LINK, status=404))
    spool.add(
        spool.new_hit(
            "click",
            found.recipient_id,
            ip=client_address(request),
            user_agent=request.META.get("HTTP_USER_AGENT", ""),
            link_index=found.link_index,
            url=found.url,
            hint=_hint(request),
        )
    )
    return _plain(HttpResponse(status=302, headers={"Location": location(found.url)}))


def location(url: str) -> str:
    """A target as a Location header may hold it (RFC 9110 §10.2.2): ASCII, else as it was written.

    A browser does the same to a link it follows: tabs and line ends fall out, spaces and what is
    not ASCII are percent-encoded as UTF-8, a host name becomes A-labels.
    """
    url = _DROPPED_BY_BROWSERS.sub("", url)
    try:
        host = urlsplit(url).hostname or ""
        if not host.isascii():
            place = url.lower().index(host)
            url = url[:place] + host.encode("idna").decode() + url[place + len(host) :]
    except ValueError:
        pass  # not a host that DNS could know: percent-encoded like the rest
    return quote(url, safe=_SAFE)


@csrf_exempt  # RFC 8058 §3.2: mail providers post here without a cookie or a page before
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str, *, everything: bool = False) -> HttpResponse:
    """`/u/<token>`: GET asks, so that scanners change nothing; POST unsubscribes, at once.

    From the mail's type, or with `everything` (`/u/<token>/all`) from all marketing mail.
    """
    recipient_id = signing.read_unsubscribe(token)
    mail = None if recipient_id is None else subscriptions.through(recipient_id)
    if recipient_id is None or mail is None:
        return _page(request, "lost", status=404)
    if everything:
        mail = replace(mail, type=None)
    one_click = request.POST.get("List-Unsubscribe") == "One-Click"
    if request.method != "POST" or not one_click:
        state = "done" if subscriptions.has_left(mail) else "ask"
        status = 400 if request.method == "POST" else 200
        return _page(request, state, mail=mail, token=token, status=status)
    source = SubscriptionSource.LINK
    subscriptions.leave(recipient_id, mail, source=source, data={"source": "link"})
    return _page(request, "done", mail=mail, token=token)


def _page(
    request: HttpRequest,
    state: str,
    *,
    mail: subscriptions.Through | None = None,
    token: str = "",
    status: int = 200,
) -> HttpResponse:
    type_ = mail.type if mail else None
    context = {
        "state": state,
        "address": mail.address if mail else "",
        "type": type_.named(get_language() or "en") if type_ else "",
        "token": token,
    }
    response = render(request, "analytics/unsubscribe.html", context, status=status)
    add_never_cache_headers(response)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response
