"""The only writer of EgressSource.state: what moves an IP from where to where, and its history.

    pending → ready → warming or active ⇄ paused, listed

A state that is not usable says why in the history: the finding's code, or who did it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from domains import pools
from domains.models import EgressSource, SourceChange
from domains.models import SourceEvent as Event
from domains.models import SourceState as State

IN_USE = frozenset({State.READY, State.WARMING, State.ACTIVE})
NOT_PAUSED = IN_USE | {State.PENDING, State.LISTED}
EVERY = NOT_PAUSED | {State.PAUSED}
EMPTY: frozenset[State] = frozenset()

# What may happen in which states; in any other, the event changes nothing and is not told
FROM: Mapping[str, frozenset[State]] = {
    Event.DNS_RIGHT: frozenset({State.PENDING}),
    Event.DNS_WRONG: IN_USE | {State.LISTED},
    Event.LISTED: IN_USE | {State.PENDING},
    Event.CLEARED: frozenset({State.LISTED}),
    Event.PAUSED: NOT_PAUSED,
    Event.RESUMED: frozenset({State.PAUSED}),
    Event.FIRST_MAIL: frozenset({State.READY}),
    Event.WARM_UP_STARTED: EVERY,
    Event.WARM_UP_SKIPPED: EVERY,
    Event.WARMED: EVERY,
}
_TO: Mapping[str, State] = {
    Event.DNS_WRONG: State.PENDING,
    Event.LISTED: State.LISTED,
    Event.PAUSED: State.PAUSED,
    Event.RESUMED: State.PENDING,  # its names are looked at anew before any mail leaves
}
_WARM_UP: Mapping[str, bool] = {
    Event.WARM_UP_STARTED: True,
    Event.WARM_UP_SKIPPED: False,
    Event.WARMED: False,
}


@dataclass(frozen=True, slots=True)
class Why:
    """Why something happened: a finding's code with what its sentence needs, or who did it."""

    code: str = ""
    data: Mapping[str, str] = field(default_factory=dict)
    by: str = ""


@transaction.atomic
def move(
    source_id: int, event: Event, why: Why | None = None, *, at: datetime | None = None
) -> bool:
    """Let something happen to an IP. False where its state does not allow it, or it is gone.

    The row is locked, so that of two who say different things at once both are told in order.
    """
    rows = EgressSource.objects.filter(pk=source_id)
    source = rows.select_for_update(of=("self",)).first()
    if source is None or source.state not in FROM.get(event, EMPTY):
        return False
    if _WARM_UP.get(event, source.warm_up) != source.warm_up:
        source.warm_up = not source.warm_up
    elif event in _WARM_UP:
        return False
    now, was = at or timezone.now(), source.state
    if event == Event.FIRST_MAIL:
        source.used_at = source.used_at or now
    source.state = _next(source, event)
    if source.state in IN_USE and source.ready_at is None:
        source.ready_at = now
    fields = ("state", "warm_up", "ready_at", "used_at")
    rows.update(**{name: getattr(source, name) for name in fields})
    tell(source, event, was=was, why=why or Why(), at=now)
    transaction.on_commit(pools.forget)
    return True


def tell(
    source: EgressSource, event: Event, *, was: str, why: Why, at: datetime | None = None
) -> None:
    """Write a line of the history, in the caller's transaction."""
    SourceChange.objects.create(
        source=source,
        at=at or timezone.now(),
        event=event,
        was=was,
        state=source.state,
        why=why.code[:40],
        data=dict(why.data),
        by=why.by[:254],
    )


def _next(source: EgressSource, event: Event) -> State:
    if event in _TO:
        return _TO[event]
    if event in _WARM_UP and source.state not in IN_USE:
        return State(source.state)
    return resting(source)


def resting(source: EgressSource) -> State:
    """Where an IP stands that may be used: by whether it was, and warms up."""
    if source.used_at is None:
        return State.READY
    return State.WARMING if source.warm_up else State.ACTIVE
