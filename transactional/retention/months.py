"""Whole partitions that are older than they are kept: taken out, then dropped."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import OperationalError, transaction

from transactional.models import partitions
from transactional.models.partitions import Partition
from transactional.retention import bounds, folds, state

logger = logging.getLogger(__name__)

TRIES = 5  # at the lock of a busy table, before it is left for the next run
PAUSE = 1.0  # seconds between two tries: whoever stood behind us goes first


@dataclass(frozen=True, slots=True)
class Old:
    """A partition that is past its time; `waits_for`: why it stays for now, empty: it may go."""

    partition: Partition
    waits_for: str


class _Held(Exception):
    """Something came in between that needs the partition."""


def old(now: datetime) -> list[Old]:
    """Every partition that is past its time, the oldest first. Deletes nothing."""
    found = []
    for one in partitions.listing():
        until = bounds.floor(one.table, now)
        if until is not None and one.high <= until:
            found.append(Old(one, _needed(one)))
    return found


def _needed(one: Partition) -> str:
    """What still needs this partition; empty: nothing."""
    queued = bounds.oldest_queued()
    if queued is not None and queued < one.high:
        return "queue"
    return folds.unread(one.name) if one.table == state.EVENTS else ""


def drop_old(now: datetime, *, sleep: Callable[[float], object] = time.sleep) -> list[str]:
    """Drop the partitions that are past their time; returns the names of those that are gone."""
    gone: list[str] = []
    waits: dict[str, str] = {}
    for each in old(now):
        table = each.partition.table
        if table in waits:
            continue  # the log has no holes: what is younger stays with it
        why = each.waits_for or _take_out(each.partition, now, sleep)
        if why:
            waits[table] = why
            logger.warning("%s is kept beyond its time: %s", each.partition.name, why)
        else:
            gone.append(each.partition.name)
    partitions.drop_detached()
    for table in partitions.TABLES:
        state.note(table, now=now, waits_for=waits.get(table, ""))
    return gone


def _take_out(one: Partition, now: datetime, sleep: Callable[[float], object]) -> str:
    """Detach it; why it could not be, or nothing."""
    for number in range(TRIES):
        if number:
            sleep(PAUSE)
        try:
            with transaction.atomic():
                partitions.detach(one)
                # Looked at again now that nobody can write to it: an undone incident queues old mail
                if why := _needed_detached(one):
                    raise _Held(why)
                state.note(one.table, now=now, kept_from=one.high, waits_for="")
        except _Held as held:
            return str(held)
        except OperationalError as err:
            logger.info("%s is in use: %s", one.name, str(err).strip())
        else:
            return ""
    return "lock"


def _needed_detached(one: Partition) -> str:
    name = one.name + partitions.GONE
    return _needed(Partition(one.table, name, one.low, one.high))
