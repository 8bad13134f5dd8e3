"""Which IPs a stream may leave from: dedicated ones for transactional mail, shared for the rest."""

import random
import time
from dataclasses import dataclass

from django.db.models import Q

from domains.models import EgressSource, Pool, PoolMember, SourceState
from tokens.models import Account

SHARED = "shared"
DEDICATED = "dedicated"
FRESH = 1.0  # seconds a pool's sources are kept: a paused IP is left within a second


@dataclass(frozen=True, slots=True)
class UsableSource:
    """A ready egress source: its row, address and the name it says in EHLO."""

    id: int
    address: str
    ehlo_name: str
    weight: int


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


_cache: dict[int, tuple[float, tuple[UsableSource, ...]]] = {}


def usable(pool_id: int) -> tuple[UsableSource, ...]:
    """The pool's ready sources, at most a second old."""
    now = time.monotonic()
    hit = _cache.get(pool_id)
    if hit and now - hit[0] < FRESH:
        return hit[1]
    members = (
        PoolMember.objects.filter(pool_id=pool_id, source__state=SourceState.READY, weight__gt=0)
        .order_by("source_id")
        .values_list("source_id", "source__address", "source__ehlo_name", "weight")
    )
    found = tuple(UsableSource(*row) for row in members)
    _cache[pool_id] = (now, found)
    return found


def forget() -> None:
    """Drop what is kept: for tests, and after a change that must count at once."""
    _cache.clear()


def choose(sources: tuple[UsableSource, ...], *, ipv6: bool) -> UsableSource | None:
    """One of the sources of this address family, by weight; None where there is none."""
    fit = [s for s in sources if (":" in s.address) == ipv6]
    return random.choices(fit, [s.weight for s in fit])[0] if fit else None  # noqa: S311 — a share, not a secret


def accounts_ready(account_ids: set[int]) -> set[int]:
    """Those of the accounts that have a ready dedicated IP."""
    rows = PoolMember.objects.filter(
        Q(pool__account_id__in=account_ids),
        pool__dedicated=True,
        source__state=SourceState.READY,
        weight__gt=0,
    )
    return set(rows.values_list("pool__account_id", flat=True).distinct())
