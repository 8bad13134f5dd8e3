"""The owners of an account hear of an incident: once, and even if the first attempt came to nothing."""

import email
import email.policy
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from domains.models import EgressSource
from tests.cast import Cast
from tests.database import breaking
from transactional import metrics
from transactional.classify import Category, Reason, Verdict
from transactional.incidents import breaker
from transactional.incidents.watch import Suspicion
from transactional.models import Body, IncidentAccount, Recipient
from transactional.submission import facts
from transactional.tasks import incidents
from transactional.tasks.incidents import tend_incidents

pytestmark = pytest.mark.django_db(transaction=True)
SAID = "550 5.7.1 You are on our block list"


@pytest.fixture
def met(cast: Cast) -> IncidentAccount:
    source = EgressSource.objects.of(cast.account).get()
    found = Suspicion(
        source.pk, "mx.big.example", Verdict(Reason.BLOCKED, Category.BLOCK), "550 5.7.1 *", SAID,
        10, 10, 0.0, frozenset({cast.account.pk}),
    )  # fmt: skip
    assert breaker.open_for(found, ago=5.0)
    one: IncidentAccount = IncidentAccount.objects.of(cast.account).get()
    return one


def told() -> list[tuple[str, str, str]]:
    """To whom, subject and text of every mail so far, after one more run."""
    facts.forget()
    tend_incidents()
    found = []
    for recipient in Recipient.objects.order_by("pk"):
        body = Body.objects.get(pk=recipient.message_id)
        read = email.message_from_bytes(bytes(body.raw), policy=email.policy.default)
        found.append((recipient.address, str(read["Subject"]), read.get_content()))
    return found


def unsent() -> float:
    """What the metric says of alerts that wait."""
    found = {one.name: one.samples for one in metrics.incidents_and_sources()}
    return float(found["incident_alerts_unsent"][0][1])


def later() -> None:
    IncidentAccount.objects.exclude(tell_at=None).update(tell_at=timezone.now())


def test_every_owner_gets_one_mail_that_says_where_to_look(
    cast: Cast, met: IncidentAccount
) -> None:
    ((to, subject, text),) = told()
    assert (to, subject) == (cast.alice.email, "mx.big.example refuses our mail: it is parked")
    assert SAID in text and "127.0.0.10" in text
    assert f"/a/{cast.account.pk}/incidents/{met.pk}/" in text
    met.refresh_from_db()
    assert met.told_at is not None
    later()
    assert len(told()) == 1


def test_who_cannot_be_told_now_is_told_later_and_others_meanwhile(
    cast: Cast, met: IncidentAccount, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incidents, "AT_ONCE", 1)
    settings.PLATFORM_FROM = "ops@nowhere.example"  # on no verified domain: nobody to write as
    assert unsent() == 0
    assert told() == []
    met.refresh_from_db()
    assert met.told_at is None and met.tell_at is not None and unsent() == 1
    settings.PLATFORM_FROM = ""
    breaker.affect(met.incident_id, cast.other_account.pk)
    assert [to for to, _, _ in told()] == [cast.charlie.email]  # the first one's turn comes again
    assert len(told()) == 1
    later()
    assert [to for to, _, _ in told()] == [cast.charlie.email, cast.alice.email]
    later()
    assert len(told()) == 2 and unsent() == 0


@pytest.mark.parametrize(
    "where",
    ["INSERT ON transactional_message", "UPDATE OF told_at ON transactional_incidentaccount"],
)
def test_a_failure_on_the_way_leaves_neither_mail_nor_mark(
    cast: Cast, met: IncidentAccount, where: str
) -> None:
    """The database goes away while the mail is stored, or right after it."""
    with breaking(where):
        assert told() == []
    met.refresh_from_db()
    assert met.told_at is None
    later()
    assert [to for to, _, _ in told()] == [cast.alice.email]


def test_what_is_over_before_it_is_told_is_told_as_over(cast: Cast, met: IncidentAccount) -> None:
    breaker.close(met.incident_id, by="test")
    ((_, subject, text),) = told()
    assert subject == "mx.big.example refused our mail for a while" and "flows again" in text
    assert "parked" not in text and SAID in text


def test_what_has_long_been_over_is_no_news(met: IncidentAccount) -> None:
    breaker.close(met.incident_id, by="test")
    type(met.incident).objects.update(closed_at=timezone.now() - timedelta(days=8))
    assert told() == []
