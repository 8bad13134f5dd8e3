"""An incident that the database does not take at once: nothing is parked that nothing would free."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from domains import pools
from domains.models import EgressSource
from domains.sites import Site
from tests.cast import Cast
from tests.transactional.test_lifecycle import claim, enqueue
from transactional.egress import circuit
from transactional.egress.circuit import Circuits
from transactional.egress.lookups import Lookups
from transactional.egress.route import Route, Target
from transactional.egress.shaping import Permit, Shaper
from transactional.incidents.watch import BLOCKS
from transactional.models import Incident
from transactional.queue import Job
from transactional.wire import outcome as wire
from transactional.wire.reply import Reply, Stage

pytestmark = pytest.mark.django_db(transaction=True)
ROUTE = Route((Target("mx.a.example", "192.0.2.1", 25),), site=Site("a.example"), code="mx")
REFUSED = wire.Outcome(Stage.RCPT, Reply(550, "5.7.1", ("You are on our block list",)))

AWAY = """
CREATE FUNCTION is_away() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the database is shutting down' USING ERRCODE = '57P01'; END $$;
CREATE TRIGGER is_away BEFORE INSERT ON transactional_incident
    FOR EACH ROW EXECUTE FUNCTION is_away()
"""
BACK = "DROP FUNCTION IF EXISTS is_away CASCADE"


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture
def job(cast: Cast) -> Iterator[Job]:
    enqueue(cast.account)
    yield claim()[0]
    execute(BACK)


async def refused(job: Job, source_id: int) -> tuple[Circuits, Shaper, Lookups]:
    """An engine's part whose cell a receiver has refused often enough."""
    lookups, shaper = Lookups(), Shaper(sessions=10, scale=0.01)
    circuits = Circuits(lookups, shaper, scale=0.01)
    source = pools.UsableSource(source_id, "127.0.0.10", "mail.shop.example", 1)
    permit = await shaper.enter(
        ROUTE, "a.example", (source,), lambda fit: pools.Choice(fit[0], "only", {})
    )
    assert isinstance(permit, Permit)
    for _ in range(BLOCKS[0]):
        circuits.judge(job, permit, ROUTE, REFUSED)
    shaper.leave(permit)
    return circuits, shaper, lookups


async def until(circuits: Circuits, check: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not check():
            await circuits.refresh()  # as the engine's tick does
            await asyncio.sleep(0.02)


def test_what_the_database_did_not_take_is_parked_until_it_does(
    cast: Cast, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit, "AGAIN", 0.1)
    source = EgressSource.objects.of(cast.account).get()
    execute(AWAY)

    async def main() -> int:
        circuits, shaper, lookups = await refused(job, source.pk)
        cell = shaper.cell(source.address, ROUTE)
        shut = cell.breaker
        assert shut is not None and shut.probing and shut.incident == 0
        for _ in range(10):  # other incidents come and go meanwhile: this one stays parked
            lookups.forget_standing()
            await circuits.refresh()
            await asyncio.sleep(0.03)
            assert cell.breaker is shut
        await lookups.do(lambda: execute(BACK))
        await until(circuits, lambda: cell.breaker is not None and cell.breaker.incident > 0)
        lookups.close()
        assert cell.breaker is not None
        return cell.breaker.incident

    assert asyncio.run(main()) == Incident.objects.get().pk
    assert Incident.objects.get().accounts.get().account == cast.account


def test_what_the_database_will_never_take_is_not_parked_for_ever(job: Job) -> None:
    async def main() -> None:
        circuits, shaper, lookups = await refused(job, 10**6)  # an IP that was removed
        cell = shaper.cell("127.0.0.10", ROUTE)
        assert cell.breaker is not None
        await until(circuits, lambda: cell.breaker is None)
        assert not shaper.breakers
        lookups.close()

    asyncio.run(main())
    assert not Incident.objects.exists()
