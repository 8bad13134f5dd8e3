"""The only place that moves DKIM keys along: next → active → retiring → retired.

No message may fail for a rotation. So a key signs only after every check has seen it in DNS for a
while (`settling`: answers that resolvers keep from before have ended, and workers keep keys for
seconds only), and one that signed stays published while mail that it signed may be under way
(`DKIM_RETIRE_DAYS`). Its selector then says for a day that it is revoked (RFC 6376 §3.6.1) before
a new key takes it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from domains import hosted
from domains.dkim import keys
from domains.models import DkimKey, DnsMode, Domain, DomainState, KeyState
from tokens import audit

ZONE_TTL = 300  # seconds that resolvers keep an answer of our own DNS
SETTLED = timedelta(hours=1)  # with records at somebody's provider: what negative answers last
SETTLED_OURS = timedelta(seconds=2 * ZONE_TTL)
REVOKED = timedelta(days=1)
LOOKED_AFTER = timedelta(minutes=10)  # at the latest: a check may have seen a key meanwhile
PENDING_TOO = timedelta(hours=1)

ROTATED = "rotated"
NO_NEXT = "no_next"  # the other selector still belongs to a key that retires
NOT_SEEN = "not_seen"  # DNS does not have the next key yet
SETTLING = "settling"  # it has, but not for long enough


@dataclass(frozen=True, slots=True)
class Turn:
    """Why an algorithm's key was rotated or not. `until` is when that ends, where it is known."""

    algorithm: str
    code: str
    selector: str
    until: datetime | None = None


def settling(domain: Domain) -> timedelta:
    """How long a key must have been seen in DNS before it signs."""
    return SETTLED if hosted.mode(domain) == DnsMode.OWN else SETTLED_OURS


def due_at(domain: Domain) -> datetime | None:
    """When the active keys are to be rotated by schedule; None where there is none."""
    days = settings.DKIM_ROTATE_DAYS
    if not domain.rotates or not days:
        return None
    active = domain.dkim_keys.filter(state=KeyState.ACTIVE)
    started = [key.active_at or key.created_at for key in active]
    return min(started) + timedelta(days=days) if started else None


def ask(domain: Domain) -> None:
    """Rotate as soon as the next keys may sign, whatever the schedule says."""
    domain.rotation_asked_at = domain.keys_due_at = timezone.now()
    _write(domain, "rotation_asked_at", "keys_due_at")


def tend(domain: Domain, now: datetime | None = None) -> tuple[Turn, ...]:
    """Do what a domain's keys need now: retire, mint the next, rotate. Says what came of each.

    Safe to run at any moment and by several at once: every step locks the domain's row.
    """
    now = now or timezone.now()
    retire(domain, now)
    if domain.state == DomainState.PENDING and hosted.mode(domain) == DnsMode.OWN:
        _write_due(domain, now + PENDING_TOO)  # first the records that sending needs
        return ()
    mint_next(domain, now)
    wanted = to_rotate(domain, now)
    turns = rotate(domain, now, wanted) if wanted else ()
    _write_due(domain, now + LOOKED_AFTER)
    return turns


def to_rotate(domain: Domain, now: datetime) -> frozenset[str]:
    """The algorithms whose key is to be rotated as soon as that may be: all of them where somebody
    asked or the schedule says so, else those whose next key was brought to be used.
    """
    due = due_at(domain)
    if domain.rotation_asked_at or (due and due <= now):
        return frozenset(keys.ALGORITHMS)
    brought = domain.dkim_keys.filter(state=KeyState.NEXT, imported=True)
    return frozenset(brought.values_list("algorithm", flat=True))


def mint_next(domain: Domain, now: datetime) -> list[DkimKey]:
    """Make the next key of each algorithm that has an active one, once a selector is free."""
    made = []
    for algorithm in keys.ALGORITHMS:
        mine = domain.dkim_keys.filter(algorithm=algorithm)
        if not mine.filter(state=KeyState.ACTIVE).exists():
            continue
        if mine.filter(state=KeyState.NEXT).exists() or not _free(domain, algorithm, now):
            continue
        key = keys.store(domain, keys.mint(algorithm), state=KeyState.NEXT)
        made += [key] if key else []
    return made


def _free(domain: Domain, algorithm: str, now: datetime) -> bool:
    """Whether a selector is free, and has said for long enough that its last key is revoked."""
    selector = keys.free_selector(domain, algorithm)
    if not selector:
        return False
    recent = domain.dkim_keys.filter(selector=selector, retired_at__gt=now - REVOKED)
    return not recent.exists()


def rotate(domain: Domain, now: datetime, algorithms: frozenset[str]) -> tuple[Turn, ...]:
    """Let these algorithms' next keys sign, where they may; the active ones retire from now on."""
    with transaction.atomic():
        locked = Domain.objects.select_for_update().get(pk=domain.pk)
        active = locked.dkim_keys.filter(state=KeyState.ACTIVE, algorithm__in=algorithms)
        turns = tuple(_turn(locked, key, now) for key in active.order_by("-algorithm", "pk"))
        if turns and all(turn.code == ROTATED for turn in turns):
            locked.rotation_asked_at = None
            _write(locked, "rotation_asked_at")
    domain.rotation_asked_at = locked.rotation_asked_at
    keys.forget()
    return turns


def _turn(domain: Domain, active: DkimKey, now: datetime) -> Turn:
    """Change places, where the next key may sign."""
    turn = outlook(domain, active, now)
    if turn.code == ROTATED:
        _move(active, KeyState.RETIRING, now)
        mine = domain.dkim_keys.filter(algorithm=active.algorithm, selector=turn.selector)
        _move(mine.get(state=KeyState.NEXT), KeyState.ACTIVE, now)
        audit.record(
            domain.account_id,
            "domain.keys_rotated",
            by=audit.SYSTEM,
            target=f"domain:{domain.pk}",
            name=domain.name,
            data={"selector": turn.selector},
        )
    return turn


def outlook(domain: Domain, active: DkimKey, now: datetime) -> Turn:
    """What a rotation of this key at this moment comes to. Changes nothing."""
    mine = domain.dkim_keys.filter(algorithm=active.algorithm)
    following = mine.filter(state=KeyState.NEXT).order_by("pk").first()
    if following is None:
        retiring = mine.filter(state=KeyState.RETIRING).order_by("retiring_at").first()
        until = retires_at(retiring) + REVOKED if retiring else None
        return Turn(active.algorithm, NO_NEXT, active.selector, until)
    if not following.published or following.seen_at is None:
        return Turn(active.algorithm, NOT_SEEN, following.selector)
    ready = following.seen_at + settling(domain)
    if ready > now:
        return Turn(active.algorithm, SETTLING, following.selector, ready)
    return Turn(active.algorithm, ROTATED, following.selector)


def retires_at(key: DkimKey) -> datetime:
    """When a key that signs no more may vanish: no mail it signed is under way any longer."""
    return (key.retiring_at or key.created_at) + timedelta(days=settings.DKIM_RETIRE_DAYS)


def retire(domain: Domain, now: datetime) -> int:
    """Destroy the keys whose time is over; how many."""
    with transaction.atomic():
        Domain.objects.select_for_update().get(pk=domain.pk)
        over = [
            key
            for key in domain.dkim_keys.filter(state=KeyState.RETIRING)
            if retires_at(key) <= now
        ]
        for key in over:
            _move(key, KeyState.RETIRED, now)
    return len(over)


def revoke(key: DkimKey) -> bool:
    """Destroy a key at once, for it leaked; mail it signed fails from then on.

    False, and nothing happens, where it signs and no other key of the domain is published.
    """
    now = timezone.now()
    with transaction.atomic():
        domain = Domain.objects.select_for_update().get(pk=key.domain_id)
        others = domain.dkim_keys.exclude(pk=key.pk)
        if key.state == KeyState.ACTIVE:
            mine = others.filter(algorithm=key.algorithm, state=KeyState.NEXT, published=True)
            following = mine.order_by("pk").first()
            signing = others.filter(state=KeyState.ACTIVE).exclude(published=False)
            if following is None and not signing.exists():
                return False
            if following is not None:
                _move(following, KeyState.ACTIVE, now)
        _move(key, KeyState.RETIRED, now)
    keys.forget()
    return True


def _move(key: DkimKey, state: KeyState, now: datetime) -> None:
    """Write a key's new state, and since when."""
    key.state = state
    if state == KeyState.RETIRED:
        key.private_key = b""
    setattr(key, f"{state.value}_at", now)
    key.save(update_fields=["state", "private_key", f"{state.value}_at"])


def _write_due(domain: Domain, at: datetime) -> None:
    domain.keys_due_at = at
    _write(domain, "keys_due_at")


def _write(domain: Domain, *fields: str) -> None:
    """Only these fields: a check may write the others at the same moment."""
    values = {field: getattr(domain, field) for field in fields}
    Domain.objects.of(domain.account_id).filter(pk=domain.pk).update(**values)
