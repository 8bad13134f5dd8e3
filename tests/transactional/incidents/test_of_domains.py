"""A From domain whose mail a receiver refuses as not authenticated: its owners are told, nobody is parked."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from domains import pools, refused
from domains.models import Domain, DomainChange, EgressSource
from domains.sites import Site
from tests.cast import Cast
from tests.transactional.test_domain_alerts import told
from tests.transactional.test_lifecycle import claim, enqueue
from transactional.egress.circuit import Circuits
from transactional.egress.lookups import Lookups
from transactional.egress.route import Route, Target
from transactional.egress.shaping import Permit, Shaper
from transactional.incidents.of_domains import A_DAY, AGAIN, ENOUGH, Unauthenticated
from transactional.models import Incident, IncidentAccount, Recipient
from transactional.wire import outcome as wire
from transactional.wire.reply import Reply, Stage

KEY = (1, "shop.example", "google")
SAID = "550 5.7.26 This mail has been blocked because the sender is unauthenticated."
GOOGLE = Route((Target("aspmx.l.google.com", "192.0.2.1", 25),), site=Site("google", "google"))


class TestWhoIsToHear:
    """In memory, times given."""

    def test_three_refusals_are_told_once_in_a_while(self) -> None:
        watch = Unauthenticated()
        told = [watch.answered(KEY, n * 60.0, refused=True) for n in range(9)]
        assert told == [n == ENOUGH - 1 for n in range(9)]
        assert watch.answered(KEY, AGAIN + 3 * 60, refused=True)

    def test_each_domain_account_and_receiver_counts_for_itself(self) -> None:
        watch = Unauthenticated()
        others = [KEY, (2, *KEY[1:]), (1, "b.example", "google"), (1, "shop.example", "yahoo")]
        assert not any(watch.answered(key, 0.0, refused=True) for key in others * (ENOUGH - 1))

    def test_a_few_among_much_that_is_taken_are_no_news(self) -> None:
        watch = Unauthenticated()
        for n in range(40):
            assert not watch.answered(KEY, n * 1.0, refused=n % 10 == 0)

    def test_what_was_a_day_ago_counts_no_more(self) -> None:
        watch = Unauthenticated()
        for n in range(ENOUGH * 2):
            assert not watch.answered(KEY, n * (A_DAY / 2 + 1), refused=True)


@pytest.mark.django_db(transaction=True)
def test_the_owners_get_a_mail_with_what_to_repair_and_others_mail_goes_on(
    cast: Cast, settings: Any
) -> None:
    settings.PLATFORM_FROM = "Platform <ops@stranger.example>"
    enqueue(cast.account)
    (job,) = claim()
    source = EgressSource.objects.of(cast.account).get()
    blocked = wire.Outcome(Stage.DOT, Reply(550, "5.7.26", (SAID[11:],)))

    async def main() -> None:
        lookups, shaper = Lookups(), Shaper(sessions=10, scale=0.01)
        circuits = Circuits(lookups, shaper, scale=0.01)
        usable = pools.UsableSource(source.pk, source.address, source.ehlo_name, 1)
        permit = await shaper.enter(
            GOOGLE, "x.example", (usable,), lambda fit: pools.Choice(fit[0], "only", {})
        )
        assert isinstance(permit, Permit)
        for _ in range(ENOUGH + 2):
            assert circuits.judge(job, permit, GOOGLE, blocked) is None
        while circuits._under_way:
            await asyncio.sleep(0.01)
        lookups.close()

    asyncio.run(main())
    domain = Domain.objects.of(cast.account).get()
    assert job.from_domain == domain.name and not Incident.objects.exists()
    Recipient.objects.all().delete()  # only the alert is to be read
    assert told() == []  # an incident might be opened for it yet
    DomainChange.objects.update(at=timezone.now() - timedelta(minutes=2))
    ((to, subject, text),) = told()
    assert to == cast.alice.email
    assert subject == f"Mail from {domain.name} is refused as not authenticated"
    assert SAID in text and "SPF and DKIM of the From domain have to pass" in text
    page = f"/a/{cast.account.pk}/domains/{domain.pk}/"
    assert page in text
    client = Client()
    client.force_login(cast.alice)
    shown = client.get(page).content.decode()
    assert "refuses mail from this domain as not authenticated" in shown
    assert "5.7.26" in shown and "told by mail" in shown
    # the next refusals of the day are no news
    assert not refused.note(
        cast.account.pk, domain.name, site="google", ip="127.0.0.10", reply=SAID
    )
    assert refused.note(cast.account.pk, domain.name, site="yahoo", ip="127.0.0.10", reply=SAID)
    assert not refused.note(cast.account.pk, "else.example", site="yahoo", ip="", reply=SAID)


@pytest.mark.django_db
def test_where_it_came_to_an_incident_that_is_the_one_alert(cast: Cast, settings: Any) -> None:
    settings.PLATFORM_FROM = "Platform <ops@stranger.example>"
    domain = Domain.objects.of(cast.account).get()
    assert refused.note(cast.account.pk, domain.name, site="google", ip="127.0.0.10", reply=SAID)
    DomainChange.objects.update(at=timezone.now() - timedelta(minutes=2))
    now = timezone.now()
    incident = Incident.objects.create(
        source=EgressSource.objects.of(cast.account).get(), site="google", reason="authfailure",
        category="block", skeleton="550 5.7.26 *", sample=SAID, began_at=now, probe_at=now,
    )  # fmt: skip
    IncidentAccount.objects.create(incident=incident, account=cast.account)
    assert told() == []
    assert DomainChange.objects.get().told_at is not None
