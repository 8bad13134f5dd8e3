"""What operators see of shaping: every cell that Redis knows of, as the workers told it. Reads only."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from config import shared
from domains import sites
from transactional.egress import profiles
from transactional.egress.cell import UNLIMITED
from transactional.egress.lifts import CellKey, cell_of, key_of, time_of
from transactional.egress.profiles import Profiles
from transactional.egress.shares import ACTIVE

SHOWN = 300  # cells
KNOWN = 5000  # cells whose state is read
TURNS, STEP = 50, 2000  # SCAN's, and the keys of Redis that each looks through
TOGETHER = 500  # keys read at once
LONGEST = 250  # characters of a key of ours
PREFIXES = ("shaping:state:", "shaping:users:")


@dataclass(frozen=True, slots=True)
class CellSeen:
    """One IP of ours towards one site. Limits are over all workers; 0: none.

    `until` and `rule`: nothing at all before this, and who asked for it. `ceiling_until`, `ceiling_rule`:
    the same for the number of connections. `because`: what holds the pace down, a rule or a code.
    """

    source: str
    site: str
    provider: str
    profile: str
    open: int
    workers: int
    connections: int
    per_minute: float
    because: str
    until: datetime | None
    rule: str
    ceiling_until: datetime | None
    ceiling_rule: str

    @property
    def named(self) -> str:
        """The site as people read it."""
        return sites.named(self.site)

    @property
    def liftable(self) -> bool:
        """Whether a rule holds it back that an operator may end."""
        return self.until is not None or self.ceiling_until is not None


@dataclass(frozen=True, slots=True)
class CellList:
    """The cells that fit, those first that are held back most; `now` is Redis' clock.

    `more`: further ones that fit and are not shown. `cut`: there is more in Redis than was looked through.
    """

    rows: tuple[CellSeen, ...]
    more: int
    cut: bool
    now: datetime


def cells(wanted: str = "") -> CellList | None:
    """Those whose IP, site or provider has these characters. None: Redis does not answer."""
    known = profiles.load()
    return shared.ask(lambda client: _read(client, wanted.strip().lower(), known), otherwise=None)


def _read(client: Any, wanted: str, known: Profiles) -> CellList:
    now = time_of(client)
    keys, cut = _keys(client)
    fit = [key for key in sorted(keys) if _fits(key, wanted)]
    cut, fit = cut or len(fit) > KNOWN, fit[:KNOWN]
    found = list(_seen(client, fit, known, now))
    found.sort(key=lambda one: (one.until is None, not one.liftable, not one.because, -one.open))
    at = datetime.fromtimestamp(now, UTC)
    return CellList(tuple(found[:SHOWN]), max(0, len(found) - SHOWN), cut, at)


def _keys(client: Any) -> tuple[set[CellKey], bool]:
    """The cells of Redis, and whether there may be more than were looked for."""
    found: set[CellKey] = set()
    cursor = 0
    for _turn in range(TURNS):
        cursor, names = client.scan(cursor, match="shaping:*", count=STEP)
        found |= {key for name in names if (key := key_from(name)) is not None}
        if not cursor:
            return found, False
    return found, True


def key_from(name: str) -> CellKey | None:
    """The cell that a key of Redis is about; None: of none. IPv6 and relays have colons of their own."""
    prefix = next((one for one in PREFIXES if name.startswith(one)), None)
    if prefix is None or len(name) > LONGEST:
        return None
    rest = name.removeprefix(prefix)
    for place in range(min(len(rest), 60), 0, -1):
        if rest[place : place + 1] == ":" and rest[place + 1 :] and _is_address(rest[:place]):
            return rest[:place], rest[place + 1 :]
    return None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _fits(key: CellKey, wanted: str) -> bool:
    return any(wanted in text.lower() for text in (*key, sites.named(key[1])))


def _seen(client: Any, keys: list[CellKey], known: Profiles, now: float) -> Iterator[CellSeen]:
    for first in range(0, len(keys), TOGETHER):
        some = keys[first : first + TOGETHER]
        with client.pipeline(transaction=False) as pipe:
            for key in some:
                pipe.get(key_of("state", key))
                pipe.hvals(key_of("users", key))
            answers = pipe.execute()
        for place, key in enumerate(some):
            yield _cell(key, answers[2 * place], answers[2 * place + 1], known, now)


def _cell(
    key: CellKey, told: str | None, users: list[str], known: Profiles, now: float
) -> CellSeen:
    cell = cell_of(key, told, known, now)
    open_ = [count for text in users if (count := _open(text, now)) is not None]
    most, rate = cell.most(now), cell.per_minute(now)
    suspended, fewer = cell.until > now, cell.ceiling_until > now
    return CellSeen(
        source=key[0],
        site=key[1],
        provider=sites.NAMES.get(key[1], ""),
        profile=cell.limits.name,
        open=sum(open_),
        workers=len(open_),
        connections=0 if most == UNLIMITED else most,
        per_minute=round(rate, 1),
        because=cell.why if cell.rate is not None else "",
        until=datetime.fromtimestamp(cell.until, UTC) if suspended else None,
        rule=cell.suspended_by if suspended else "",
        ceiling_until=datetime.fromtimestamp(cell.ceiling_until, UTC) if fewer else None,
        ceiling_rule=cell.ceiling_by if fewer else "",
    )


def _open(text: str, now: float) -> int | None:
    """A worker's connections; None where it does not use the cell now, or tells nonsense."""
    at, _, count = text.partition(" ")
    try:
        return max(0, int(count)) if abs(float(at) - now) < ACTIVE else None
    except ValueError:
        return None
