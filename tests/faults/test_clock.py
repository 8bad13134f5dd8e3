"""A clock that is set an hour forward, and then two hours back, below a running installation.

libfaketime gives our processes, PostgreSQL and Valkey a wall clock that the test sets, and leaves the
monotonic one alone, as a real step does.
"""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.cluster import plant
from tests.faults.conftest import Scale
from tests.faults.load import Load
from tests.faults.site import Sink, Site, balance, within
from tests.installation import Installation
from tests.trips.browser import Browser

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1500)]
LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
HOUR = 3600
WAITING = 5  # messages that were tried once when the clock jumps
SOON = 120.0  # seconds in which all is well again
NEAR = 60.0  # seconds by which a try may be off: no step is that small
OPEN = 4  # messages whose transaction is open while the clock is set
OUTWAITED = 1.5  # seconds: a statement that waits is woken after deadlock_timeout, 1 s, and may be ended then
WITHIN_AN_HOUR = "X-Postino-Deliver-Within: 3000\r\n"  # the step forward would end it
# What stores a message whose address begins with `open` waits for us, its now() behind it
HOLD = """
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NEW; END';
CREATE TRIGGER hold BEFORE INSERT ON transactional_recipient FOR EACH ROW
    WHEN (NEW.address LIKE 'open%') EXECUTE FUNCTION hold()
"""


# libfaketime 0.9.10 turns some sleeps on the monotonic clock into EINVAL: Python's are made another way
AWAKE = """
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""


class Clock:
    """The wall clock of an installation."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "clock"
        self._awake = folder / "awake"
        self._awake.mkdir()
        (self._awake / "sitecustomize.py").write_text(AWAKE)
        self.set(0)

    def set(self, seconds: int) -> None:
        """Let it be so many seconds ahead of ours."""
        beside = self._path.with_suffix(".new")
        beside.write_text(f"{seconds:+d}\n")
        beside.rename(self._path)

    @property
    def environment(self) -> dict[str, str]:
        """What makes processes go by it."""
        return {
            "LD_PRELOAD": str(LIBRARY),
            "PYTHONPATH": str(self._awake),
            "FAKETIME_TIMESTAMP_FILE": str(self._path),
            "FAKETIME_NO_CACHE": "1",  # every process sees the step at once, as of a real clock
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }


@pytest.fixture
def clock_and_site(scale: Scale) -> Iterator[tuple[Clock, Site]]:
    if not LIBRARY.exists():
        pytest.skip("needs Debian's faketime")
    with TemporaryDirectory(prefix="postino-clock-") as directory:
        root = Path(directory)
        root.chmod(0o755)  # root's PostgreSQL has a uid of its own
        clock, sink = Clock(root), Sink(root)
        with closing(sink):
            made = Installation(
                root / "data",
                EGRESS=f"relay://127.0.0.1:{sink.port}",
                EGRESS_SESSIONS=str(scale.sessions),
                LEASE_SECONDS=str(scale.lease),
                RETRY_SCALE="15",  # the next try comes after 450 s at the earliest
                **clock.environment,
            )
            plant(made.data_dir)
            try:
                made.start()
                assert made.ready(), "".join(made.lines[-30:])
                yield clock, Site(made, sink)
            finally:
                made.destroy()


def jumps(site: Site) -> list[int]:
    """Those that were noticed and seen to, in whole minutes."""
    rows = site.ask("SELECT seconds FROM transactional_clockjump WHERE moved_at IS NOT NULL")
    return sorted(round(seconds / 60) for (seconds,) in rows)


@dataclass(frozen=True)
class Plan:
    """When the mail that was deferred has its next try, as first planned: by address, in seconds from `at`."""

    at: float
    due: dict[str, float]

    def holds(self, site: Site) -> bool:
        """Whether no step of the clock has moved a try: it was not made before its time, nor put off."""
        elapsed, found = time.monotonic() - self.at, _due(site)
        return found.keys() == self.due.keys() and all(
            abs(due - (self.due[address] - elapsed)) < NEAR
            if tries == 1
            else elapsed > self.due[address] - NEAR
            for address, (tries, due) in found.items()
        )


def _due(site: Site) -> dict[str, tuple[int, float]]:
    """Of the mail that was deferred: its tries, and seconds until the next one."""
    rows = site.ask(
        "SELECT r.address, q.attempt, extract(epoch FROM q.due_at - now())::float"
        " FROM transactional_queuerow q JOIN transactional_recipient r ON r.id = q.id"
        " WHERE r.address LIKE 'later-%%'"
    )
    return {address: (tries, due) for address, tries, due in rows}


def planned(site: Site, count: int) -> Plan:
    """Once all of them were tried once."""
    found: dict[str, tuple[int, float]] = {}

    def all_tried() -> bool:
        found.update(_due(site))
        return [tries for tries, _ in found.values()] == [1] * count

    assert within(SOON, all_tried), found
    at = time.monotonic()
    plan = Plan(at, {address: due for address, (_, due) in _due(site).items()})
    assert min(plan.due.values()) > 30
    return plan


def last_first_try(site: Site) -> float:
    """Seconds until the last of what was not tried yet has its turn, as its receivers' pace allows.

    RETRY_SCALE slows that pace down, too.
    """
    asked = (
        "SELECT coalesce(max(extract(epoch FROM due_at - now())), 0) FROM transactional_queuerow"
    )
    return max(0.0, float(site.ask(f"{asked} WHERE attempt = 0")[0][0]))


@contextmanager
def held_open(site: Site, prefix: str) -> Iterator[Load]:
    """Messages whose transactions began before what happens within, and commit after it."""
    start = site.installation.quickstart
    with site.database() as session:
        session.execute("SELECT pg_advisory_lock(7)")
        with Load(start, prefix, OPEN, threads=OPEN, headers=WITHIN_AN_HOUR) as load:

            def waiting() -> int:
                asked = "SELECT count(*) FROM pg_locks WHERE objid = 7 AND NOT granted"
                return int(site.ask(asked)[0][0])

            assert within(SOON, lambda: waiting() >= 2)  # both doors
            time.sleep(OUTWAITED)
            yield load
            assert waiting() and not load.acknowledged
            session.execute("SELECT pg_advisory_unlock(7)")
            load.reached(1)


def test_a_clock_that_jumps_ends_no_mail_and_starts_no_storm(
    clock_and_site: tuple[Clock, Site], scale: Scale
) -> None:
    clock, site = clock_and_site
    start = site.installation.quickstart
    with site.database() as session:
        session.execute(HOLD)
    with Load(start, "later", WAITING, threads=2, headers=WITHIN_AN_HOUR) as load:
        load.reached(1)
    deferred = len(load.acknowledged)
    plan = planned(site, deferred)
    with (
        site.sink.slow(0.3),
        Load(start, "clock", scale.messages // 2, pause=0.05, headers=WITHIN_AN_HOUR) as load,
    ):
        load.reached(0.2)
        with held_open(site, "openforward") as forward:
            clock.set(HOUR)
            assert within(SOON, lambda: jumps(site) == [60])
        load.reached(0.6)
        assert plan.holds(site), (plan, _due(site))
        with held_open(site, "openback") as back:
            clock.set(-HOUR)
            assert within(SOON, lambda: jumps(site) == [-120, 60])
        load.reached(1)
    # What was stored late is put right when it is seen; then no step of the clock is in the plan
    assert within(SOON, lambda: last_first_try(site) < HOUR / 6), last_first_try(site)
    began, last = time.monotonic(), last_first_try(site)
    assert within(last + SOON, lambda: site.queued() == deferred), site.queued()
    found = balance(site, "clock", load.acknowledged)
    print(f"clock: {found}; drained in {time.monotonic() - began:.0f} s; {dict(load.answers)}")
    assert (found.lost, found.wrong, found.copies) == ([], [], 0)
    for late in (forward, back):
        found = balance(site, late.prefix, late.acknowledged)
        assert (found.lost, found.wrong, found.copies) == ([], [], 0), late.prefix
    assert plan.holds(site), (plan, _due(site))
    assert not site.ask("SELECT 1 FROM transactional_event WHERE type = 'expired'")
    assert site.installation.said("THE CLOCK JUMPED by -7200 s")
    assert chores_go_on(site)
    with Browser(start["url"]) as owner:
        owner.sign_in(start["username"], start["password"])
        assert "clock jumped by" in owner.get(owner.home)


def chores_go_on(site: Site) -> bool:
    """Beat and its workers count what was delivered after the clock was set back."""

    def counted() -> bool:
        ((told,), (delivered,)) = site.ask(
            "SELECT coalesce(sum(delivered), 0)::int FROM analytics_campaignday"
            " UNION ALL SELECT count(*)::int FROM transactional_recipient WHERE status = 'delivered'"
        )
        return bool(told == delivered)

    return within(SOON, counted)
