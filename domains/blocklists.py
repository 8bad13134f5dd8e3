"""The only place that asks DNS blocklists (RFC 5782) about our IPs and domains, within their quotas.

What a list said is kept and shared: it is asked again after hours, one question after the other.
An answer that means "I do not answer you" is told from a listing; a list that lists everything, or
no longer knows its own test entry, is believed in nothing.
"""

import asyncio
import ipaddress
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from config.addresses import is_public
from domains import dns
from domains.blocklists_table import BLOCKLISTS, Blocklist
from domains.models import BlocklistChoice, Listing, ListingState

State = ListingState
AGAIN: Mapping[str, timedelta] = {
    State.CLEAR: timedelta(hours=6),
    State.LISTED: timedelta(hours=1),  # so that an IP is soon back in use
    State.UNKNOWN: timedelta(minutes=30),
}
DECLINED_AGAIN = timedelta(hours=6)  # a list that declines is not pressed
GAP = 0.05  # seconds between two questions to one list
GIVEN_UP = 2  # questions a list may leave unanswered before the run asks it no more
PROBED = 6 * 3600.0  # seconds for which a list that knew its test entry is trusted
_DECLINES = ipaddress.ip_network("127.255.255.0/24")
_LOOPBACK = ipaddress.ip_network("127.0.0.0/8")


@dataclass(frozen=True, slots=True)
class Asked:
    """A list as the operator wants it asked."""

    list: Blocklist
    zone: str
    stops: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What one answer means: a state, why nothing is known, what it is listed as."""

    state: str
    why: str = ""
    words: str = ""


def active() -> bool:
    """Whether lists are asked at all: never from a sandbox, whose IPs mean something else to them."""
    return bool(settings.BLOCKLISTS) and not settings.SANDBOX and settings.EGRESS != "sandbox"


def kind_of(subject: str) -> str:
    """`4`, `6` or `name`."""
    try:
        return str(ipaddress.ip_address(subject).version)
    except ValueError:
        return "name"


def lists_for(kind: str) -> tuple[Asked, ...]:
    """The lists that are asked about a kind of subject, with the operator's choices."""
    chosen = {choice.code: choice for choice in BlocklistChoice.objects.all()}
    found = []
    for one in BLOCKLISTS:
        choice, zone = chosen.get(one.code), one.zone_of(kind)
        if not zone or (choice is not None and not choice.enabled):
            continue
        if choice is None:
            found.append(Asked(one, zone, one.stops))
        else:
            stops = one.stops if choice.stops is None else choice.stops
            found.append(Asked(one, choice.zone or zone, stops))
    return tuple(found)


def look(subjects: Iterable[str]) -> None:
    """Ask the lists that are due about these IPs and names, and keep what they say."""
    wanted = [s for s in dict.fromkeys(subjects) if kind_of(s) == "name" or is_public(s, [])]
    if not active() or not wanted:
        return
    now = timezone.now()
    known = {(row.subject, row.code): row for row in Listing.objects.filter(subject__in=wanted)}
    questions = [
        (asked, subject)
        for kind in ("4", "6", "name")
        for asked in lists_for(kind)
        for subject in wanted
        if kind_of(subject) == kind and _is_due(known.get((subject, asked.list.code)), now)
    ]
    for (asked, subject), seen in dns.run(_ask_all(questions)).items():
        _keep(known.get((subject, asked.list.code)), asked, subject, seen)


def _is_due(row: Listing | None, now: datetime) -> bool:
    return row is None or row.next_at <= now


def _keep(old: Listing | None, asked: Asked, subject: str, seen: Seen) -> None:
    """A list that fails to answer takes back nothing that it said before."""
    now = timezone.now()
    pause = DECLINED_AGAIN if seen.why == "declined" else AGAIN[seen.state]
    fields = {
        "checked_at": now,
        "next_at": now + pause * random.uniform(0.9, 1.1),  # noqa: S311 — spreads load only
        "why": seen.why,
    }
    if seen.state != State.UNKNOWN or old is None:
        since = old.since if old is not None and old.state == State.LISTED else now
        listed = seen.state == State.LISTED
        fields |= {"state": seen.state, "words": seen.words, "since": since if listed else None}
    Listing.objects.update_or_create(subject=subject, code=asked.list.code, defaults=fields)


async def _ask_all(questions: Sequence[tuple[Asked, str]]) -> dict[tuple[Asked, str], Seen]:
    """Lists beside each other, the questions to each one after the other."""
    by_list: dict[str, list[tuple[Asked, str]]] = defaultdict(list)
    for asked, subject in questions:
        by_list[asked.zone].append((asked, subject))
    found = await asyncio.gather(*(_ask_list(those) for those in by_list.values()))
    return {question: seen for part in found for question, seen in part}


async def _ask_list(
    questions: Sequence[tuple[Asked, str]],
) -> list[tuple[tuple[Asked, str], Seen]]:
    told: list[tuple[tuple[Asked, str], Seen]] = []
    silent = 0
    for number, (asked, subject) in enumerate(questions):
        if silent >= GIVEN_UP:
            break
        if number:
            await asyncio.sleep(GAP)
        seen = await ask(asked, subject)
        silent += seen.why in (dns.TIMEOUT, dns.SERVFAIL)
        told.append(((asked, subject), seen))
    return told


async def ask(asked: Asked, subject: str) -> Seen:
    """What a list says of an IP or a name, if it can be trusted."""
    kind = kind_of(subject)
    seen = judge(asked.list, await dns.a(f"{_label(subject, kind)}.{asked.zone}"))
    if seen.state == State.UNKNOWN:
        return seen
    if seen.state == State.LISTED and kind != "name":
        # RFC 5782 §5: 127.0.0.1 is on no list. One that has it lists everything: it was given up
        never = "1.0.0.127" if kind == "4" else _label("::ffff:127.0.0.1", "6")
        if judge(asked.list, await dns.a(f"{never}.{asked.zone}")).state == State.LISTED:
            return Seen(State.UNKNOWN, "lists_all")
    if seen.state == State.CLEAR and not await _knows_its_test(asked):
        return Seen(State.UNKNOWN, "no_test")
    return seen


_probed: dict[str, float] = {}


async def _knows_its_test(asked: Asked) -> bool:
    """Whether silence means "not listed": some lists answer strangers with silence alone."""
    probe = asked.list.probe
    if not probe:
        return True
    if time.monotonic() - _probed.get(asked.zone, -PROBED) < PROBED:
        return True
    if judge(asked.list, await dns.a(f"{probe}.{asked.zone}")).state != State.LISTED:
        return False
    _probed[asked.zone] = time.monotonic()
    return True


def forget() -> None:
    """Drop what is kept: for tests."""
    _probed.clear()


def _label(subject: str, kind: str) -> str:
    """An IP's digits in reverse, as under in-addr.arpa and ip6.arpa; a name as it is."""
    if kind == "name":
        return subject
    pointer = ipaddress.ip_address(subject).reverse_pointer
    return pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")


def judge(one: Blocklist, answer: dns.Answer) -> Seen:
    """What an answer of a list means. Pure."""
    if answer.status in (dns.NXDOMAIN, dns.NODATA):
        return Seen(State.CLEAR)
    if answer.status != dns.OK:
        return Seen(State.UNKNOWN, answer.status)
    words = []
    for text in sorted(answer.records):
        address = ipaddress.ip_address(text)
        if address not in _LOOPBACK:
            return Seen(State.UNKNOWN, "not_a_list")  # a resolver that rewrites what is not there
        if address in _DECLINES or text in one.errors:
            return Seen(State.UNKNOWN, "declined")
        words += _words(one, text)
    if not words:
        return Seen(State.CLEAR)
    return Seen(State.LISTED, words=", ".join(dict.fromkeys(words))[:200])


def _words(one: Blocklist, text: str) -> list[str]:
    if one.codes:
        return [one.codes[text]] if text in one.codes else []
    last = int(text.rpartition(".")[2])
    if one.bits:
        return [word for bit, word in one.bits.items() if last & bit]
    return [text] if last > 1 else []


def stopping(subjects: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The lists that an IP is on and that stop it, by IP: what the last answers said."""
    found: dict[str, list[str]] = defaultdict(list)
    if not active():
        return {}
    wanted = list(subjects)
    rows = Listing.objects.filter(subject__in=wanted, state=State.LISTED).order_by("code")
    stops = {
        (kind, asked.list.code): asked.list.name
        for kind in ("4", "6")
        for asked in lists_for(kind)
        if asked.stops
    }
    for row in rows:
        name = stops.get((kind_of(row.subject), row.code))
        if name is not None:
            found[row.subject].append(name)
    return {subject: tuple(names) for subject, names in found.items()}
