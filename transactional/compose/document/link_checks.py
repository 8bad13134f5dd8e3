"""Checks of where a document's links and images lead, as far as it can be told without asking."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from transactional.compose.document import expressions, richtext
from transactional.compose.document.model import Block, Document
from transactional.compose.document.problem import Problem
from transactional.compose.document.richtext import Close, Open
from transactional.compose.template import scheme_of
from transactional.library.images import token_in

SHORTENERS = frozenset(
    [
        "bit.ly",
        "t.co",
        "goo.gl",
        "tinyurl.com",
        "ow.ly",
        "buff.ly",
        "is.gd",
        "rebrand.ly",
        "cutt.ly",
        "t.ly",
        "rb.gy",
    ]
)
MANY_LINKS = 3  # fewer say nothing about a purpose
_HOST_IN_TEXT = re.compile(
    r"(?:https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,})(?:[/?#]\S*)?", re.IGNORECASE
)
FILE_NAME = re.compile(r"[\w.-]+\.(?:png|jpe?g|gif|webp|svg|bmp)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a block, with the words that show it."""

    block: str
    url: str
    words: str


def links(document: Document) -> Iterator[Link]:
    """Every link a reader can follow."""
    for block in document.blocks():
        props = block.props
        if block.type == "button":
            yield Link(block.id, props["url"], props["label"])
        elif block.type in {"image", "logo"} and props["url"]:
            yield Link(block.id, props["url"], "")
        elif block.type == "social":
            yield from (Link(block.id, one["url"], "") for one in props["links"])
        elif "html" in props:
            yield from _of_text(block)


def _of_text(block: Block) -> Iterator[Link]:
    href: str | None = None
    words: list[str] = []
    for event in richtext.events(block.props["html"], names=block.names):
        if isinstance(event, Open) and event.tag == "a":
            href, words = event.href, []
        elif isinstance(event, Close) and event.tag == "a" and href is not None:
            yield Link(block.id, href, "".join(words).strip())
            href = None
        elif isinstance(event, str):
            words.append(event)


def check_links(document: Document) -> Iterator[Problem]:
    """Links that lead nowhere, or not where they say."""
    for link in links(document):
        yield from check_link(link)


def check_link(link: Link) -> Iterator[Problem]:
    """One link."""
    url, at = link.url.strip(), link.block
    if not url:
        yield Problem("block", "LINK_EMPTY", _("A link leads nowhere: type its address."), at)
        return
    if url.startswith("#"):
        message = _("A link leads to “%(url)s”, which is nowhere in an email.") % {"url": url[:60]}
        yield Problem("block", "LINK_FRAGMENT", message, at)
        return
    if url.startswith("{{"):
        return
    scheme = scheme_of(url)
    if not scheme:
        message = _("The link “%(url)s” does not start with https://.") % {"url": url[:60]}
        yield Problem("block", "LINK_RELATIVE", message, at)
    elif scheme in {"http", "https"}:
        yield from _check_web(link, url, scheme)


def _check_web(link: Link, url: str, scheme: str) -> Iterator[Problem]:
    host = _host(url)
    at, named = link.block, {"host": host[:80]}
    if "{" in host:
        return  # from a variable: nothing to be told
    if not host or ("." not in host and host != "localhost"):
        message = _("The link “%(url)s” names no website.") % {"url": url[:60]}
        yield Problem("block", "LINK_HOST", message, at)
        return
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or _is_ip(host):
        message = _("A link leads to “%(host)s”, which readers cannot reach.") % named
        yield Problem("block", "LINK_PRIVATE", message, at)
    elif host.removeprefix("www.") in SHORTENERS:
        message = _("A link goes through “%(host)s”: filters distrust shortened links.") % named
        yield Problem("warn", "LINK_SHORTENER", message, at)
    elif scheme == "http":
        message = _("The link to “%(host)s” is not encrypted: use https://.") % named
        yield Problem("warn", "LINK_HTTP", message, at)
    shown = _HOST_IN_TEXT.fullmatch(link.words)
    if shown and _bare(shown[1]) != _bare(host):
        message = _("A link shows “%(shown)s” but leads to “%(host)s”.") % {
            "shown": shown[1][:80],
            **named,
        }
        yield Problem("warn", "LINK_MISLEADS", message, at)


def check_purpose(document: Document, home: str) -> Iterator[Problem]:
    """Transactional email whose links lead, for more than a third, to other people's sites."""
    hosts = [host for link in links(document) if (host := _host(link.url)) and "{" not in host]
    away = sorted({host for host in hosts if not _same_site(host, home)})
    many = sum(not _same_site(host, home) for host in hosts)
    if len(hosts) >= MANY_LINKS and many * 3 > len(hosts):
        message = _(
            "Looks like marketing because %(many)s of %(all)s links lead elsewhere: %(hosts)s."
        )
        values = {"many": many, "all": len(hosts), "hosts": ", ".join(away[:3])}
        yield Problem("warn", "PROMOTIONAL_LINKS", message % values)


def check_secrets(document: Document) -> Iterator[Problem]:
    """A link that works once is given once: whoever forwards the mail forwards it."""
    seen: set[str] = set()
    for link in links(document):
        if not link.url.startswith("{{"):
            continue
        if link.url in seen:
            message = _("The same secret link is given twice.")
            yield Problem("advice", "LINK_TWICE", message, link.block)
            return
        seen.add(link.url)


def check_images(document: Document) -> Iterator[Problem]:
    """Images that are missing, or that say nothing where they are not shown."""
    for block in document.blocks():
        if block.type in {"image", "logo"}:
            yield from _check_image(block)


def _check_image(block: Block) -> Iterator[Problem]:
    source, alt = block.props["src"], block.props["alt"].strip()
    if not source:
        message = _("An image has no address yet: choose one or take it out.")
        yield Problem("block", "IMAGE_EMPTY", message, block.id)
    elif not source.startswith("{{"):
        if scheme_of(source) not in {"http", "https"}:
            message = _("The image “%(url)s” does not start with https://.") % {"url": source[:60]}
            yield Problem("block", "IMAGE_RELATIVE", message, block.id)
        elif scheme_of(source) == "http" and not token_in(source):
            message = _("An image is not encrypted: use https://.")
            yield Problem("warn", "IMAGE_HTTP", message, block.id)
        if urlsplit(_quiet(source)).path.lower().endswith((".svg", ".webp")):
            message = _("Many mail programs do not show SVG and WebP images: use PNG or JPEG.")
            yield Problem("warn", "IMAGE_FORMAT", message, block.id)
    if block.props.get("decorative"):
        return
    if not alt:
        message = _("An image has no description: write what it shows, or call it decorative.")
        yield Problem("block", "IMAGE_ALT", message, block.id)
    elif FILE_NAME.fullmatch(alt):
        message = _("An image is described by the name of its file.")
        yield Problem("warn", "IMAGE_ALT_FILE", message, block.id)


def leads_to(document: Document, variable: str) -> bool:
    """Whether some link leads to a variable, such as unsubscribe_link."""
    for link in links(document):
        try:
            parts = expressions.split(link.url, names=frozenset({"item"}))
        except expressions.ExpressionRefused:
            continue
        if any(not isinstance(part, str) and part.path == variable for part in parts):
            return True
    return False


def _host(url: str) -> str:
    try:
        return (urlsplit(url.strip()).hostname or "").lower()
    except ValueError:
        return ""


def _same_site(host: str, home: str) -> bool:
    """Whether a host is of the sender's domain, or its domain of the host's."""
    host, home = _bare(host), _bare(home)
    return host == home or host.endswith(f".{home}") or home.endswith(f".{host}")


def _quiet(url: str) -> str:
    return url if _host(url) else ""


def _bare(host: str) -> str:
    return host.lower().removeprefix("www.")


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
