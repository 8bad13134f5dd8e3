"""What a member does with a send: begin, confirm, pause, go on, cancel."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from config.errors import PostinoError, Refusal
from tokens.auth import Principal
from transactional import queue, withdrawal
from transactional.broadcast import audience, progress, run
from transactional.models import (
    Audience,
    Broadcast,
    BroadcastRow,
    BroadcastState,
    Email,
    Status,
)

logger = logging.getLogger(__name__)

TASK = "transactional.broadcast"
FORGOTTEN = timedelta(days=7)  # after which a send that nobody confirmed is deleted, file and all
STANDING = (BroadcastState.PAUSED, BroadcastState.STOPPED)
CANCELLABLE = (*STANDING, BroadcastState.RUNNING, BroadcastState.SCHEDULED, BroadcastState.SENT)


def _refused(code: str, message: str) -> PostinoError:
    return PostinoError(Refusal(code, message, http=409))


def _sendable(email: Email) -> None:
    if email.archived_at is not None:
        raise _refused("EMAIL_ARCHIVED", "This email is archived. Bring it back to send it.")
    if email.published_id is None:
        raise _refused("NOT_PUBLISHED", "Publish this email first: only what is published is sent.")


def begin(
    email: Email,
    principal: Principal,
    *,
    audience_kind: Audience,
    addresses: Sequence[str] = (),
    include: Sequence[int] = (),
    exclude: Sequence[int] = (),
    custom: Mapping[str, Any] | None = None,
    file_name: str = "",
    content: bytes | None = None,
) -> Broadcast:
    """A send that is not confirmed yet. Raises PostinoError (EMAIL_ARCHIVED, NOT_PUBLISHED),
    CsvError for a file that is no table.
    """
    _sendable(email)
    if content is not None:
        audience.sheet_of(content)
    version = email.published
    assert version is not None  # noqa: S101 — for the type checker: it is published
    with transaction.atomic():
        old = Broadcast.objects.of(email.account_id).filter(state=BroadcastState.DRAFT)
        old.filter(created_at__lt=timezone.now() - FORGOTTEN).delete()
        made: Broadcast = Broadcast.objects.create(
            account_id=email.account_id,
            email=email,
            version=version,
            kind=version.kind,
            audience=audience_kind,
            include=list(include),
            exclude=list(exclude),
            custom=dict(custom or {}),
            file_name=file_name[:200],
            content=content,
            by=principal.name[:254],
            user_id=principal.credential_id,
        )
        if audience_kind == Audience.TYPED:
            audience.write_addresses(made, addresses)
    return made


def confirm(
    account_id: int, broadcast_id: int, *, at: datetime | None = None, zone: str = ""
) -> bool:
    """Start a send now, or at a moment (`zone`: as whose clocks show it); False if it was already.

    What is published now is what is sent. Raises PostinoError.
    """
    with transaction.atomic():
        found = _locked(account_id, broadcast_id)
        if found.state != BroadcastState.DRAFT:
            return False
        _sendable(found.email)
        if found.audience == Audience.CSV and not found.columns:
            raise _refused("NO_COLUMNS", "Choose what the columns of the file become first.")
        if found.email.published_id != found.version_id:
            raise _refused(run.EMAIL_CHANGED, "The email has been published anew since.")
        now = timezone.now()
        found.content = None
        found.state = BroadcastState.SCHEDULED if at else BroadcastState.RUNNING
        found.scheduled_at, found.time_zone = at, zone
        found.started_at = None if at else now
        found.save()
    if at is None:
        wake()
    return True


def refresh_version(account_id: int, broadcast_id: int) -> None:
    """Take up what is published now: for a send that stands still since the email has changed."""
    with transaction.atomic():
        found = _locked(account_id, broadcast_id)
        version = found.email.published
        if version is not None and found.state in (*STANDING, BroadcastState.DRAFT):
            found.version, found.kind = version, version.kind
            found.save(update_fields=["version", "kind"])


def pause(account_id: int, broadcast_id: int) -> bool:
    """Stand still: no further row is handed over, and what nobody has tried yet is held, also in a
    worker's hands: only what has its final dot goes on.
    """
    with transaction.atomic():
        found = _locked(account_id, broadcast_id)
        if found.state not in (
            BroadcastState.RUNNING,
            BroadcastState.SCHEDULED,
            BroadcastState.SENT,
        ):
            return False
        found.state, found.why = BroadcastState.PAUSED, ""
        found.save(update_fields=["state", "why"])
        missed = run.hold(found)
    run.hold_the_rest(found, missed)
    return True


def resume(account_id: int, broadcast_id: int) -> bool:
    """Go on; after an automatic stop, bounces do not stop it again. Raises PostinoError."""
    with transaction.atomic():
        found = _locked(account_id, broadcast_id)
        if found.state not in STANDING:
            return False
        _sendable(found.email)
        if found.state == BroadcastState.STOPPED:
            found.bounces_seen = True
        waits = found.started_at is None and found.scheduled_at is not None
        found.state = BroadcastState.SCHEDULED if waits else BroadcastState.RUNNING
        found.why = ""
        found.save(update_fields=["state", "why", "bounces_seen"])
        queue.let_go(found.account_id, run.untried(found))
    queue.wake([int(run.LANES[found.kind])])
    wake()
    return True


def cancel(account_id: int, broadcast_id: int) -> int | None:
    """Cancel what is left, and take back what nobody has tried; how many that were.

    None where there was nothing to cancel any more. What was sent stays sent.
    """
    with transaction.atomic():
        found = _locked(account_id, broadcast_id)
        if found.state not in CANCELLABLE:
            return None
        rows = BroadcastRow.objects.filter(broadcast=found, state=BroadcastRow.WAITING)
        left: int = rows.update(state=Status.CANCELLED, values={})
        taken = withdrawal.withdraw(found.account_id, run.untried(found))
        progress.collect(found)
        found.state, found.why = BroadcastState.CANCELLED, ""
        found.finished_at = timezone.now()
        found.save(update_fields=["state", "why", "finished_at"])
    return left + taken.number + _withdraw_the_rest(found, taken.missed)


def _withdraw_the_rest(found: Broadcast, missed: int) -> int:
    """After the commit: what a worker was writing then is under way by now, or can be taken back."""
    number, until = 0, time.monotonic() + run.REST
    while missed and time.monotonic() < until:
        time.sleep(0.02)
        taken = withdrawal.withdraw(found.account_id, run.untried(found))
        number, missed = number + taken.number, taken.missed
    if number:
        progress.collect(found)
    return number


def discard(account_id: int, broadcast_id: int) -> bool:
    """Throw away a send that was never confirmed."""
    with transaction.atomic():
        found = _locked(account_id, broadcast_id)
        if found.state != BroadcastState.DRAFT:
            return False
        found.delete()
    return True


def _locked(account_id: int, broadcast_id: int) -> Broadcast:
    """The send, locked: whoever hands rows over waits, or is waited for."""
    rows = Broadcast.objects.of(account_id).select_for_update(of=("self",))
    found: Broadcast = rows.select_related("email__published").get(pk=broadcast_id)
    return found


def wake() -> None:
    """Hasten the next look, without waiting for the broker; a lost wake-up costs a second."""
    threading.Thread(target=_wake, name="broadcast-wake", daemon=True).start()


def _wake() -> None:
    try:
        current_app.send_task(TASK, retry=False, expires=5)
    except (KombuError, RedisError, OSError) as err:
        logger.warning("wake-up not sent: %s", err)
