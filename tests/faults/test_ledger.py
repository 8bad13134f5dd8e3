"""The big ledger: every process killed again and again while mail flows, and every message told.

At full scale 100,000 messages and 50 kills (`make ledger`); `LEDGER=5000x6` chooses another size, and
`LEDGER_BUSY=6` lets so many processes compute beside it all the time, as other work on the machine does.
`-s` prints the account.
"""

import os
import random
import time
from pathlib import Path

import pytest

from tests.faults.busy import busy
from tests.faults.conftest import Scale
from tests.faults.flood import Flood
from tests.faults.ledger import POSTFIX, Ledger
from tests.faults.recovery import Recovery
from tests.faults.site import DRAINED, Site, Verdict, balance, drained, within

pytestmark = [pytest.mark.stack, pytest.mark.timeout(5400)]
ANSWERED = 10.0  # seconds in which the doors take more mail, whatever becomes of a delivery worker
# What may be killed: all of it at once, or half of it while the rest goes on; or one delivery worker
EVERYTHING, HALF, WORKER = "everything", "half of it", "a delivery worker"


def settle(site: Site, flood: Flood, ledger: Ledger, began: float) -> Verdict:
    """Drain, print the account, assert what holds of every ledger."""
    flood.over()
    loaded = time.monotonic() - began
    assert within(DRAINED, site.whole)
    stuck = drained(site)
    seconds = time.monotonic() - began
    found = balance(site, flood.prefix, flood.acknowledged)
    facts = {
        "stuck": stuck,
        "answers": dict(flood.answers),
        "no answer (unknown)": flood.answers["none"],
        "slowest answer": f"{flood.slowest:.1f} s",
        "accepting took": f"{loaded:.0f} s",
        "all of it took": f"{seconds:.0f} s",
    }
    assert within(10, lambda: not ledger.recovery.open())
    print("\n" + ledger.told(found, flood.prefix, facts))
    assert not flood.unexpected
    assert (found.lost, found.wrong, found.unmarked, stuck) == ([], [], [], 0)
    assert ledger.above(found) == []
    assert ledger.recovery.late == []
    return found


def sizes(scale: Scale, delay: float) -> tuple[int, int]:
    """Messages and kills."""
    if asked := os.environ.get("LEDGER"):
        messages, kills = asked.split("x")
        return int(messages), int(kills)
    return scale.ledger[delay]


@pytest.mark.parametrize("delay", [0.02, 0.3], ids=["20ms", "300ms"])
def test_every_process_killed_again_and_again(
    site: Site, scale: Scale, full_scale: bool, delay: float, tmp_path: Path
) -> None:
    messages, kills = sizes(scale, delay)
    start, prefix = site.installation.quickstart, f"ledger{1000 * delay:.0f}"
    began = time.monotonic()
    with (
        site.sink.slow(delay),
        Recovery(site, DRAINED) as recovery,
        busy(int(os.environ.get("LEDGER_BUSY", "0"))),
        Flood(start, prefix, messages, tmp_path, sessions=scale.submitters) as flood,
    ):
        ledger = Ledger(delay, recovery)
        for number in range(kills):
            flood.reached((number + 0.5) / kills)
            doomed, kind = site.processes(), EVERYTHING
            if number % 2:
                doomed, kind = random.sample(doomed, len(doomed) // 2), HALF
            ledger.strike(site, doomed, kind)
            assert within(120, site.whole)
        flood.reached(1)
        found = settle(site, flood, ledger, began)
    assert found.acknowledged >= messages
    if full_scale:
        assert ledger.per_session(found) <= POSTFIX[delay], ledger.judged(found)


def test_delivery_workers_killed_one_after_the_other(
    site: Site, scale: Scale, tmp_path: Path
) -> None:
    """One worker every few seconds: its mail goes on with another, each time within a minute."""
    delay = 0.1
    start = site.installation.quickstart
    began = time.monotonic()
    with (
        site.sink.slow(delay),
        Recovery(site, DRAINED) as recovery,
        Flood(start, "worker", 10**9, tmp_path, sessions=4) as flood,
    ):
        ledger = Ledger(delay, recovery)
        flood.count = 50
        flood.reached(1)
        crew = 3  # two, and the urgent one
        # One that was killed often before is started again later
        assert within(DRAINED, lambda: len(site.children("-Q egress")) == crew)
        for number in range(scale.worker_kills):
            workers = site.children("-Q egress")
            ledger.strike(site, [workers[number % len(workers)]], WORKER)
            killed_at = flood.read()
            time.sleep(scale.worker_pause)
            # the doors do not wait for a delivery worker (mypy knows no types of a lambda's parameters)
            assert within(ANSWERED, lambda least=killed_at: flood.read() > least)  # type: ignore[misc]
        # what the last one held, too, is with another soon
        assert within(DRAINED, lambda: len(site.children("-Q egress")) == crew)
        flood.stop()
        found = settle(site, flood, ledger, began)
    assert found.acknowledged >= 50
