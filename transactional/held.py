"""Mail that is held, in doubt or since it cannot be built: what there is, and what a person decides.

The only way out of `held`: sent again, or given up. Whose address must not be mailed any more is not
sent again: its story ends as `suppressed`. In batches, each its own transaction with its entry in the
audit log; each recipient's event names who decided.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import psycopg
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop
from psycopg.types.json import Jsonb

from tokens import audit
from transactional import events, mailable
from transactional.events import NewEvent
from transactional.lifecycle import TRANSITIONS
from transactional.models import EventType, Recipient, Status
from transactional.requeue import Judged, judge, requeue

STEP = 200  # recipients per transaction
MOST = 5000  # looked at for one decision about all that match; the next one goes on
HELD = (Status.HELD,)
# Why, as the events keep it
SENT_AGAIN = gettext_noop("Sent again by hand: it was held")
GIVEN_UP = gettext_noop("Given up by hand: it was held")
BARRED: Mapping[str, str] = {
    mailable.BOUNCED: gettext_noop("Not sent again: mail to this address has bounced since."),
    mailable.SPAM: gettext_noop("Not sent again: its reader has reported mail as spam since."),
    mailable.BLOCKED: gettext_noop(
        "Not sent again: the address has been suppressed by hand since."
    ),
    mailable.LEFT_ALL: gettext_noop("Not sent again: its reader has unsubscribed since."),
    mailable.LEFT_TYPE: gettext_noop(
        "Not sent again: its reader has unsubscribed from this type of mail since."
    ),
    mailable.QUARANTINED: gettext_noop("Not sent again: the contact is in quarantine by now."),
    mailable.UNCONFIRMED: gettext_noop(
        "Not sent again: its reader has not confirmed the double opt-in."
    ),
}
assert Status.CANCELLED in TRANSITIONS[Status.HELD]  # noqa: S101 — what a decision may lead to
assert Status.QUEUED in TRANSITIONS[Status.HELD]  # noqa: S101 — said where the module is loaded
assert Status.SUPPRESSED in TRANSITIONS[Status.HELD]  # noqa: S101 — said where the module is loaded

# In the order of ids, so that two decisions about the same mail do not wait for each other
_END = """
WITH chosen AS (
    SELECT id FROM transactional_recipient
    WHERE id = ANY(%(ids)s) AND account_id = %(account)s AND status = 'held'
    ORDER BY id FOR UPDATE
)
UPDATE transactional_recipient r
SET status = %(status)s, status_at = %(at)s, reply = coalesce(%(codes)s::jsonb ->> r.id::text, r.reply)
FROM chosen, transactional_message m WHERE r.id = chosen.id AND m.id = r.message_id
RETURNING r.id, r.message_id, m.campaign_id
"""


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of a decision. `late` and `gone` are held still (see `requeue.Judged`); `barred` have
    ended, since their addresses must not be mailed any more.

    `more`: there was too much for one time.
    """

    done: int = 0
    late: int = 0
    gone: int = 0
    barred: int = 0
    more: bool = False


def find(account_id: int, address: str = "") -> QuerySet[Recipient]:
    """Held recipients of the account. `address`: a whole one, the beginning of one with *, or @domain."""
    rows: QuerySet[Recipient] = Recipient.objects.of(account_id).filter(status=Status.HELD)
    start = address.removesuffix("*")
    if address.startswith("@"):
        return rows.filter(address__iendswith=address)
    if start != address:
        return rows.filter(address__istartswith=start)
    return rows.filter(address__iexact=address) if address else rows


def page(
    account_id: int, address: str, *, before: uuid.UUID | None, limit: int
) -> Sequence[Recipient]:
    """Held recipients with their messages, newest first, those with an id below `before`."""
    rows = find(account_id, address).select_related("message")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-pk")[:limit])


def judged(account_id: int, ids: Sequence[uuid.UUID]) -> Judged:
    """Which of these could be sent again."""
    return judge(account_id, ids, HELD)


def release(account_id: int, ids: Sequence[uuid.UUID], *, by: str) -> Decided:
    """Send these again: same Message-ID, marked as resent where a copy may have arrived."""
    return _decide(account_id, _steps(ids), by, _release)


def give_up(account_id: int, ids: Sequence[uuid.UUID], *, by: str) -> Decided:
    """Leave these at what has been sent: their story ends as `cancelled`."""
    return _decide(account_id, _steps(ids), by, _give_up)


def release_all(account_id: int, address: str, *, by: str) -> Decided:
    """The same for all that `find` finds, MOST of them at a time."""
    return _decide(account_id, _all(account_id, address), by, _release)


def give_up_all(account_id: int, address: str, *, by: str) -> Decided:
    """The same for all that `find` finds, MOST of them at a time."""
    return _decide(account_id, _all(account_id, address), by, _give_up)


def _steps(ids: Sequence[uuid.UUID]) -> Iterator[Sequence[uuid.UUID]]:
    for start in range(0, min(len(ids), MOST), STEP):
        yield ids[start : start + STEP]


def _all(account_id: int, address: str) -> Iterator[Sequence[uuid.UUID]]:
    """Newest first; what stays held is passed over, not met again."""
    before: uuid.UUID | None = None
    for _ in range(MOST // STEP):
        rows = find(account_id, address)
        if before is not None:
            rows = rows.filter(pk__lt=before)
        ids = list(rows.order_by("-pk").values_list("pk", flat=True)[:STEP])
        if ids:
            yield ids
        if len(ids) < STEP:
            return
        before = ids[-1]


def _decide(
    account_id: int,
    batches: Iterator[Sequence[uuid.UUID]],
    by: str,
    act: Callable[[int, Sequence[uuid.UUID], str], Judged],
) -> Decided:
    done = late = gone = barred = seen = 0
    for ids in batches:
        seen += len(ids)
        with transaction.atomic():
            found = act(account_id, ids, by)
        done += len(found.ready)
        late += len(found.late)
        gone += len(found.gone)
        barred += len(found.barred)
    return Decided(done, late, gone, barred, more=seen >= MOST)


def _release(account_id: int, ids: Sequence[uuid.UUID], by: str) -> Judged:
    found = requeue(account_id, ids, HELD, why=SENT_AGAIN, by=by)
    if found.ready:
        audit.record(
            account_id, "held.released", by=by, name=_named(found.ready),
            data={"number": len(found.ready)},
        )  # fmt: skip
    told = {
        pk: {
            "how": "suppressed", "was": "held", "by": by, "code": code, "reason": BARRED[code],
            **_copy(found, pk),
        }
        for pk, code in found.barred.items()
    }  # fmt: skip
    if ended := _end(account_id, Status.SUPPRESSED, told):
        audit.record(
            account_id, "held.suppressed", by=by, name=_named(ended), data={"number": len(ended)}
        )
    return found


def _give_up(account_id: int, ids: Sequence[uuid.UUID], by: str) -> Judged:
    data = {"how": "given_up", "was": "held", "by": by, "reason": GIVEN_UP}
    found = judged(account_id, ids)
    ended = _end(account_id, Status.CANCELLED, {pk: {**data, **_copy(found, pk)} for pk in ids})
    if ended:
        audit.record(
            account_id, "held.given_up", by=by, name=_named(ended), data={"number": len(ended)}
        )
    return Judged(ready=ended)


def _copy(found: Judged, pk: uuid.UUID) -> dict[str, str]:
    """For the event: said where no copy has left, so that the numbers do not count it as sent."""
    return {} if pk in found.doubtful else {"copy": "none"}


def _end(
    account_id: int, status: Status, told: Mapping[uuid.UUID, Mapping[str, str]]
) -> tuple[uuid.UUID, ...]:
    """End these, each with what its event tells; those that were held still."""
    if not told:
        return ()
    now = timezone.now()
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        codes = {str(pk): data["code"] for pk, data in told.items() if "code" in data}
        values = {
            "ids": list(told), "account": account_id, "at": now, "status": str(status),
            "codes": Jsonb(codes),
        }  # fmt: skip
        cursor.execute(_END, values)
        rows = cursor.fetchall()
    events.append(
        [
            NewEvent(
                account_id=account_id,
                message_id=message_id,
                recipient_id=pk,
                campaign_id=campaign_id,
                type=EventType.CANCELLED,
                at=now,
                data=told[pk],
            )
            for pk, message_id, campaign_id in rows
        ]
    )
    return tuple(row[0] for row in rows)


def _named(ids: Sequence[uuid.UUID]) -> str:
    """What the audit log calls them: the recipient's id where there is one, for its story is there."""
    return str(ids[0]) if len(ids) == 1 else ""
