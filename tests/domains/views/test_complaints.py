"""Spam complaints on the pages of a domain and an IP, before a send, on the dashboard, over the API and in
the admin; who may let marketing mail go on."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from analytics import complaints
from analytics.models import ComplaintDay
from config import attention
from domains import complaint_pauses, pools
from domains.complaint_rates import WEEK, Counts, Ruling
from domains.models import ComplaintPause, Domain, EgressSource
from tests.cast import Cast, make_email, make_user
from tokens import credentials
from tokens.models import AuditEntry, Role, User
from transactional.compose import versions
from transactional.models import Audience, Broadcast, Email

SignIn = Callable[[User], Client]


def count(cast: Cast, ago: int, counts: Counts) -> None:
    ComplaintDay.objects.create(
        account=cast.account, domain="shop.example",
        source=EgressSource.objects.of(cast.account).get(),
        day=complaints.today() - timedelta(days=ago),
        delivered=counts.delivered, unreported=counts.unreported, complaints=counts.complaints,
    )  # fmt: skip


def pause(on: Domain | EgressSource) -> ComplaintPause:
    first = complaints.today() - timedelta(days=6)
    row = complaint_pauses.pause(on, Ruling(WEEK, first, Counts(2000, 0, 9)))
    assert row is not None
    return row


@pytest.fixture
def domain(cast: Cast) -> Domain:
    found: Domain = Domain.objects.of(cast.account).get()
    return found


@pytest.fixture
def page(cast: Cast, domain: Domain) -> str:
    return f"/a/{cast.account.pk}/domains/{domain.pk}/"


def test_the_rates_stand_beside_what_providers_publish_and_what_gmail_does_not_tell(
    cast: Cast, page: str, signed_in: SignIn
) -> None:
    count(cast, 0, Counts(900, 5000, 1))
    count(cast, 3, Counts(2000, 1, 5))
    count(cast, 20, Counts(90_000, 0, 0))
    bob = signed_in(cast.bob)
    source = EgressSource.objects.of(cast.account).get()
    ip = bob.get(f"/a/{cast.account.pk}/domains/ips/{source.pk}/").content.decode()
    for text in (bob.get(page).content.decode(), ip):
        assert "0.111 %" in text and "0.207 %" in text and "0.006 %" in text
        assert "Too little to judge" in text and "Too high" in text and "Good" in text
        assert "5,001 messages that they took in 30 days are not counted" in text
        assert "less than 0.10 %, and never 0.30 % or more" in text
        assert "Postmaster Tools" in text and "Marketing mail is paused." not in text
    assert "Only transactional mail leaves from this IP" in ip


def test_where_nothing_was_delivered_there_is_no_rate(
    page: str, cast: Cast, signed_in: SignIn
) -> None:
    text = signed_in(cast.alice).get(page).content.decode()
    assert text.count("Nothing to count") == 3 and "earlier pause" not in text


def test_an_owner_lets_marketing_mail_go_on_and_answers_for_it(
    cast: Cast, domain: Domain, page: str, signed_in: SignIn
) -> None:
    row, alice = pause(domain), signed_in(cast.alice)
    text = alice.get(page).content.decode()
    assert "Of 2,000 messages delivered since" in text and "0.450 %" in text
    (item,) = [one for one in attention.items(cast.account.pk) if one.code == "MARKETING_PAUSED"]
    assert item.level is attention.Level.BAD and item.url == f"{page}#complaints"
    refused = alice.post(f"{page}complaints/lift/", follow=True).content.decode()
    assert "Confirm that you answer for it" in refused
    assert ComplaintPause.objects.standing().count() == 1
    said = alice.post(f"{page}complaints/lift/", {"answers": "1"}, follow=True).content.decode()
    assert "Marketing mail goes on" in said and "1 earlier pause" in said
    assert f"by {cast.alice.email}, who answers for it" in said
    row.refresh_from_db()
    assert row.ended_by == cast.alice.email
    assert AuditEntry.objects.of(cast.account).filter(what="domain.marketing_lifted").count() == 1
    again = alice.post(f"{page}complaints/lift/", {"answers": "1"}, follow=True).content.decode()
    assert "The pause is over already." in again
    assert not [one for one in attention.items(cast.account.pk) if one.code == "MARKETING_PAUSED"]


def test_nobody_else_does(cast: Cast, domain: Domain, page: str, signed_in: SignIn) -> None:
    pause(domain)
    url, answer = f"{page}complaints/lift/", {"answers": "1"}
    dora = make_user("dora@shop.example", cast.account, Role.DEVELOPER)
    assert signed_in(dora).post(url, answer).status_code == 403
    assert "An owner of the account may" in signed_in(dora).get(page).content.decode()
    assert signed_in(cast.charlie).post(url, answer).status_code == 404
    other = url.replace(f"/a/{cast.account.pk}/", f"/a/{cast.other_account.pk}/")
    assert signed_in(cast.charlie).post(other, answer).status_code == 404
    assert signed_in(cast.alice).get(url).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.alice)
    assert strict.post(url, answer).status_code == 403
    assert ComplaintPause.objects.standing().count() == 1


def _email(cast: Cast, kind: str = "marketing") -> Email:
    html = '<p>Via Roma 1</p><a href="{{ unsubscribe_link }}">Leave</a>'
    email = make_email(cast.account, name=kind, kind=kind, subject="News", html=html)
    versions.publish(email, by="a")
    return email


def _pages(cast: Cast, email: Email) -> list[str]:
    send = Broadcast.objects.create(
        account=cast.account, email=email, version=email.published, kind=email.kind,
        audience=Audience.TYPED, by="alice", user_id=cast.alice.pk, expanded=True,
    )  # fmt: skip
    a = f"/a/{cast.account.pk}"
    return [f"{a}/emails/{email.pk}/send/", f"{a}/sends/{send.pk}/"]


def test_the_send_pages_say_so_before_anything_is_sent(
    cast: Cast, domain: Domain, signed_in: SignIn
) -> None:
    alice, said = signed_in(cast.alice), "Marketing mail from shop.example is paused: 0.450 %"
    news, order = _pages(cast, _email(cast)), _pages(cast, _email(cast, "transactional"))
    assert not any(said in alice.get(one).content.decode() for one in news)
    pause(domain)
    assert all(said in alice.get(one).content.decode() for one in news)
    assert not any(said in alice.get(one).content.decode() for one in order)


def test_where_every_shared_ip_is_paused_they_say_so_too(cast: Cast, signed_in: SignIn) -> None:
    source = EgressSource.objects.create(address="127.0.0.90", ehlo_name="s.test", state="active")
    pools.add(pools.shared_pool(), source)
    pause(source)
    pools.forget()
    alice = signed_in(cast.alice)
    for one in _pages(cast, _email(cast)):
        assert (
            "Every IP that marketing mail leaves from is paused" in alice.get(one).content.decode()
        )
    codes = {one.code for one in attention.items(cast.other_account.pk)}
    assert "MARKETING_IPS_PAUSED" in codes


def test_the_api_tells_rates_and_the_pause(cast: Cast, domain: Domain) -> None:
    count(cast, 3, Counts(2000, 10, 9))
    _, secret = credentials.create_api_key(cast.account, name="k", scopes=["domains"], by="a")
    bearer: dict[str, Any] = {"headers": {"Authorization": f"Bearer {secret}"}}
    found = Client().get(f"/api/v1/domains/{domain.pk}", **bearer).json()
    assert found["marketingPause"] is None
    assert [one["percent"] for one in found["complaintRates"]] == [None, 0.45, 0.45]
    assert found["complaintRates"][1] == {
        "window": "week", "days": 7, "delivered": 2000, "deliveredUnreported": 10,
        "complaints": 9, "percent": 0.45,
    }  # fmt: skip
    pause(domain)
    paused = Client().get(f"/api/v1/domains/{domain.pk}", **bearer).json()["marketingPause"]
    assert (paused["window"], paused["percent"], paused["limit"]) == ("week", 0.45, 0.3)
    source = EgressSource.objects.of(cast.account).get()
    ip = Client().get(f"/api/v1/ips/{source.pk}", **bearer).json()
    assert ip["complaintRates"] == found["complaintRates"]


def test_an_operator_ends_a_pause_of_an_ip_in_the_admin(cast: Cast, signed_in: SignIn) -> None:
    source = EgressSource.objects.create(address="127.0.0.90", ehlo_name="s.test", state="active")
    row = pause(source)
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True, is_superuser=True)
    admin = signed_in(User.objects.get(pk=cast.alice.pk))
    listed = admin.get("/admin/domains/complaintpause/").content.decode()
    assert "127.0.0.90" in listed and "answers for it" in listed
    assert admin.get(f"/admin/domains/complaintpause/{row.pk}/change/").status_code == 200
    count(cast, 1, Counts(400, 0, 2))
    ComplaintDay.objects.update(source=source)
    shown = admin.get(f"/admin/domains/egresssource/{source.pk}/change/").content.decode()
    assert "7 days: 2 of 400 delivered (0.500 %)" in shown
    assert admin.get("/admin/analytics/complaintday/").status_code == 200
    act = {"action": "lift", "_selected_action": [row.pk]}
    assert admin.post("/admin/domains/complaintpause/", act).status_code == 302
    row.refresh_from_db()
    assert row.ended_by == cast.alice.get_username()
