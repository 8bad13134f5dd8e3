"""Readers report a domain's mail as spam: its marketing mail waits until somebody answers for it."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.installation import Installation
from tests.trips.browser import Browser
from tests.trips.reader import Reader
from tests.trips.test_simulators import Api

pytestmark = pytest.mark.stack
NAME = "reported.example"
SETUP = f"""
from django.utils import timezone
from domains import dkim
from domains.models import Domain
from transactional.compose import versions
from transactional.models import Campaign, Email
old = Email.objects.get(name='Order receipt')
now = timezone.now()
row = Domain.objects.create(
    account=old.account, name='{NAME}', state='verified', verified_at=now, checked_at=now
)
dkim.create_keys(row)
made = []
for kind in ('transactional', 'marketing'):
    email = Email.objects.create(
        account=old.account, name='Reported ' + kind, kind=kind, subject='Reported',
        campaign=Campaign.objects.create(account=old.account, name='Reported ' + kind),
        html='<p>Via Roma 1</p><p><a href="{{{{ unsubscribe_link }}}}">Unsubscribe</a></p>',
        from_name='Reported', from_address='news@{NAME}',
    )
    versions.publish(email, by='the tests')
    made.append(email.pk)
print(row.pk, *made)
"""
WAITING = """
SELECT m.id, q.parked FROM transactional_queuerow q JOIN transactional_message m ON m.id = q.message_id
WHERE m.from_domain = %s AND q.parked IS NOT NULL
"""
ACTS = "SELECT what, by FROM tokens_auditentry WHERE what LIKE 'domain.marketing%%' ORDER BY id"


@pytest.fixture(scope="module")
def database(shop: Installation) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(shop.joined["DATABASE_URL"], autocommit=True) as connection:
        yield connection


def within(check: Callable[[], Any], seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    return found


def test_marketing_mail_waits_until_an_owner_answers_for_it(
    shop: Installation,
    start: dict[str, Any],
    reader: Reader,
    owner: Browser,
    database: psycopg.Connection[Any],
) -> None:
    domain, orders, news = map(int, shop.shell(SETUP).split())
    page, api = f"{owner.home}domains/{domain}/", Api(start)
    for number in range(30):
        api.send(orders, f"delivered+{number}@reported.sandbox.test")
    for number in range(6):  # each sends an ARF report to our inbound server
        api.send(orders, f"complaint+{number}@reported.sandbox.test")
    within(lambda: "Marketing mail is paused." in owner.get(page), 90)
    assert f"domains/{domain}/#complaints" in owner.get(owner.home)

    kept = api.send(news, "ann@reported.sandbox.test")
    assert kept["status"] == "PENDING"
    order = api.send(orders, "ann@reported.sandbox.test")
    assert api.settled(order["statusId"], "SENT")["sendResult"] == "SENT"
    rows = within(lambda: database.execute(WAITING, [NAME]).fetchall(), 30)
    assert [why for _, why in rows] == [f"domain_complaints {NAME}"]
    answer = api.explained(str(rows[0][0]))
    (why,) = answer["recipients"][0]["ahead"]["decisions"]
    assert (why["step"], why["code"]) == ("shaping", "domain_complaints")
    assert why["data"]["complaints"] == "6" and why["data"]["percent"] in why["says"]
    assert len(reader.all("ann@reported.sandbox.test")) == 1

    refused = owner.submit(page, f"{page}complaints/lift/")
    assert "Confirm that you answer for it" in refused and "Marketing mail is paused." in refused
    lifted = owner.submit(page, f"{page}complaints/lift/", answers="1")
    assert "Marketing mail goes on" in lifted and "Marketing mail is paused." not in lifted
    assert api.settled(kept["statusId"], "SENT", 90)["sendResult"] == "SENT"
    assert len(reader.all("ann@reported.sandbox.test")) == 2
    acts = database.execute(ACTS).fetchall()
    assert acts == [
        ("domain.marketing_paused", "postino"),
        ("domain.marketing_lifted", start["username"]),
    ]
