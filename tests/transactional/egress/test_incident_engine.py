"""An incident from the first refusals to its end, with the engine, a real receiver and an undo."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from domains.models import EgressSource
from tests.cast import Cast
from tests.dns_server import DnsServer
from tests.transactional.egress.peers import server
from tests.transactional.egress.test_engine import engine, eventually
from tests.transactional.egress.test_shaping_engine import delivered, receivers, send, states
from transactional.incidents import breaker
from transactional.models import (
    DeliveryAttempt,
    Incident,
    IncidentAccount,
    QueueRow,
    Stream,
    Suppression,
)
from transactional.tasks.incidents import tend_incidents

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_receiver_that_refuses_everything_is_parked_and_drained_and_undone(
    cast: Cast, settings: Any, dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RETRY_SCALE = 0.02
    monkeypatch.setattr(breaker, "FIRST_PROBE", 120.0)
    blocking = [True]
    asked = [0]

    def answers(line: str) -> str | None:
        if line.startswith("RCPT"):
            asked[0] += 1
            if blocking[0]:
                return f"550 5.7.1 Service refused, {asked[0]}000 is on our block list"
        return None

    with receivers(settings, dns_server, big=server(answers)):
        send(cast.account, "big.example", 60)
        with engine(sessions=4):
            eventually(lambda: Incident.objects.exists(), 20)
            eventually(lambda: QueueRow.objects.filter(parked="incident mx.big.example").exists())
            row = Incident.objects.get()
            assert (row.site, row.category, row.state) == ("mx.big.example", "block", "open")
            # The outcomes that opened it are written beside it, and perhaps after it
            eventually(lambda: states("big.example").count("bounced") >= 10)
            failed = states("big.example").count("bounced")
            assert failed <= 20  # what was under way, and no more
            eventually(lambda: Incident.objects.get().probes >= 1, 20)
            blocking[0] = False
            eventually(lambda: Incident.objects.get().state == "draining", 40)
            eventually(lambda: delivered("big.example", 60 - failed - 1) or drained(failed), 60)
            tend_incidents()
            eventually(lambda: breaker.close_drained() or Incident.objects.get().closed_at, 30)
            one = IncidentAccount.objects.of(cast.account).get()
            assert one.told_at is not None  # its owners were written to
            client = Client()
            client.force_login(cast.alice)
            page = client.get(f"/a/{cast.account.pk}/incidents/{one.pk}/").content.decode()
            assert "Service refused" in page
            client.post(f"/a/{cast.account.pk}/incidents/{one.pk}/undo/")
            eventually(lambda: delivered("big.example", 60), 30)
    # a block of us never suppresses
    assert not Suppression.objects.filter(address__endswith="@big.example").exists()
    told = {
        (one["step"], one["code"])
        for attempt in DeliveryAttempt.objects.exclude(decisions=None)
        for one in attempt.decisions
    }
    assert {("incident", "opened"), ("incident", "canary_taken")} <= told
    assert Stream.objects.of(cast.account).exists()


def drained(failed: int) -> bool:
    """Whether nothing waits any more; canaries that were refused count with the failed."""
    return not QueueRow.objects.filter(domain="big.example").exists()


def test_the_first_message_after_a_quiet_time_tries_and_the_others_follow(
    cast: Cast, settings: Any, dns_server: DnsServer
) -> None:
    settings.RETRY_SCALE = 0.02
    source = EgressSource.objects.of(cast.account).get()
    now = timezone.now()
    long_ago = now - timedelta(seconds=breaker.scaled(breaker.QUIET_AFTER) + 1)
    Incident.objects.create(
        source=source, site="mx.big.example", reason="blocked", category="block",
        skeleton="550 5.7.1 *", sample="550 5.7.1 no", began_at=long_ago, opened_at=long_ago,
        probe_at=long_ago,
    )  # fmt: skip
    assert breaker.rest() == 1
    with receivers(settings, dns_server, big=server(lambda line: None)), engine(sessions=4):
        send(cast.account, "big.example", 5)
        eventually(lambda: delivered("big.example", 5), 60)
    row = Incident.objects.get()
    assert (row.state, row.probes) == ("draining", 1)
