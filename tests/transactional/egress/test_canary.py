"""What the answers during an incident mean, and whose clock it goes by."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from domains import pools
from domains.models import EgressSource
from domains.sites import Site
from tests.cast import Cast
from tests.transactional.test_lifecycle import claim, enqueue
from transactional.classify import Category, Reason, Verdict
from transactional.egress.circuit import Circuits
from transactional.egress.decisions import Decision
from transactional.egress.lookups import Lookups
from transactional.egress.profiles import shipped
from transactional.egress.route import Route, Target
from transactional.egress.shaping import Permit, Shaper
from transactional.incidents import breaker
from transactional.incidents.watch import BLOCKS, Suspicion
from transactional.models import Incident, IncidentAccount
from transactional.queue import Job
from transactional.wire import outcome as wire
from transactional.wire.reply import Reply, Stage

pytestmark = pytest.mark.django_db(transaction=True)
BLOCK = "You are on our block list"
UNKNOWN = "No such user here"


def route(provider: str = "") -> Route:
    site = Site(provider or "a.example", provider)
    return Route((Target("mx.a.example", "192.0.2.1", 25),), site=site, code="mx")


def said(code: int, status: str | None, text: str, stage: Stage = Stage.RCPT) -> wire.Outcome:
    return wire.Outcome(stage, Reply(code, status, (text,)))


def incident(cast: Cast, *, recipients: bool = False) -> Incident:
    """One that is open towards a.example since a moment ago."""
    verdict = Verdict(Reason.BLOCKED, Category.BLOCK)
    skeleton = f"550 5.7.1 {BLOCK}".lower()
    if recipients:
        verdict = Verdict(Reason.USER_UNKNOWN, Category.HARD)
        skeleton = f"550 5.1.1 {UNKNOWN}".lower()
    source = EgressSource.objects.of(cast.account).get()
    found = Suspicion(
        source.pk, "a.example", verdict, skeleton, skeleton, 10, 10, 0.0,
        frozenset({cast.account.pk}),
    )  # fmt: skip
    assert breaker.open_for(found, ago=5.0)
    return Incident.objects.get()


def permit_for(shaper: Shaper, row: EgressSource, towards: Route, *, canary: bool) -> Permit:
    source = pools.UsableSource(row.pk, row.address, "mail.shop.example", 1)
    cell, gate = shaper.cell(row.address, towards), shaper.gate(towards, "a.example")
    return Permit(source, pools.Choice(source, "only", {}), cell, gate, 0.0, canary=canary)


async def answer(
    source: EgressSource, job: Job, *answers: wire.Outcome, canary: bool, provider: str = ""
) -> list[Decision | None]:
    """What an engine makes of these answers; its writes are made when this ends."""
    lookups, shaper = Lookups(), Shaper(sessions=50, scale=1.0)
    shaper.use(shipped())
    circuits = Circuits(lookups, shaper, scale=1.0)
    towards = route(provider)
    await circuits.refresh()
    permit = permit_for(shaper, source, towards, canary=canary)
    found = []
    for one in answers:
        shaper.learn(permit, towards, one)
        found.append(circuits.judge(job, permit, towards, one))
    while circuits._under_way:
        await asyncio.wait(set(circuits._under_way))
    lookups.close()
    return found


@pytest.fixture
def job(cast: Cast) -> Job:
    enqueue(cast.account)
    return claim()[0]


@pytest.fixture
def source(cast: Cast) -> EgressSource:
    found: EgressSource = EgressSource.objects.of(cast.account).get()
    return found


@pytest.mark.parametrize(
    ("seen", "state", "code"),
    [
        (said(250, "2.0.0", "queued", Stage.DOT), "draining", "canary_taken"),
        (said(550, "5.1.1", UNKNOWN), "draining", "canary_taken"),
        (said(452, "4.2.2", "mailbox full"), "draining", "canary_taken"),
        (said(550, "5.7.1", BLOCK), "open", "refused_again"),
        # other words for the same, and words that say nothing of it
        (said(554, "5.7.1", "Rejected for your bad reputation"), "open", "canary_unsure"),
        (said(421, "4.7.0", "Try again later", Stage.MAIL), "open", "canary_unsure"),
        (said(421, "4.3.2", "Service shutting down", Stage.DOT), "open", "canary_unsure"),
        (said(450, "4.2.0", "Greylisted"), "open", "canary_unsure"),
        (said(552, "5.3.4", "Message too big", Stage.DOT), "open", "canary_unsure"),
    ],
)
def test_only_what_is_taken_lets_the_rest_follow(
    cast: Cast, source: EgressSource, job: Job, seen: wire.Outcome, state: str, code: str
) -> None:
    row = incident(cast)
    (found,) = asyncio.run(answer(source, job, seen, canary=True))
    row.refresh_from_db()
    assert found is not None and (row.state, found.code) == (state, code)


def test_where_every_recipient_is_refused_one_more_is_no_good_sign(
    cast: Cast, source: EgressSource, job: Job
) -> None:
    row = incident(cast, recipients=True)
    other = said(550, "5.1.1", "Unknown user, sorry")
    (found,) = asyncio.run(answer(source, job, other, canary=True))
    row.refresh_from_db()
    assert found is not None and (row.state, found.code) == ("open", "canary_unsure")


def test_a_refused_canarys_account_hears_of_it(cast: Cast, source: EgressSource, job: Job) -> None:
    row = incident(cast)
    other = replace(job, account_id=cast.other_account.pk)
    asyncio.run(answer(source, other, said(550, "5.7.1", BLOCK), canary=True))
    assert IncidentAccount.objects.of(cast.other_account).get().incident == row


def test_a_flood_of_another_refusal_parks_what_drains(
    cast: Cast, source: EgressSource, job: Job
) -> None:
    row = incident(cast)
    breaker.canary_taken(row.pk)
    other = said(554, "5.7.1", "Rejected for your bad reputation")
    asyncio.run(answer(source, job, *[other] * (BLOCKS[0] - 1), canary=False))
    row.refresh_from_db()
    assert row.state == "draining"
    found = asyncio.run(answer(source, job, *[other] * BLOCKS[0], canary=False))
    row.refresh_from_db()
    assert found[-1] is not None and (row.state, found[-1].code) == ("open", "refused_again")


AUTH = said(421, "4.7.26", "Rate limited because it is unauthenticated", Stage.DOT)


def test_what_slows_us_down_for_want_of_authentication_opens_an_incident(
    cast: Cast, source: EgressSource, job: Job
) -> None:
    asyncio.run(answer(source, job, *[AUTH] * BLOCKS[0], canary=False))
    assert Incident.objects.get().reason == "authfailure"


def test_one_domains_failure_does_not_park_the_mail_of_others(
    cast: Cast, source: EgressSource, job: Job
) -> None:
    async def main() -> None:
        lookups, shaper = Lookups(), Shaper(sessions=50, scale=1.0)
        circuits = Circuits(lookups, shaper, scale=1.0)
        permit = permit_for(shaper, source, route(), canary=False)
        other = replace(job, from_domain="fine.example")
        taken = said(250, "2.0.0", "queued", Stage.DOT)
        assert circuits.judge(other, permit, route(), taken) is None
        for _ in range(3 * BLOCKS[0]):
            assert circuits.judge(job, permit, route(), AUTH) is None
        assert permit.cell.breaker is None
        lookups.close()

    asyncio.run(main())
    assert not Incident.objects.exists()


def test_what_a_rule_stops_for_good_is_an_incident_at_once(
    cast: Cast, source: EgressSource, job: Job
) -> None:
    ts03 = said(553, None, "[TS03] All messages from 192.0.2.1 will be permanently deferred")
    taken = [said(250, "2.0.0", "queued", Stage.DOT)] * 30
    found = asyncio.run(answer(source, job, *taken, ts03, canary=False, provider="yahoo"))
    assert found[-1] is not None and found[-1].code == "opened"
    assert Incident.objects.get().reason == "blocked"


def test_complaints_stop_the_site_and_open_an_incident_but_the_mere_pace_does_not(
    cast: Cast, source: EgressSource, job: Job
) -> None:
    pace = said(421, "4.7.0", "[TSS01] Messages temporarily deferred: too many messages")
    asyncio.run(answer(source, job, *[pace] * 20, canary=False, provider="yahoo"))
    assert not Incident.objects.exists()
    tss04 = said(421, "4.7.0", "[TSS04] Messages temporarily deferred due to user complaints")
    found = asyncio.run(answer(source, job, *[tss04] * 3, canary=False, provider="yahoo"))
    assert found[:2] == [None, None] and found[2] is not None and found[2].code == "opened"


@pytest.mark.parametrize("by", [timedelta(hours=30), timedelta(hours=-30)])
def test_a_machine_whose_clock_is_wrong_neither_ends_nor_prolongs_an_incident(
    cast: Cast, source: EgressSource, monkeypatch: pytest.MonkeyPatch, by: timedelta
) -> None:
    row = incident(cast)
    right = timezone.now

    def wrong() -> datetime:
        return right() + by

    def wait() -> float:
        async def main() -> float:
            lookups, shaper = Lookups(), Shaper(sessions=50, scale=1.0)
            circuits = Circuits(lookups, shaper, scale=1.0)
            cell = shaper.cell(source.address, route())
            await circuits.refresh()
            lookups.close()
            assert cell.breaker is not None
            return cell.breaker.until - asyncio.get_running_loop().time()

        return asyncio.run(main())

    monkeypatch.setattr(timezone, "now", wrong)
    assert breaker.FIRST_PROBE - 30 < wait() <= breaker.FIRST_PROBE
    assert not breaker.take_probe(row.pk)
    assert breaker.rest() == 0
    Incident.objects.update(probe_at=right())
    assert breaker.take_probe(row.pk)  # due, whatever this machine says
    breaker.canary_taken(row.pk)
    (standing,) = breaker.standing()
    assert standing.per_minute() == breaker.DRAIN_FROM
    assert breaker.close_drained() == []
    Incident.objects.update(drain_at=right() - timedelta(minutes=8))
    assert breaker.close_drained() == [row.pk]
