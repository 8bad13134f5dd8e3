"""Metrics: closed unless opened, read by Prometheus' own parser, bounded, and true."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from analytics import rollup
from analytics.models import EventTotal
from config import metrics, pulse
from config.metrics import Metric
from domains.models import WorkerHost
from tests.analytics.conftest import make_sent
from tests.cast import Cast, make_account
from tests.transactional.queue.rows import queue, streams
from transactional.models import Incident, Lane, QueueRow
from transactional.tasks import drain, forget_links

TOKEN = "a-token-of-operators"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def opened(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN


def scrape(token: str = TOKEN, **extra: Any) -> Any:
    return Client().get("/metrics", headers={"Authorization": f"Bearer {token}"}, **extra)


def read(text: str) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found
            found[key] = sample.value
    return found


def measured() -> Samples:
    answer = scrape()
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return read(answer.content.decode())


def value(found: Samples, name: str, **labels: str) -> float:
    return found[(f"postino_{name}", tuple(sorted(labels.items())))]


@pytest.mark.django_db
def test_closed_unless_a_token_or_a_network_opens_them(settings: Any) -> None:
    assert scrape().status_code == 404
    settings.METRICS_TOKEN = TOKEN
    assert scrape().status_code == 200
    for wrong in ("", "x", TOKEN + "x", TOKEN.upper()):
        answer = scrape(wrong)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert b"postino_" not in answer.content
    assert Client().get("/metrics").status_code == 401
    assert (
        Client().post("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 405
    )
    settings.METRICS_TOKEN = ""
    settings.METRICS_NETS = ["192.0.2.0/24"]
    near, far = "192.0.2.7", "198.51.100.1"
    assert Client(REMOTE_ADDR=near).get("/metrics").status_code == 200
    assert Client(REMOTE_ADDR=far).get("/metrics").status_code == 401
    spoofed = Client(REMOTE_ADDR=far).get("/metrics", headers={"X-Forwarded-For": near})
    assert spoofed.status_code == 401
    assert (
        Client(REMOTE_ADDR=far).get("/metrics", headers={"Authorization": "Bearer "}).status_code
        == 401
    )


@pytest.mark.django_db(transaction=True)
def test_what_is_told_is_true(cast: Cast, opened: None) -> None:
    [mine] = streams(cast.account, 1)
    queue(cast.account, mine, 7, due=-120)
    queue(cast.account, mine, 2, due=+60)
    queue(cast.account, mine, 3, lane=Lane.URGENT, held=True)
    QueueRow.objects.filter(due_at__gt=timezone.now()).exclude(lease__isnull=False).update(
        parked="rate x.example"
    )
    WorkerHost.objects.create(name="north", seen_at=timezone.now() - timedelta(seconds=90))
    sent = make_sent(cast.account)
    sent.write("accepted", "deferred", "deferred", "delivered")
    lag = value(measured(), "event_reader_lag_seconds", reader="analytics.foldcursor")
    assert lag > 0
    while rollup.fold():
        pass
    found = measured()
    assert value(found, "queue_rows", lane="normal", state="due") == 7
    assert value(found, "queue_rows", lane="normal", state="parked") == 2
    assert value(found, "queue_rows", lane="urgent", state="under_way") == 3
    assert value(found, "queue_rows", lane="bulk", state="due") == 0
    assert 119 < value(found, "queue_oldest_due_seconds", lane="normal") < 180
    assert value(found, "queue_oldest_due_seconds", lane="bulk") == 0
    assert 89 < value(found, "worker_host_silent_seconds", host="north") < 120
    assert value(found, "events_total", type="deferred") == 2
    assert value(found, "ips", state="ready") == 2
    assert value(found, "incidents", state="open") == 0
    assert value(found, "database_up") == 1
    assert value(found, "redis_up") == 1
    assert value(found, "disk_free_bytes") > 0
    assert abs(value(found, "clock_skew_seconds")) < 1
    assert value(found, "log_partitions_ahead_days") > 28
    up = {key[1]: number for key, number in found.items() if key[0].endswith("source_up")}
    assert set(up.values()) == {1}
    assert len(up) >= 7
    source = cast.account.egress_sources.get()
    Incident.objects.create(
        source=source, site="x.example", reason="blocked", category="block", skeleton="x",
        sample="x", began_at=timezone.now(), probe_at=timezone.now(),
    )  # fmt: skip
    assert value(measured(), "incidents", state="open") == 1


@pytest.mark.django_db(transaction=True)
def test_counters_are_counted_once_and_anew_by_a_rebuild(cast: Cast) -> None:
    sent = make_sent(cast.account)
    sent.write("accepted", "delivered", "opened", "opened")
    for _ in range(3):
        rollup.fold(limit=2)
    before = dict(EventTotal.objects.values_list("type", "count"))
    assert before == {"accepted": 1, "delivered": 1, "opened": 2}
    rollup.rebuild()
    assert dict(EventTotal.objects.values_list("type", "count")) == before


@pytest.mark.django_db
def test_many_accounts_cost_no_more_questions(cast: Cast, opened: None) -> None:
    def questions() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert scrape().status_code == 200
        return len(seen)

    few = questions()
    for number in range(6):
        account = make_account(
            f"A{number}", domain=f"a{number}.example", address=f"127.0.1.{number}"
        )
        for stream in streams(account, 3):
            queue(account, stream, 2)
        WorkerHost.objects.create(name=f"host{number}")
    assert questions() == few <= 63


@pytest.mark.django_db
def test_what_cannot_be_read_is_told_and_hides_nothing_else(
    opened: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> list[Metric]:
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setitem(metrics._sources, "broken", broken)
    found = measured()
    assert value(found, "metrics_source_up", source="broken") == 0
    assert value(found, "metrics_source_up", source="queue_rows") == 1
    assert value(found, "database_up") == 1


@pytest.mark.django_db
def test_chores_and_processes_tell_that_they_live(opened: None) -> None:
    pulse.ran("transactional.sweep", seconds=0.25, well=True)
    pulse.ran("analytics.fold", seconds=9, well=False)
    found = measured()
    assert 0 <= value(found, "chore_silent_seconds", task="transactional.sweep") < 5
    assert value(found, "chore_seconds", task="transactional.sweep") == 0.25
    assert value(found, "chore_failures_total", task="analytics.fold") >= 1
    assert value(found, "chore_failures_total", task="transactional.sweep") == 0


@pytest.mark.django_db
def test_a_chore_that_runs_each_second_tells_of_it_now_and_then_and_of_a_failure_at_once() -> None:
    def told() -> pulse.Chore:
        return next(one for one in pulse.chores() if one.name == "often")

    pulse.ran("often", seconds=1.0, well=True)
    before = told()
    pulse.ran("often", seconds=2.0, well=True)
    assert told() == before
    pulse.ran("often", seconds=3.0, well=False)
    assert told().failures == before.failures + 1
    pulse.forget()  # as when QUIET is over
    pulse.ran("often", seconds=4.0, well=True)
    assert told().seconds == 4.0 and told().done_at > before.done_at


@pytest.fixture
def _no_redis(settings: Any) -> Iterator[None]:
    from config import shared

    shared.forget()
    settings.REDIS_URL = settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    yield
    shared.forget()


@pytest.mark.django_db
@pytest.mark.usefixtures("_no_redis")
def test_without_redis_the_rest_is_told(opened: None) -> None:
    found = measured()
    assert value(found, "redis_up") == 0
    assert value(found, "database_up") == 1


@given(st.text(), st.text(), st.floats())
def test_any_label_and_number_is_read_as_it_was(label: str, text: str, number: float) -> None:
    metric = Metric(name="x", text=text.replace("\r", " ") or "x", samples=[({"a": label}, number)])
    families = list(text_string_to_metric_families(metrics.render([metric])))
    [sample] = families[0].samples
    assert sample.labels == {"a": label}
    assert sample.value == number or number != number


@pytest.mark.django_db
def test_readiness(settings: Any) -> None:
    for path in ("/healthz", "/readyz"):
        answer = Client().get(path, headers={"Host": "10.1.2.3"})
        assert (answer.status_code, answer.content) == (200, b"ok\n")
        assert "Set-Cookie" not in answer.headers
    settings.DISK_RESERVE_MB = 10**9
    from config import disk

    disk._seen = (float("-inf"), False)
    try:
        assert Client().get("/readyz").status_code == 503
        assert Client().get("/healthz").status_code == 200
    finally:
        disk._seen = (float("-inf"), False)


@pytest.mark.django_db
def test_a_chore_notes_by_itself_that_it_ran() -> None:
    before = {one.name: one for one in pulse.chores()}
    forget_links.apply()
    drain.apply()
    after = {one.name: one for one in pulse.chores()}
    now = after["transactional.forget_links"]
    earlier = before.get("transactional.forget_links")
    assert earlier is None or now.done_at > earlier.done_at
    assert abs(now.done_at - time.time()) < 60
    assert "transactional.drain" not in after
