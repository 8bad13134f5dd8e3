"""What operators' machines ask, outside of any account: is it alive, is it ready, how is it.

Answered before sessions, users and the check of hosts, like pixels are.
"""

import hmac
import ipaddress

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from config import disk, metrics
from config.client import client_address

_PLAIN = "text/plain; charset=utf-8"


@require_safe
def alive(_request: HttpRequest) -> HttpResponse:
    """200 as long as this process answers at all; asks nothing else."""
    return HttpResponse("ok\n", content_type=_PLAIN)


@require_safe
def ready(_request: HttpRequest) -> HttpResponse:
    """200 when mail would be accepted: the database answers and there is room; 503 with the reason."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return HttpResponse("database\n", content_type=_PLAIN, status=503)
    if disk.short():
        return HttpResponse("disk\n", content_type=_PLAIN, status=503)
    return HttpResponse("ok\n", content_type=_PLAIN)


@require_safe
def measured(request: HttpRequest) -> HttpResponse:
    """Every metric; 404 unless METRICS_TOKEN or METRICS_NETS opens it, 401 to everybody else."""
    if not settings.METRICS_TOKEN and not settings.METRICS_NETS:
        return HttpResponse(status=404)
    if not (_has_token(request) or _is_near(request)):
        answer = HttpResponse("401\n", content_type=_PLAIN, status=401)
        answer["WWW-Authenticate"] = 'Bearer realm="metrics"'
        return answer
    text = metrics.render(metrics.collect())
    answer = HttpResponse(text, content_type=metrics.CONTENT_TYPE)
    answer["Cache-Control"] = "no-store"
    return answer


def _has_token(request: HttpRequest) -> bool:
    word, _space, given = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    own = settings.METRICS_TOKEN
    if not own or word.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode("utf-8", "replace"), own.encode())


def _is_near(request: HttpRequest) -> bool:
    try:
        address = ipaddress.ip_address(client_address(request))
    except ValueError:
        return False
    nets = (ipaddress.ip_network(net, strict=False) for net in settings.METRICS_NETS)
    return any(address in net for net in nets)
