"""A message of 40 MB whose building ends each delivery process that tries it: row F8.

A process that the kernel ends for want of memory gets SIGKILL; so does the one here, by the test, each
time it is seen to build that message.
"""

import os
import signal
import smtplib
import ssl
import time

import psycopg
import pytest

from tests.faults.conftest import Scale
from tests.faults.load import Load
from tests.faults.site import Site
from tests.faults.test_faults import settled
from transactional.egress.poison import LIMIT

pytestmark = [pytest.mark.stack, pytest.mark.timeout(2400)]
SIZE = 40 << 20
LINE = b"x" * 76 + b"\r\n"
TO = "huge@far.example"
ROW = (
    "SELECT q.crashes FROM transactional_queuerow q"
    " JOIN transactional_recipient r ON r.id = q.id WHERE r.address = %s"
)


def submit(site: Site) -> None:
    """Hand the big message over by SMTP."""
    where = site.installation.quickstart["smtp"]
    head = b"From: orders@shop.example\r\nSubject: Huge\r\n\r\n"
    with smtplib.SMTP(where["host"], where["port"], timeout=60) as session:
        session.starttls(context=ssl.create_default_context(cafile=where["ca_file"]))
        session.login(where["username"], where["password"])
        session.sendmail("orders@shop.example", [TO], head + LINE * (SIZE // len(LINE)))


def kill_whoever_builds_it(site: Site) -> tuple[int, int]:
    """Until nobody tries it any more; how many times, and sessions that were open then."""
    workers = site.children("-Q egress,")
    kills = sessions = seen = 0
    deadline = time.monotonic() + 900
    with site.database() as database:
        while time.monotonic() < deadline:
            row = database.execute(ROW, [TO]).fetchone()
            if row is None:
                return kills, sessions
            if row[0] > seen:
                sessions += site.sink.sessions()
                for pid in workers:
                    os.kill(pid, signal.SIGKILL)
                seen, kills = row[0], kills + 1
                while len(workers := site.children("-Q egress,")) < 2:
                    time.sleep(0.05)
            time.sleep(0.002)
    raise AssertionError(f"still tried after {kills} kills")


def test_a_message_that_ends_its_process_is_held_and_the_others_flow(
    site: Site, scale: Scale
) -> None:
    submit(site)
    with Load(site.installation.quickstart, "beside", 10**9, threads=4, pause=0.3) as load:
        try:
            kills, sessions = kill_whoever_builds_it(site)
        except psycopg.Error as error:
            raise AssertionError(site.installation.lines[-20:]) from error
        load.count = len(load.acknowledged) + scale.messages // 5
        load.reached(1)
    assert kills == LIMIT
    settled(site, load, copies=sessions)
    ((status, reply),) = site.ask(
        "SELECT status, reply FROM transactional_recipient WHERE address = %s", TO
    )
    assert status == "held" and "the delivery process ended" in reply
    assert not [copy for copy in site.sink.copies() if copy.to == TO]
