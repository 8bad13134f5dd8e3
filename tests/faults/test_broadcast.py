"""A send from the app whose processes are killed in the middle: one message per row.

`-s` prints the figures. At full scale it is 20,000 rows.
"""

import os
import re
import signal
import time

import pytest

from tests.faults.conftest import Scale
from tests.faults.site import Site, within
from tests.trips.browser import Browser

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1500)]
ROWS, HANDED = "transactional_broadcastrow", "message_id IS NOT NULL"
STARTED = 2.0  # seconds from the confirmation to the first messages
# The account's own email, with one variable that a column fills
EMAIL = """
from transactional.compose import drafts, versions
from transactional.models import Email
receipt = Email.objects.order_by("pk").first()
fields = drafts.DraftFields(
    name="Terms", subject="Terms for {{ custom.order_id }}", html="<p>{{ custom.order_id }}</p>",
    from_address=receipt.from_address, sample={},
)
email = drafts.create(receipt.account, fields, by="owner")
versions.publish(email, by="owner")
print(email.pk)
"""
_STATE = re.compile(r'data-count="(\w+)">([\d,]+)<')


def content(count: int) -> bytes:
    rows = [f"cast-{n:05d}@far.example;A-{n};Name {n}" for n in range(count)]
    # Some of them twice, and some lines that are no recipients
    rows += [*rows[:: max(1, count // 20)], "nobody;x;x", "cast-x@far.example;1;2;3"]
    return ("Email;Order;First name\n" + "\n".join(rows)).encode("utf-16")


def begin(owner: Browser, site: Site, count: int) -> str:
    """Walk through the wizard as a browser does; the address of the send's page."""
    email = site.installation.shell(EMAIL).split()[-1]
    tab = f"{owner.home}emails/{email}/send/"
    page = owner.hand_in(
        tab, f"{tab}start/", "file", ("people.csv", content(count)), audience="csv"
    )
    assert "Choose the columns" in page
    where = owner.at
    review = owner.submit(
        where, where, step="columns", **{"column-0": "@", "column-1": "custom.order_id"}
    )
    found = re.search(r"Will get it</dt><dd class=\"n\">([\d,]+)<", review)
    assert found and int(found[1].replace(",", "")) == count
    asked = owner.submit(where, where, step="when", when="now")
    assert "people?" in asked
    return where


def rows(site: Site, *, where: str) -> int:
    ((found,),) = site.ask(f"SELECT count(*) FROM {ROWS} WHERE {where}")
    return int(found)


def stopped_at(site: Site, least: float) -> int:
    """The process that hands over, stopped as soon as it has handed over so many rows."""
    limit = time.monotonic() + 600
    with site.database() as session:
        while time.monotonic() < limit:
            started = site.children("-Q default")  # none, while a killed one is yet to be followed
            ((found,),) = session.execute(f"SELECT count(*) FROM {ROWS} WHERE {HANDED}").fetchall()
            if started and found >= least:
                os.kill(started[0], signal.SIGSTOP)
                return started[0]
            time.sleep(0.01)
    raise AssertionError(f"{found} rows are handed over")


def shown(owner: Browser, page: str) -> dict[str, int]:
    return {name: int(n.replace(",", "")) for name, n in _STATE.findall(owner.get(page))}


def test_one_message_per_row_whatever_is_killed(site: Site, scale: Scale, full_scale: bool) -> None:
    count = 20_000 if full_scale else 1500
    start = site.installation.quickstart
    with Browser(start["url"]) as owner:
        owner.sign_in(start["username"], start["password"])
        page = begin(owner, site, count)
        began = time.monotonic()
        owner.submit(page, page, step="confirm", when="now")
        assert within(30, lambda: rows(site, where=HANDED) > 0)
        first = time.monotonic() - began
        live: list[int] = []
        copies = 0
        for wanted in (0.3 * count, 0.6 * count):
            # The handing over and half of the delivery, in the middle of both; the page is read while
            # the handing over stands still, or a slow machine would be through with it before
            doomed = [stopped_at(site, wanted), site.children("-Q egress,")[0]]
            live.append(shown(owner, page)["sent"])
            copies += len(site.kill(doomed).sessions)
            assert within(120, site.whole)
        assert within(900, lambda: rows(site, where="state = 'waiting'") == 0)
        handed = time.monotonic() - began
        assert within(900, lambda: site.queued() == 0)
        assert within(60, lambda: shown(owner, page)["delivered"] == count)
        total = time.monotonic() - began
    ((messages, named),) = site.ask(
        "SELECT count(*), count(DISTINCT b.id) FROM transactional_message m"
        " JOIN transactional_recipient r ON r.message_id = m.id"
        " JOIN transactional_broadcastrow b ON b.message_id = m.id AND b.email = r.address"
    )
    ((loose,),) = site.ask(
        "SELECT count(*) FROM transactional_recipient r WHERE r.address LIKE 'cast-%%'"
        " AND NOT EXISTS (SELECT FROM transactional_broadcastrow b"
        " WHERE b.message_id = r.message_id)"
    )
    came = site.sink.copies("cast")
    seen = {copy.to for copy in came}
    second = len(came) - len({copy.id for copy in came})
    unmarked = second - sum(copy.resent for copy in came)
    print(
        f"send of {count} rows: first message after {first:.1f} s, handed over in {handed:.0f} s,"
        f" all delivered in {total:.0f} s; live counts {live}; {messages} messages for {named}"
        f" rows, {loose} without a row; {second} second copies, {max(0, unmarked)} unmarked"
    )
    assert (messages, named, loose) == (count, count, 0)
    assert len(seen) == count
    assert second <= copies and unmarked <= 0
    assert live[0] < live[1] < count
    assert first < STARTED if full_scale else first < 30
