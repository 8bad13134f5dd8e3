"""Operators see which IP is held back towards which site, and lift it: with an engine that obeys."""

import json
import re
from typing import Any

import pytest
import redis
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client

from config import shared
from tests.dns_server import DnsServer
from tests.emptied import emptied
from tests.transactional.egress.peers import server as ordinary
from tests.transactional.egress.test_engine import engine, eventually
from tests.transactional.egress.test_shaping_engine import receivers, send, states
from tokens.models import Account, User
from transactional.egress import lifts, profiles, shares
from transactional.egress.cell import Cell
from transactional.egress.profiles import Limits, Rule
from transactional.models import QueueRow, ShapingProfile, ShapingRule

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/admin/transactional/shapingcell/"


@pytest.fixture(autouse=True)
def store() -> redis.Redis:
    return emptied()


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def staff(*may: str) -> Client:
    user = User.objects.create_user(
        f"{'-'.join(may) or 'none'}@postino.example", "x", is_staff=True
    )
    user.user_permissions.set(
        Permission.objects.filter(codename__in=[f"{one}_shapingcell" for one in may])
    )
    return client_of(user)


def held(store: redis.Redis, source: str, site: str, action: str = "suspend") -> None:
    """A cell that the rule `stop` holds back for half an hour."""
    profiles.fill(ShapingProfile, ShapingRule)
    ShapingRule.objects.get_or_create(
        name="stop", defaults={"pattern": "x", "action": action, "minutes": 30, "value": 1}
    )
    now = lifts.time_of(store)
    cell = Cell(Limits("x"), now=now)
    cell.obey(Rule("stop", "", re.compile("x"), 1, 60, action, 1, 1800.0), now)
    store.set(lifts.key_of("state", (source, site)), json.dumps(cell.state(0.0)))


def test_a_rule_suspends_the_page_shows_it_and_after_a_lift_mail_goes(
    account: Account, settings: Any, dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "ACTIVE", 1.0)  # the engine is idle soon
    profiles.fill(ShapingProfile, ShapingRule)
    ShapingRule.objects.create(name="nap", pattern="take a nap", action="suspend", minutes=60)
    napping = [True]

    def answers(line: str) -> str | None:
        return (
            "421 4.7.0 Too many messages, take a nap"
            if napping[0] and line.startswith("MAIL")
            else None
        )

    operator = staff("view", "change")
    with receivers(settings, dns_server, far=ordinary(answers)), engine():
        send(account, "far.example", 1)
        eventually(lambda: states("far.example") == ["deferred"])
        send(account, "far.example", 5)
        waiting = QueueRow.objects.filter(parked__startswith="nap ", lease=None)
        eventually(lambda: waiting.count() == 5)
        eventually(lambda: b"rule nap" in operator.get(PAGE).content)
        row = operator.get(PAGE).context["list"].rows[0]
        assert row.rule == "nap" and row.site == "mx.far.example" and row.connections == 20
        napping[0] = False
        answer = operator.post(
            f"{PAGE}lift/", {"source": row.source, "site": row.site}, follow=True
        )
        assert "5 messages that wait come back" in answer.content.decode()
        eventually(lambda: states("far.example").count("delivered") == 5, 30)
        assert not operator.get(PAGE).context["list"].rows[0].liftable
    entry = LogEntry.objects.get()
    assert entry.user.get_username() == "view-change@postino.example"
    assert (entry.object_id, entry.change_message) == (f"{row.source} {row.site}", "nap: 5")
    assert "view-change@postino.example" in operator.get(PAGE).content.decode()


def test_only_staff_that_may_sees_and_lifts(store: redis.Redis) -> None:
    held(store, "192.0.2.1", "a.example")
    one = {"source": "192.0.2.1", "site": "a.example"}
    nobody = client_of(User.objects.create_user("ann@shop.example", "x"))
    for client in (Client(), nobody):
        assert client.get(PAGE).status_code == 302
        assert client.post(f"{PAGE}lift/", one).status_code == 302
    without, viewer = staff(), staff("view")
    assert without.get(PAGE).status_code == 403
    assert without.post(f"{PAGE}lift/", one).status_code == 403
    page = viewer.get(PAGE)
    assert page.status_code == 200 and "192.0.2.1" in page.content.decode()
    assert f"{PAGE}lift/" not in page.content.decode()
    assert viewer.post(f"{PAGE}lift/", one).status_code == 403
    assert not store.exists(lifts.LIFTS) and not LogEntry.objects.exists()
    may = staff("view", "change")
    assert may.get(f"{PAGE}lift/").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(email="view-change@postino.example"))
    assert strict.post(f"{PAGE}lift/", one).status_code == 403
    assert may.post(f"{PAGE}lift/", one).status_code == 302
    assert store.zrange(lifts.LIFTS, 0, -1) == ["192.0.2.1 a.example"]


def test_a_number_of_connections_is_lifted_too_and_a_second_lift_says_that_nothing_is_held(
    store: redis.Redis,
) -> None:
    held(store, "2001:db8::1", "relay h.example:25", action="connections")
    may = staff("view", "change")
    page = may.get(PAGE, {"q": "2001"}).content.decode()
    assert "Fewer connections until" in page and "0 of 1" in page
    one = {"source": "2001:db8::1", "site": "relay h.example:25", "q": "2001"}
    answer = may.post(f"{PAGE}lift/", one, follow=True)
    assert answer.redirect_chain == [(f"{PAGE}?q=2001", 302)]
    assert "may speak with h.example:25 again: stop was lifted" in answer.content.decode()
    again = may.post(f"{PAGE}lift/", one, follow=True).content.decode()
    assert "No rule holds 2001:db8::1 back towards h.example:25 any more." in again
    assert LogEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("source", "site"), [("", ""), ("nowhere", "a.example"), ("192.0.2.1", ""), ("\0", "<b>")]
)
def test_what_is_no_cell_is_refused_in_words(store: redis.Redis, source: str, site: str) -> None:
    answer = staff("view", "change").post(
        f"{PAGE}lift/", {"source": source, "site": site}, follow=True
    )
    assert "That is no cell" in answer.content.decode()
    assert not store.keys("*") and not LogEntry.objects.exists()


def test_empty_unreachable_and_italian(settings: Any) -> None:
    may = staff("view", "change")
    assert "No cell is known" in may.get(PAGE).content.decode()
    assert "No cell has this" in may.get(PAGE, {"q": "<script>"}).content.decode()
    User.objects.update(language="it")
    assert "Nessuna cella nota" in may.get(PAGE).content.decode()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    shared.forget()
    try:
        assert "Redis non è raggiungibile." in may.get(PAGE).content.decode()
        one = {"source": "192.0.2.1", "site": "a.example"}
        page = may.post(f"{PAGE}lift/", one, follow=True).content.decode()
        assert "non è stato revocato nulla" in page and not LogEntry.objects.exists()
    finally:
        shared.forget()
