"""What a dead process held and had sent no dot of: others have it at once, and nothing of one that is merely stopped."""

import asyncio
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from config import shared
from tests.transactional.egress.processes import PATIENCE, standing_still
from tests.transactional.egress.sink import Sink, running
from tests.transactional.egress.test_engine import drained, engine, eventually, send_raw
from tokens.models import Account
from transactional import lifecycle
from transactional.egress import journal, recall
from transactional.egress.engine import connect
from transactional.egress.journal import Journal
from transactional.models import Event, Lane, QueueRow, Recipient, Status
from transactional.queue import Claimer, Job
from transactional.queue.orphans import HOLDER, new_holder, new_lease

pytestmark = pytest.mark.django_db(transaction=True)

LEASE = 3600  # nothing here comes back by its end


@pytest.fixture(autouse=True)
def _no_journals_yet(settings: Any) -> None:
    shutil.rmtree(recall.folder(), ignore_errors=True)
    settings.RETRY_SCALE = 0.01
    settings.LEASE_SECONDS = LEASE
    shared.forget()


def claimed(claimer: Claimer, n: int) -> list[Job]:
    async def claim() -> list[Job]:
        async with await connect() as connection:
            return list((await claimer.claim(connection, limit=n)).jobs)

    jobs = asyncio.run(claim())
    assert len(jobs) == n
    return jobs


def died(claimer: Claimer) -> None:
    """Its process ends, with something left in its journal."""
    one = Journal(recall.folder(), 4, claimer.holder)
    one._file.close(keep=True)


def held() -> set[Any]:
    return set(QueueRow.objects.exclude(lease=None).values_list("pk", flat=True))


def test_what_has_no_marker_is_the_queues_again_in_its_old_place(account: Account) -> None:
    send_raw(account, 6)
    dead, alive = Claimer([int(Lane.NORMAL)]), Claimer([int(Lane.NORMAL)])
    theirs, ours = claimed(dead, 4), claimed(alive, 2)
    was = dict(QueueRow.objects.values_list("pk", "due_at"))
    marked = theirs[0].id
    QueueRow.objects.filter(pk=marked).update(dot_at=Now())
    living = Journal(recall.folder(), 4, alive.holder)
    before = recall.counted()
    died(dead)
    recall.look_now(connect)
    # A marker that no journal explains is the sweeper's, and what lives keeps what it has
    assert held() == {marked, *(job.id for job in ours)}
    assert dict(QueueRow.objects.values_list("pk", "due_at")) == was
    assert recall.counted()["given_back"] - before["given_back"] == 3
    again = claimed(alive, 3)
    assert {job.id for job in again} == {job.id for job in theirs[1:]}
    recall.look_now(connect)
    assert len(held()) == 6  # nor are they taken away from whoever has them now
    living.close()


def test_a_dead_process_of_another_boot_is_left_to_its_leases(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that machines share: that a file can be locked here says nothing of another machine's process."""
    send_raw(account, 1)
    claimer = Claimer([int(Lane.NORMAL)])
    claimed(claimer, 1)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(journal, "boot", lambda: "7d444840-9dc0-11d1-b245-5ffdce74fad2")
        died(claimer)
    recall.look_now(connect)
    assert len(held()) == 1


def test_a_late_marker_of_a_dead_process_is_refused(account: Account) -> None:
    """Its statement was under way when it was killed: the row is another's by then, or nobody's."""
    send_raw(account, 1)
    claimer = Claimer([int(Lane.NORMAL)])
    (job,) = claimed(claimer, 1)
    died(claimer)
    recall.look_now(connect)

    async def mark() -> set[Any]:
        async with await connect() as connection:
            marked, _ = await lifecycle.flush(connection, marks=[job], unmarks=[], outcomes=[])
            return set(marked)

    assert asyncio.run(mark()) == set()
    row = QueueRow.objects.get()
    assert (row.lease, row.dot_at) == (None, None) and row.due_at <= timezone.now()


def test_all_that_a_killed_process_held_is_delivered_once_without_waiting_for_its_leases(
    account: Account, settings: Any
) -> None:
    with running(Sink()) as sink:
        settings.EGRESS = f"relay://127.0.0.1:{sink.port}"
        send_raw(account, 12)
        with standing_still("marked", settings, lease=LEASE) as process:
            # some have their markers, and some wait for a session
            assert QueueRow.objects.exclude(lease=None).exclude(dot_at=None).exists()
            assert QueueRow.objects.exclude(lease=None).filter(dot_at=None).exists()
            with engine():
                os.kill(process.pid, signal.SIGSTOP)
                taken = held()
                for _ in range(3):
                    recall.look_now(connect)
                assert held() >= taken  # it is stopped, and not dead
                os.kill(process.pid, signal.SIGKILL)
                eventually(drained, PATIENCE)
        assert len(sink.kept) == 12
        assert set(Recipient.objects.values_list("status", flat=True)) == {Status.DELIVERED}
        assert not any(b"X-Postino-Resent" in copy.data for copy in sink.kept)
        assert not Event.objects.filter(type="uncertain").exists()


def test_what_a_dead_process_was_building_is_counted_before_it_is_given_back(
    account: Account,
) -> None:
    send_raw(account, 2)
    claimer = Claimer([int(Lane.NORMAL)])
    first, second = claimed(claimer, 2)
    recall.words().mkdir(parents=True, exist_ok=True)
    (Path(recall.words()) / "1-dead").write_bytes(first.id.bytes)
    died(claimer)
    recall.look_now(connect)
    assert not held()
    crashes = dict(QueueRow.objects.values_list("pk", "crashes"))
    assert crashes == {first.id: 1, second.id: 0}


def test_each_engine_has_leases_of_its_own() -> None:
    one, other = new_holder(), new_holder()
    assert one != other and len(one) == HOLDER
    leases = {new_lease(one) for _ in range(100)}
    assert len(leases) == 100 and all(lease.bytes.startswith(one) for lease in leases)
