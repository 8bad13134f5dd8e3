"""What holds mail up: a processor, the database, or none of ours."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from config.database import parameters
from tests.dns_server import DnsServer
from tests.transactional.egress.peers import server
from tests.transactional.egress.test_engine import engine, eventually
from tests.transactional.egress.test_shaping_engine import delivered, nothing, receivers, send
from tokens.models import Account
from transactional.egress import strain
from transactional.egress.strain import Strain
from transactional.models import DeliveryAttempt


def _work(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def _look_around(what: Callable[[], None]) -> Strain:
    """In a thread that did nothing before."""
    made = Strain()

    def run() -> None:
        made.look()
        what()
        made.look()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return made


def test_a_thread_that_runs_all_the_time_is_slow_itself() -> None:
    assert _look_around(lambda: _work(0.3)).slows


def test_a_thread_that_waits_is_not() -> None:
    found = _look_around(lambda: time.sleep(0.3))
    assert not found.slows
    assert not found.stands


def test_a_thread_that_stands_ready_counts_as_running() -> None:
    """It has a processor for half of the time, and wants it for all of it."""
    processor = min(os.sched_getaffinity(0))
    busy = f"import os; os.sched_setaffinity(0, {{{processor}}})\nwhile True: pass"

    def beside_another() -> None:
        os.sched_setaffinity(0, {processor})  # this thread's alone
        _work(0.5)

    with subprocess.Popen([sys.executable, "-c", busy]) as other:
        try:
            assert _look_around(beside_another).slows
        finally:
            other.kill()


def test_without_word_from_the_kernel_what_was_run_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strain, "_SCHEDULED", "/nowhere")
    used: list[float] = []

    def run() -> None:
        used.append(strain._used())
        _work(0.3)
        used.append(strain._used())
        time.sleep(0.1)
        used.append(strain._used())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert used[1] - used[0] >= 0.29
    assert used[2] - used[1] < 0.1


def test_it_is_remembered_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(strain.time, "monotonic", lambda: now)
    writing = strain.LATE
    made = Strain(lambda: writing)
    assert made.stands and made.slows
    made.look()
    writing = 0.0
    now += strain.LASTS - 0.1
    assert made.stands
    now += 0.2
    assert not made.stands
    assert not made.slows


@pytest.mark.django_db(transaction=True)
def test_mail_that_waits_for_our_database_is_not_sent_back_as_if_its_receiver_were_slow(
    account: Account, settings: Any, dns_server: DnsServer
) -> None:
    given = {**parameters(), "autocommit": False}
    with (
        receivers(settings, dns_server, good=server(nothing)),
        psycopg.connect(**given) as other,
        engine(sessions=4),
    ):
        send(account, "good.example", 1)
        eventually(lambda: delivered("good.example", 1), 20)
        # What has a marker by then is stopped before its dot, and all others in hand behind it
        other.execute("LOCK TABLE transactional_deliveryattempt IN EXCLUSIVE MODE")
        send(account, "good.example", 8)
        time.sleep(4)
        other.rollback()
        eventually(lambda: delivered("good.example", 9), 20)
    codes = [
        (one["step"], one["code"])
        for attempt in DeliveryAttempt.objects.exclude(decisions=None)
        for one in attempt.decisions
    ]
    assert ("shaping", "waited") not in codes
