"""An incident without further mail ends by itself, and the next message finds out how things are."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from domains.models import EgressSource
from tests.cast import Cast
from transactional import metrics
from transactional.classify import Category, Reason, Verdict
from transactional.incidents import breaker
from transactional.incidents.watch import Suspicion
from transactional.models import Incident, IncidentAccount
from transactional.views.incidents import open_incidents

pytestmark = pytest.mark.django_db


@pytest.fixture
def met(cast: Cast) -> IncidentAccount:
    source = EgressSource.objects.of(cast.account).get()
    found = Suspicion(
        source.pk, "mx.big.example", Verdict(Reason.BLOCKED, Category.BLOCK), "550 5.7.1 *",
        "550 5.7.1 no", 10, 10, 0.0, frozenset({cast.account.pk}),
    )  # fmt: skip
    assert breaker.open_for(found, ago=5.0)
    one: IncidentAccount = IncidentAccount.objects.of(cast.account).get()
    return one


def due(ago: float) -> None:
    """The probe has been due for so many seconds."""
    Incident.objects.update(probe_at=timezone.now() - timedelta(seconds=ago))


def state() -> str:
    return str(Incident.objects.get().state)


def alarms(cast: Cast) -> int:
    return len(open_incidents(cast.account.pk))


def counted(name: str) -> float:
    found = {one.name: one.samples for one in metrics.incidents_and_sources()}
    return {labels["state"]: float(n) for labels, n in found["incidents"]}[name]


def test_it_is_quiet_after_an_hour_without_mail_and_alarms_nobody(
    cast: Cast, met: IncidentAccount
) -> None:
    due(breaker.QUIET_AFTER - 60)
    assert breaker.rest() == 0
    assert (state(), alarms(cast), counted("open")) == ("open", 1, 1)
    due(breaker.QUIET_AFTER + 1)
    assert breaker.rest() == 1
    assert (state(), alarms(cast), counted("open"), counted("quiet")) == ("quiet", 0, 0, 1)
    client = Client()
    client.force_login(cast.alice)
    page = client.get(f"/a/{cast.account.pk}/incidents/{met.pk}/").content.decode()
    assert "the next one tries at once" in page and "with the next message" in page
    assert breaker.rest() == 0


@pytest.mark.parametrize("taken", [True, False])
def test_the_next_message_is_the_canary(cast: Cast, met: IncidentAccount, taken: bool) -> None:
    due(breaker.QUIET_AFTER + 1)
    breaker.rest()
    (standing,) = breaker.standing()
    assert standing.per_minute() == 0.0  # parked but for one
    assert breaker.take_probe(standing.id) and not breaker.take_probe(standing.id)
    assert (state(), alarms(cast)) == ("open", 1)  # until it is known
    if taken:
        breaker.canary_taken(standing.id)
        assert state() == "draining"
    breaker.rest()
    assert state() == ("draining" if taken else "open")


def test_after_a_day_of_quiet_it_is_over(cast: Cast, met: IncidentAccount) -> None:
    due(breaker.QUIET_AFTER + breaker.OVER_AFTER - 60)
    breaker.rest()
    assert state() == "quiet"
    due(breaker.QUIET_AFTER + breaker.OVER_AFTER + 1)
    breaker.rest()
    assert state() == "closed" and not breaker.standing()
    client = Client()
    client.force_login(cast.alice)
    page = client.get(f"/a/{cast.account.pk}/incidents/{met.pk}/").content.decode()
    assert "It has ended without an answer" in page
