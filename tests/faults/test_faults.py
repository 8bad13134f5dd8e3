"""What Postino survives, each case with the books balanced: acknowledged, arrived, told.

The cases share one installation; the order is that of the crashes they cause, since a process that
crashed often is started again more slowly.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from config.stack.postgres import EmbeddedPostgres
from tests.faults.conftest import Scale
from tests.faults.load import Load
from tests.faults.recovery import Held, Recovery
from tests.faults.site import DRAINED, Site, Verdict, balance, drained, within
from tests.trips.browser import Browser

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1500)]
AWAY = {"451", "454", "421", "503"}  # answers without a database
BACK = 10.0  # seconds in which a database that is back is used again
BOUNDED = 10.0  # seconds in which every door answers, whatever is stopped behind it


def settled(site: Site, load: Load, *, copies: int) -> Verdict:
    """Drain, compare, and assert what every case must hold. `copies`: how many are allowed."""
    began = time.monotonic()
    assert (stuck := drained(site)) == 0, f"{stuck} stuck"
    found = balance(site, load.prefix, load.acknowledged)
    print(
        f"{load.prefix}: {found}; drained in {time.monotonic() - began:.0f} s;"
        f" answers {dict(load.answers)}; slowest {load.slowest:.1f} s; copies allowed {copies}"
    )
    assert not load.unexpected
    assert found.lost == []
    assert found.wrong == []
    assert found.unmarked == []
    assert found.copies <= copies
    return found


def test_an_egress_worker_stopped_past_its_lease_sends_no_copies(site: Site, scale: Scale) -> None:
    with (
        site.sink.slow(0.5),
        Load(site.installation.quickstart, "lease", scale.messages // 3) as load,
    ):
        load.reached(0.5)
        stopped = site.children("-Q egress,")[0]
        os.kill(stopped, signal.SIGSTOP)
        try:
            time.sleep(0.3)
            dots = "SELECT id::text FROM transactional_queuerow WHERE dot_at IS NOT NULL"
            under_way = {found for (found,) in site.ask(dots)}
            load.reached(1)
            # Its leases have run out, and another worker is through with what it held
            assert within(DRAINED + 2 * scale.lease, lambda: site.queued() == 0)
        finally:
            os.kill(stopped, signal.SIGCONT)
    found = settled(site, load, copies=len(under_way))
    # It sent nothing beyond the dots that were under way, and what it wrote of them came too late
    assert found.copied <= under_way

    def refused() -> set[str]:
        lines = [line for line in list(site.installation.lines) if "late outcome refused" in line]
        return {one for one in under_way if any(one in line for line in lines)}

    # It goes on where it was stopped, and its mail was done with before
    assert within(DRAINED, lambda: refused() >= found.copied), (found.copied, refused())


def shown(site: Site, owner: Browser) -> bool:
    """Whether the receipt's page counts every send that the database knows of."""
    email = site.installation.quickstart["email_id"]
    ((sent,),) = site.ask(
        "SELECT count(*) FROM transactional_message m JOIN transactional_email e"
        " ON e.campaign_id = m.campaign_id WHERE e.id = %s AND m.refusal = ''",
        email,
    )
    return owner.figures(f"{owner.home}emails/{email}/performance/")["sent"] == str(sent)


def test_valkey_flushed_and_stopped(site: Site, scale: Scale) -> None:
    start = site.installation.quickstart
    (valkey,) = site.children("valkey-server")
    with Browser(start["url"]) as owner:
        owner.sign_in(start["username"], start["password"])
        with Load(start, "valkey", 10**9, pause=0.1) as load:
            load.count = scale.messages // 3
            load.reached(0.5)
            redis.Redis.from_url(site.installation.joined["REDIS_URL"]).flushall()
            load.reached(1)
            load.count = 10**9
            load.forget_times()
            before = len(load.acknowledged)
            os.kill(valkey, signal.SIGSTOP)
            try:
                time.sleep(scale.stopped)
                assert site.installation.status() == 200
                assert owner.get(f"{owner.home}messages/")
                assert len(load.acknowledged) > before + scale.stopped
            finally:
                os.kill(valkey, signal.SIGCONT)
            time.sleep(1)
            os.kill(valkey, signal.SIGKILL)  # and what it knew is gone
            killed_at = len(load.acknowledged)
            assert within(DRAINED, lambda: site.children("valkey-server") not in ([], [valkey]))
            assert within(DRAINED, lambda: len(load.acknowledged) > killed_at)
        settled(site, load, copies=0)
        assert set(load.answers) == {"accepted"}
        assert load.slowest < BOUNDED
        # beat and the workers are back too: the numbers are counted again
        assert within(DRAINED, lambda: shown(site, owner))


def answering(site: Site) -> float:
    """When the database answers again."""
    assert within(DRAINED, lambda: site.queued() >= 0)
    return time.monotonic()


def goes_on(site: Site, recovery: Recovery, held: list[Held], back: float) -> None:
    """The database is back: within a minute mail is delivered, and all that was in hand ends or is tried."""
    recovery.follow(held, back)

    def after() -> list[float]:
        return [copy.at - back for copy in site.sink.copies() if copy.at > back]

    assert within(DRAINED, lambda: bool(after()))
    assert within(DRAINED, lambda: not recovery.open())
    print(
        f"database back: first delivery after {min(after()):.1f} s; {recovery.followed} messages in"
        f" hand ended or were tried again, the last after {recovery.longest:.1f} s"
    )
    assert recovery.followed and not recovery.late


def test_postgresql_killed(site: Site, scale: Scale) -> None:
    with (
        site.sink.slow(0.3),
        Recovery(site, DRAINED) as recovery,
        Load(site.installation.quickstart, "postgres", scale.messages // 2, pause=0.05) as load,
    ):
        load.reached(0.3)
        held, open_then = recovery.held(), site.sink.sessions()
        site.kill(site.children("bin/postgres"))
        goes_on(site, recovery, held, answering(site))
        load.reached(1)
    assert load.slowest < BOUNDED + 5  # it may take a moment until it is back
    assert set(load.answers) <= {"accepted", *AWAY}
    assert within(DRAINED, site.whole)
    settled(site, load, copies=open_then)


@contextmanager
def kept_down(site: Site) -> Iterator[None]:
    """PostgreSQL shut down in order, and unable to start again meanwhile."""
    sockets = EmbeddedPostgres(site.installation.data_dir).socket_dir
    aside = sockets.with_suffix(".aside")
    (postmaster,) = site.children("bin/postgres -D")
    sockets.rename(aside)
    sockets.touch()  # its supervisor refuses what is not its own directory
    os.kill(postmaster, signal.SIGINT)
    try:
        assert within(DRAINED, lambda: not site.children("bin/postgres"))
        yield
    finally:
        sockets.unlink()
        aside.rename(sockets)


def until_taken_again(load: Load, promised: int, back: float) -> float:
    """Seconds from the moment the database answers to the first mail that is acknowledged."""
    assert within(DRAINED, lambda: len(load.acknowledged) > promised)
    return time.monotonic() - back


def test_postgresql_stopped(site: Site, scale: Scale, full_scale: bool) -> None:
    with (
        site.sink.slow(0.3),
        Recovery(site, DRAINED) as recovery,
        Load(site.installation.quickstart, "stopped", 10**9, pause=0.05) as load,
    ):
        load.count = scale.messages // 3
        load.reached(1)
        load.count = 10**9
        held = recovery.held()
        with kept_down(site):
            open_then = site.sink.sessions()
            time.sleep(1)  # answers to what it had stored before
            promised, answered = len(load.acknowledged), dict(load.answers)
            time.sleep(scale.database_stopped)
            assert len(load.acknowledged) == promised
            given = {k for k, n in load.answers.items() if n > answered.get(k, 0)}
            assert given and given <= AWAY
        back = answering(site)
        again = until_taken_again(load, promised, back)
        print(f"nothing taken for {scale.database_stopped:.0f} s; {again:.1f} s after its return")
        assert again < BACK or not full_scale
        goes_on(site, recovery, held, back)
        assert within(DRAINED, lambda: len(load.acknowledged) > promised + 10)
    assert load.slowest < BOUNDED
    assert within(DRAINED, site.whole)
    settled(site, load, copies=open_then)
