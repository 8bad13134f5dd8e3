"""Which IPs a stream may leave from: dedicated ones for transactional mail, shared for the rest."""

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import Q

from domains.models import (
    OPERATOR,
    USABLE,
    EgressSource,
    Pool,
    PoolMember,
    SourceState,
)
from domains.passed import Passed, reported, resting
from tokens.models import Account

SHARED = "shared"
DEDICATED = "dedicated"
TRANSACTIONAL = "transactional"  # the one kind of mail that leaves from dedicated IPs
MOST_TOLD = 32  # IPs of a pool that a message's story names: it is stored with every attempt
KEPT_ABOVE = 0.25  # health: an IP that a receiver puts off more than not is kept for no retry
FRESH = 1.0  # seconds a pool's sources are kept: a paused IP is left within a second


@dataclass(frozen=True, slots=True)
class UsableSource:
    """A ready egress source: its row, address and the name it says in EHLO.

    `host` is the worker host that has it, empty for any; `warming`: it has a budget per mailbox
    provider and day; `fresh`: no mail has left from it yet. `reported`: no marketing mail leaves from
    it now, since readers reported too much of it as spam, with the numbers.
    """

    id: int
    address: str
    ehlo_name: str
    weight: int
    owner: int = OPERATOR
    host: str = ""
    warming: bool = False
    fresh: bool = False
    reported: Mapping[str, str] | None = None

    @property
    def dedicated(self) -> bool:
        """Whether it is one account's: no marketing mail leaves from it."""
        return self.owner != OPERATOR


@dataclass(frozen=True, slots=True)
class Choice:
    """The IP that a try leaves from, or none; a stable code says why so.

    `only`, `weighted`: chosen. `kept`: an earlier try left from it. `spilled`: another IP's budget of the day is used up. Without a
    source: `no_source`, `no_family` (none speaks the receiver's protocol), `no_budget`,
    `marketing_on_dedicated` (which no configuration may lead to).
    """

    source: UsableSource | None
    code: str
    data: Mapping[str, Any] = field(default_factory=dict)
    passed: tuple[Passed, ...] = ()

    def without(self, passed: Iterable[Passed]) -> "Choice":
        """The same, with IPs that could not even be drawn."""
        return replace(self, passed=(*self.passed, *passed))

    def told(self, fleet: "Fleet") -> dict[str, Any]:
        """What a story keeps: the choice's data and, as `others`, every other IP with its reason."""
        if self.source is not None and len(fleet.sources) == 1 and not fleet.passed:
            return dict(self.data)
        known = {one.address for one in self.passed}
        family = (
            Passed(one.address, "other_family")
            for one in fleet.sources
            if one is not self.source and one.address not in known
        )
        others = [one.row() for one in (*self.passed, *family, *fleet.passed)]
        told = {**self.data, "others": others[:MOST_TOLD]} if others else dict(self.data)
        return {**told, "more": len(others) - MOST_TOLD} if len(others) > MOST_TOLD else told


@dataclass(frozen=True, slots=True)
class Fleet:
    """The IPs of a pool: those that mail may leave from, and the others with their reasons."""

    sources: tuple[UsableSource, ...] = ()
    passed: tuple[Passed, ...] = ()

    def carrying(self, kind: str) -> "Fleet":
        """The same for mail of a kind: marketing mail passes over IPs that it was paused from."""
        if kind == TRANSACTIONAL or not any(one.reported for one in self.sources):
            return self
        paused = (
            Passed(one.address, "complaint_pause", one.reported)
            for one in self.sources
            if one.reported
        )
        fit = tuple(one for one in self.sources if not one.reported)
        return Fleet(fit, (*paused, *self.passed))


def dedicated_pool(account: Account) -> Pool:
    """The account's own pool, made at first use."""
    return Pool.objects.get_or_create(
        account=account, name=DEDICATED, defaults={"dedicated": True}
    )[0]


def shared_pool() -> Pool:
    """The operator's pool, from which marketing mail leaves."""
    return Pool.objects.get_or_create(account=None, name=SHARED)[0]


def add(pool: Pool, source: EgressSource, *, weight: int = 1) -> None:
    """Put a source into a pool. A dedicated source never joins a shared pool: ValueError."""
    if pool.account_id != source.account_id:
        raise ValueError("A source joins only pools of its own account")
    PoolMember.objects.get_or_create(pool=pool, source=source, defaults={"weight": weight})


_cache: dict[int, tuple[float, Fleet]] = {}


def usable(pool_id: int) -> tuple[UsableSource, ...]:
    """The pool's ready sources, whichever host has them, at most a second old."""
    return fleet(pool_id).sources


def fleet(pool_id: int) -> Fleet:
    """All of the pool's IPs, whichever host has them, at most a second old."""
    now = time.monotonic()
    hit = _cache.get(pool_id)
    if hit and now - hit[0] < FRESH:
        return hit[1]
    rows = PoolMember.objects.filter(pool_id=pool_id).select_related("source")
    members = list(rows.order_by("source_id"))
    ready = [one for one in members if one.weight and one.source.state in USABLE]
    paused = reported(ready)
    sources = (replace(_usable(one), reported=paused.get(one.source_id)) for one in ready)
    found = Fleet(tuple(sources), resting(members))
    _cache[pool_id] = (now, found)
    return found


def standby(pool_id: int) -> tuple[UsableSource, ...]:
    """The pool's IPs that wait for DNS or are on a blocklist: no receiver sees them behind a smarthost.

    One that a person has paused stays silent.
    """
    states = (SourceState.PENDING, SourceState.LISTED)
    members = PoolMember.objects.filter(
        pool_id=pool_id, source__state__in=states, weight__gt=0
    ).select_related("source")
    # No receiver's budget of a warm-up is touched
    return tuple(replace(_usable(one), warming=False) for one in members.order_by("source_id"))


def _usable(member: PoolMember) -> UsableSource:
    source = member.source
    return UsableSource(
        id=source.pk,
        address=source.address,
        ehlo_name=source.ehlo_name,
        weight=member.weight,
        owner=source.account_id or OPERATOR,
        host=source.host,
        warming=source.warm_up,
        fresh=source.state == SourceState.READY,
    )


def forget() -> None:
    """Drop what is kept: for tests, and after a change that must count at once."""
    _cache.clear()


Factor = Callable[[UsableSource], float]


def choose(
    sources: Sequence[UsableSource],
    *,
    ipv6: bool,
    kind: str,
    health: Factor = lambda source: 1.0,
    within_budget: Callable[[UsableSource], bool] = lambda source: True,
    keep: int | None = None,
) -> Choice:
    """The IP a try leaves from: of the address family, by weight times health, within budget.

    `keep`: the id of the IP that the try before left from. It stays while it is fit, since a
    greylist knows the sender by it (RFC 6647 §2.2); whatever the pool would draw.

    `kind` is the mail's: marketing never leaves from a dedicated IP, whatever pools say.
    """
    passed: list[Passed] = []
    if kind != TRANSACTIONAL and any(source.dedicated for source in sources):
        passed = [Passed(s.address, "marketing_on_dedicated") for s in sources if s.dedicated]
        sources = [source for source in sources if not source.dedicated]
        if not sources:
            return Choice(None, "marketing_on_dedicated", passed=tuple(passed))
    fit = [source for source in sources if (":" in source.address) == ipv6]
    if not fit:
        return Choice(None, "no_family" if sources else "no_source", {"ipv6": ipv6}, tuple(passed))
    able = [source for source in fit if within_budget(source)]
    passed += [Passed(source.address, "used_up") for source in fit if source not in able]
    if not able:
        asked = {"addresses": [source.address for source in fit]}
        return Choice(None, "no_budget", asked, tuple(passed))
    if len(fit) == 1:
        return Choice(able[0], "only", {"address": able[0].address}, tuple(passed))
    last = next((source for source in able if source.id == keep), None)
    if last is not None and health(last) >= KEPT_ABOVE:
        passed += [Passed(source.address, "not_kept") for source in able if source is not last]
        return Choice(last, "kept", {"address": last.address}, tuple(passed))
    weights = [source.weight * health(source) for source in able]
    chosen = random.choices(able, weights)[0]  # noqa: S311 — a share, not a secret
    code = "spilled" if len(able) < len(fit) else "weighted"
    shares = {s.address: round(w, 3) for s, w in zip(able, weights, strict=True)}
    data = {"address": chosen.address, **_if_many("shares", shares)}
    if code == "spilled":
        data["used_up"] = [source.address for source in fit if source not in able][:8]
    whole = sum(weights)
    passed += [
        Passed(source.address, "not_drawn", {"percent": round(100 * weight / whole)})
        for source, weight in zip(able, weights, strict=True)
        if source is not chosen
    ]
    return Choice(chosen, code, data, tuple(passed))


def _if_many(name: str, shares: Mapping[str, float]) -> dict[str, Any]:
    """A choice among one is told without shares: it is stored with every attempt."""
    return {name: dict(list(shares.items())[:8])} if len(shares) > 1 else {}


def accounts_ready(account_ids: set[int]) -> set[int]:
    """Those of the accounts that have a ready dedicated IP."""
    rows = PoolMember.objects.filter(
        Q(pool__account_id__in=account_ids),
        pool__dedicated=True,
        source__state__in=USABLE,
        weight__gt=0,
    )
    return set(rows.values_list("pool__account_id", flat=True).distinct())
