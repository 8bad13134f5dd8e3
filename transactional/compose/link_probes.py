"""The one reader and writer of what links answer: asked by a worker, through the guard, never by a page."""

import hashlib
import ipaddress
import logging
import threading
from collections.abc import Iterator
from datetime import timedelta

from celery import current_app
from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.exceptions import KombuError
from redis.exceptions import RedisError
from selectolax.lexbor import LexborHTMLParser

from config import fetch
from domains import dns
from transactional.compose.document import link_checks, schema
from transactional.compose.document.problem import Problem
from transactional.models import Email, LinkProbe

logger = logging.getLogger(__name__)

TASK = "transactional.ask_links"
MOST = 50  # links of one email that are asked
FRESH = timedelta(hours=24)  # an answer that was good is believed for so long,
AGAIN = timedelta(minutes=10)  # one that was not for so long
KEPT = timedelta(days=30)
DEAD = frozenset({404, 410})


def urls(email: Email) -> dict[str, str]:
    """Web addresses without variables that the draft leads to, and the block of each."""
    if email.document is not None:
        document = schema.parse(email.document)
        found = {link.url.strip(): link.block for link in link_checks.links(document)}
    else:
        nodes = LexborHTMLParser(email.html).css("a[href]")
        found = {(node.attributes.get("href") or "").strip(): "" for node in nodes}
    plain = {url: at for url, at in found.items() if _is_plain(url)}
    return dict(list(plain.items())[:MOST])


def _is_plain(url: str) -> bool:
    return url.startswith(("http://", "https://")) and "{" not in url and len(url) <= 2000


def stale(email: Email) -> list[str]:
    """Those of its addresses that should be asked now."""
    wanted = urls(email)
    now = timezone.now()
    good = Q(asked_at__gt=now - FRESH, status__isnull=False) & ~Q(status__in=DEAD)
    known = LinkProbe.objects.of(email.account_id).filter(digest__in=[_digest(u) for u in wanted])
    fresh = known.filter(good | Q(asked_at__gt=now - AGAIN)).values_list("digest", flat=True)
    known_digests = {bytes(one) for one in fresh}
    return [url for url in wanted if _digest(url) not in known_digests]


def ask(email: Email) -> int:
    """Ask the addresses that are due, one by one; how many. Holds no transaction meanwhile."""
    due = stale(email)
    for url in due:
        status, trouble = _answer(url)
        values = {"url": url, "status": status, "trouble": trouble, "asked_at": timezone.now()}
        LinkProbe.objects.of(email.account_id).update_or_create(
            account_id=email.account_id, digest=_digest(url), defaults=values
        )
    return len(due)


def wake(email: Email) -> None:
    """Have a worker ask what is due, without waiting for the broker. Lost, it is asked for again."""
    if stale(email):
        threading.Thread(target=_wake, args=[email.pk], name="link-wake", daemon=True).start()


def _wake(email_id: int) -> None:
    try:
        current_app.send_task(TASK, args=[email_id], retry=False, expires=60)
    except (KombuError, RedisError, OSError) as err:
        logger.warning("links of email %d are not asked: %s", email_id, err)


def _answer(url: str) -> tuple[int | None, str]:
    nets = [ipaddress.ip_network(net) for net in settings.EGRESS_PRIVATE_NETS]
    try:
        found = fetch.status(
            url, resolve=lambda name: dns.run(dns.addresses(name)).records, allowed=nets
        )
    except fetch.FetchRefused:
        return None, "refused"  # the checks of the address itself say why
    except fetch.FetchFailed:
        return None, "silent"
    return found, ""


def check_answers(email: Email) -> Iterator[Problem]:
    """Links that led nowhere when they were asked."""
    wanted = urls(email)
    digests = {_digest(url): url for url in wanted}
    for row in LinkProbe.objects.of(email.account_id).filter(digest__in=list(digests)):
        url = digests[bytes(row.digest)]
        values = {"url": url[:80], "status": row.status}
        if row.status in DEAD:
            message = _("The link “%(url)s” is dead: its server answers %(status)s.") % values
            yield Problem("warn", "LINK_DEAD", message, wanted[url] or None)
        elif row.trouble == "silent" or (row.status or 0) >= 500:
            message = _("The link “%(url)s” does not answer now.") % values
            yield Problem("advice", "LINK_SILENT", message, wanted[url] or None)


def forget() -> int:
    """Remove answers nobody has asked about for long; how many."""
    return int(LinkProbe.objects.filter(asked_at__lt=timezone.now() - KEPT).delete()[0])


def _digest(url: str) -> bytes:
    return hashlib.sha256(url.encode()).digest()
