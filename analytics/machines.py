"""The only judge of whether an open or a click is a person's or a program's, and why.

Judged once, when it is recorded, from what came with it, from when its mail was delivered, and from
what else the same recipient's copy met within seconds. What cannot be known is a person's.
"""

import ipaddress
import uuid
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from analytics import agents_table
from analytics.spool import Hit
from transactional.models import Machine

# Nobody reads a mail that soon; a scanner does, some while the server still takes the mail
PROMPT = timedelta(seconds=2)
EARLY = timedelta(seconds=60)  # earlier ones are of another, uncertain copy: a person's maybe
# So many different links of one copy within so short a time; looked at in this order
BURSTS = ((2, timedelta(milliseconds=500)), (3, timedelta(seconds=2)))
SPAN = max(span for _links, span in BURSTS)
BESIDE = timedelta(seconds=1)  # an open from the address of a burst this near belongs to it
# A hit is judged when whatever may tell of it has happened
SETTLED = SPAN + BESIDE


@dataclass(frozen=True, slots=True)
class Click:
    """A click that tells of others: one to be judged, one yet to be, or one recorded before."""

    id: uuid.UUID
    at: datetime
    link: str
    ip: str


class Bursts:
    """The clicks of one copy that came too close together, found in one walk per rule."""

    def __init__(self, clicks: Sequence[Click]) -> None:
        self.ids: set[uuid.UUID] = set()
        self._by_ip: dict[str, list[datetime]] = defaultdict(list)
        ordered = sorted(clicks, key=lambda row: row.at)
        for links, span in BURSTS:
            self._walk(ordered, links, span)
        for row in ordered:
            if row.id in self.ids:
                self._by_ip[row.ip].append(row.at)

    def _walk(self, clicks: Sequence[Click], links: int, span: timedelta) -> None:
        inside: Counter[str] = Counter()
        first = marked = 0
        for last, row in enumerate(clicks):
            inside[row.link] += 1
            while row.at - clicks[first].at > span:
                gone = clicks[first].link
                inside[gone] -= 1
                if not inside[gone]:
                    del inside[gone]
                first += 1
            if len(inside) >= links:
                self.ids |= {row.id for row in clicks[max(first, marked) : last + 1]}
                marked = last + 1

    def beside(self, hit: Hit) -> bool:
        """Whether an open comes from the address of such a click, at about its time."""
        times = self._by_ip.get(hit.ip, [])
        place = bisect_left(times, hit.at - BESIDE)
        return place < len(times) and times[place] <= hit.at + BESIDE


def judge(
    hits: Sequence[Hit],
    *,
    delivered: Mapping[uuid.UUID, datetime | None],
    clicks: Mapping[uuid.UUID, Sequence[Click]],
) -> dict[uuid.UUID, Machine]:
    """Why each of these hits is a machine's, by its id; people's are left out.

    `delivered`: when each recipient's copy was taken, as far as that is known. `clicks`: of each
    recipient, all that are known around the hits, these among them.
    """
    networks = [ipaddress.ip_network(net) for net in settings.MACHINE_NETWORKS]
    bursts = {
        of: Bursts(list({row.id: row for row in rows}.values())) for of, rows in clicks.items()
    }
    found: dict[uuid.UUID, Machine] = {}
    for hit in hits:
        why = (
            _said(hit)
            or _from(hit, networks)
            or _prompt(hit, delivered.get(hit.recipient_id))
            or _burst(hit, bursts.get(hit.recipient_id))
        )
        if why is not None:
            found[hit.id] = why
    return found


def _said(hit: Hit) -> Machine | None:
    """By what it says itself."""
    if hit.hint == "head":
        return Machine.HEAD
    if hit.hint == "prefetch":
        return Machine.PREFETCH
    agent = hit.user_agent.strip()
    if hit.kind == "open" and agent == agents_table.PRIVACY:
        return Machine.PRIVACY
    if not agent:
        return Machine.NAMELESS
    return Machine.ROBOT if agents_table.is_program(agent) else None


def _from(
    hit: Hit, networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]
) -> Machine | None:
    if not networks:
        return None
    try:
        address = ipaddress.ip_address(hit.ip)
    except ValueError:
        return None
    return Machine.NETWORK if any(address in net for net in networks) else None


def _prompt(hit: Hit, delivered_at: datetime | None) -> Machine | None:
    if delivered_at is None:
        return None
    return Machine.PROMPT if -EARLY <= hit.at - delivered_at < PROMPT else None


def _burst(hit: Hit, bursts: Bursts | None) -> Machine | None:
    if bursts is None:
        return None
    hurried = hit.id in bursts.ids if hit.kind == "click" else bursts.beside(hit)
    return Machine.BURST if hurried else None


def click(hit: Hit) -> Click:
    """What a hit on a link tells of others."""
    return Click(hit.id, hit.at, str(hit.link_index), hit.ip)
