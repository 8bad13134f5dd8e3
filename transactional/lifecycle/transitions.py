"""The only place for the table of a recipient's statuses: from each, where it may go."""

from collections.abc import Mapping

from transactional.models import EventType, Status

# From each status, where a recipient may go. A report of a bounce may come after `delivered`, and
# before we have written it; a delivery may follow any outcome that was not final.
_TRIED = frozenset(
    {
        Status.DEFERRED,
        Status.DELIVERED,
        Status.BOUNCED,
        Status.EXPIRED,
        Status.UNCERTAIN,
        Status.HELD,
    }
)
TRANSITIONS: Mapping[str, frozenset[str]] = {
    Status.QUEUED: _TRIED | {Status.CANCELLED, Status.SUPPRESSED},
    Status.DEFERRED: _TRIED | {Status.CANCELLED, Status.SUPPRESSED},
    Status.UNCERTAIN: _TRIED | {Status.SUPPRESSED},
    Status.HELD: frozenset({Status.QUEUED, Status.BOUNCED, Status.CANCELLED, Status.SUPPRESSED}),
    Status.DELIVERED: frozenset({Status.BOUNCED}),
    Status.BOUNCED: frozenset(),
    Status.EXPIRED: frozenset({Status.BOUNCED}),
    Status.SUPPRESSED: frozenset(),
    Status.CANCELLED: frozenset(),
}
FROM: dict[str, str] = {
    status: "|" + "|".join(old for old, new in TRANSITIONS.items() if status in new) + "|"
    for status in Status.values
}
#: Statuses of mail that is still to be tried.
WAITING = frozenset({Status.QUEUED, Status.DEFERRED, Status.UNCERTAIN})
EVENT_OF: Mapping[str, str] = {
    **{status: EventType(status) for status in _TRIED},
    Status.SUPPRESSED: EventType.CANCELLED,  # accepted, and not to be sent any more
}
