"""Each event is counted exactly once, and a rebuild gives the same numbers."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from analytics import engagement, rollup, selectors
from analytics.models import CampaignDay, EventTotal, FirstEngagement, FoldCursor
from analytics.stats import Numbers, total, without_machines
from tests.analytics.conftest import NOON, Sent, make_sent
from transactional import events
from transactional.events import NewEvent
from transactional.models import Event, EventType, LogState


def fold_all(limit: int = rollup.BATCH) -> None:
    while rollup.fold(limit=limit):
        pass


def numbers(sent: Sent) -> Numbers:
    return selectors.totals(sent.campaign.account_id, [sent.campaign.pk])[sent.campaign.pk]


def table() -> list[tuple[Any, ...]]:
    rows = CampaignDay.objects.order_by("campaign_id", "day")
    return list(rows.values_list("campaign_id", "day", *rollup.COUNTERS))


def test_every_type_counts_in_its_column(counted: Sent) -> None:
    for index in range(3):
        counted.write("accepted", recipient=index)
    counted.write("deferred", "deferred", "delivered", recipient=0)
    counted.write("bounced", recipient=1)
    counted.write("expired", recipient=2)
    counted.write("opened", "opened", "clicked", "complained", "unsubscribed", recipient=0)
    counted.write("dropped", recipient=1)
    fold_all()
    assert numbers(counted) == Numbers(
        sent=3, delivered=1, deferred=2, bounced=1, expired=1, dropped=1, opens=1, clicks=1,
        open_hits=2, click_hits=1, complaints=1, unsubscribes=1,
    )  # fmt: skip


def test_where_nothing_has_happened_one_question_is_all(
    counted: Sent, django_assert_num_queries: Any
) -> None:
    counted.write("accepted")
    assert rollup.has_news()
    fold_all()
    with django_assert_num_queries(1):
        assert rollup.fold() == 0
    counted.write("delivered")
    assert rollup.fold() == 1
    FoldCursor.objects.update(xid=F("xid") + 10**9)  # restored into another cluster
    assert rollup.has_news()
    FoldCursor.objects.all().delete()
    assert rollup.has_news()


def test_what_was_stopped_in_the_queue_was_not_sent_but_where_a_copy_may_have_arrived(
    counted: Sent,
) -> None:
    def wrote(kind: str, **data: str) -> None:
        events.append([counted.happened(kind, data=data)])

    counted.write(*["accepted"] * 7)
    for was in ("queued", "deferred", "uncertain"):
        wrote("cancelled", how="suppressed", was=was)
    wrote("cancelled", how="withdrawn")
    fold_all()
    assert numbers(counted) == Numbers(sent=4, dropped=3, unknown=1)
    assert numbers(counted).pending == 3
    assert EventTotal.objects.get(type="stopped").count == 3
    wrote("requeued", was="suppressed")  # the undo of an incident
    wrote("delivered")
    fold_all()
    assert numbers(counted) == Numbers(sent=5, delivered=1, dropped=2, unknown=1)


def test_held_mail_that_is_given_up_is_pending_no_more(counted: Sent) -> None:
    counted.write(*["accepted"] * 4)
    counted.write(*["held"] * 3)
    fold_all()
    assert (numbers(counted).sent, numbers(counted).pending) == (4, 4)
    for data in (
        {"how": "given_up", "was": "held"},
        {"how": "given_up", "was": "held", "copy": "none"},
        {"how": "suppressed", "was": "held", "code": "PREVIOUSLY_BOUNCED"},
    ):
        events.append([counted.happened("cancelled", data=data)])
    fold_all()
    found = numbers(counted)
    assert (found.sent, found.unknown, found.dropped, found.pending) == (3, 2, 1, 1)


def test_a_bounce_that_comes_back_takes_its_delivery_back(counted: Sent) -> None:
    counted.write("accepted", "delivered", recipient=0)
    fold_all()
    event = Event.objects.get(type="delivered")
    events.append(
        [
            events.NewEvent(
                account_id=event.account_id,
                message_id=event.message_id,
                recipient_id=event.recipient_id,
                campaign_id=event.campaign_id,
                type=EventType.BOUNCED,
                at=event.at,
                data={"was": "delivered"},
            )
        ]
    )
    fold_all()
    now = numbers(counted)
    assert (now.sent, now.delivered, now.bounced, now.pending) == (1, 0, 1, 0)


def test_a_click_is_an_open_even_with_images_off(counted: Sent) -> None:
    counted.write("clicked")
    fold_all()
    assert (numbers(counted).opens, numbers(counted).clicks) == (1, 1)
    assert numbers(counted).open_hits == 0
    counted.write("opened", "clicked")
    fold_all()
    assert (numbers(counted).opens, numbers(counted).clicks) == (1, 1)


MACHINE = {"machine": "prompt"}


def test_nothing_new_changes_nothing(counted: Sent) -> None:
    counted.write("accepted", "delivered", "opened")
    fold_all()
    before = table()
    assert rollup.fold() == 0
    assert table() == before


def test_days_are_utc_and_a_first_counts_on_its_own(counted: Sent) -> None:
    counted.write("accepted", "delivered", day=0)
    late = datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC)
    events.append([counted.happened("opened", at=late)])
    events.append([counted.happened("opened", at=late + timedelta(seconds=2))])
    fold_all()
    account, campaign = counted.campaign.account_id, counted.campaign.pk
    found = selectors.days(account, campaign, since=date(2026, 11, 1), until=date(2026, 11, 30))
    assert [(one.day.day, one.numbers.opens, one.numbers.open_hits) for one in found] == [
        (20, 1, 1),
        (21, 0, 1),
    ]
    only = selectors.days(account, campaign, since=date(2026, 11, 21), until=date(2026, 11, 21))
    assert [one.day.day for one in only] == [21]


ACTS = ("opened", "clicked")
KINDS = st.tuples(
    st.sampled_from([str(kind) for kind in EventType]), st.integers(0, 2), st.integers(0, 3),
    st.booleans(),
)  # fmt: skip


@given(log=st.lists(KINDS, max_size=40), limit=st.integers(1, 9), data=st.data())
@hypothesis_settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_rebuilt_equals_incremental(
    counted: Sent, log: list[tuple[str, int, int, bool]], limit: int, data: st.DataObject
) -> None:
    for model in (Event, CampaignDay, FirstEngagement, FoldCursor):
        model.objects.all().delete()
    for kind, recipient, day, machine in log:
        at = NOON + timedelta(days=day)
        said = MACHINE if machine else {}
        events.append([counted.happened(kind, recipient, at=at, data=said)])
        if data.draw(st.booleans()):
            rollup.fold(limit=limit)
    fold_all(limit)
    incremental = table()
    kinds = [kind for kind, *_ in log]
    people = {(who, kind) for kind, who, _, machine in log if not machine and kind in ACTS}
    whole = total(
        Numbers(**dict(zip(rollup.COUNTERS, row[2:], strict=True))) for row in incremental
    )
    found = without_machines(whole)
    assert found.clicks == len({who for who, kind in people if kind == "clicked"})
    assert found.opens == len({who for who, _ in people})
    counting = sum(kind in {"accepted", "delivered", "opened", "clicked"} for kind in kinds)
    # A mail that is queued again takes its bounce back
    plain = sum(getattr(whole, name) for name in rollup.COUNTERS if not name.startswith("machine"))
    assert plain >= counting - kinds.count("requeued")
    assert rollup.rebuild(limit=data.draw(st.integers(1, 50))) == len(log)
    assert table() == incremental
    assert rollup.fold() == 0


def test_a_rebuild_keeps_the_numbers_of_events_that_are_past_their_time(counted: Sent) -> None:
    counted.write("accepted", "delivered", "opened", day=0)
    counted.write("accepted", "delivered", "opened", "clicked", recipient=1, day=1)
    counted.write("opened", day=1)  # the second time that this one opens
    fold_all()
    before = table()
    LogState.objects.create(
        table="transactional_event", kept_from=datetime(2026, 11, 21, tzinfo=UTC)
    )
    Event.objects.filter(at__lt=datetime(2026, 11, 21, tzinfo=UTC)).delete()
    assert rollup.rebuild() == 5
    assert table() == before
    assert FirstEngagement.objects.filter(kind="open").count() == 2
    counted.write("opened", recipient=0, day=2)
    fold_all()
    assert numbers(counted).opens == 2


def test_first_opens_are_forgotten_with_the_mail_and_its_events(
    counted: Sent, settings: Any
) -> None:
    counted.write("opened")
    fold_all()
    later = timezone.now() + timedelta(days=401)
    settings.KEEP_EVENTS_DAYS = 0
    assert engagement.forget_firsts(later) == 0
    settings.KEEP_EVENTS_DAYS = 400
    assert engagement.forget_firsts(later - timedelta(days=2)) == 0
    assert engagement.forget_firsts(later) == 1


def test_a_fold_that_dies_has_counted_nothing(
    counted: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted.write("accepted", "delivered", "opened", "clicked")

    def die(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FoldCursor, "save", die)
    with pytest.raises(KeyboardInterrupt):
        rollup.fold()
    monkeypatch.undo()
    assert table() == []
    assert not FirstEngagement.objects.exists()
    fold_all()
    assert numbers(counted) == Numbers(
        sent=1, delivered=1, opens=1, clicks=1, open_hits=1, click_hits=1
    )


def other_connection() -> psycopg.Connection[Any]:
    given = connection.get_connection_params()
    keep = {
        key: given[key] for key in ("dbname", "user", "host", "port", "password") if key in given
    }
    return psycopg.connect(**keep)


def write_event(connection: psycopg.Connection[Any], event: NewEvent) -> None:
    values = events.TABLE.values("event", [events.row(event)])
    connection.execute(events.TABLE.insert("event"), values)


def test_an_event_that_commits_late_is_not_skipped(counted: Sent) -> None:
    with other_connection() as slow:
        write_event(slow, counted.happened("opened"))  # its xid is the lower one; not committed
        counted.write("accepted", "delivered")
        assert rollup.fold() == 0  # behind the oldest transaction still running
        slow.commit()
        fold_all()
        assert numbers(counted) == Numbers(sent=1, delivered=1, opens=1, open_hits=1)
        counted.write("clicked")
        write_event(slow, counted.happened("clicked", 1))
        fold_all()
        counted.write("clicked", recipient=2)
        fold_all()
        assert numbers(counted).clicks == 1
        slow.rollback()
        fold_all()
        assert numbers(counted).clicks == 2


def test_one_fold_at_a_time(counted: Sent) -> None:
    counted.write("accepted")
    rollup.fold()
    counted.write("delivered")
    with other_connection() as busy:
        busy.execute("SELECT 1 FROM analytics_foldcursor FOR UPDATE")
        assert rollup.fold() == 0
    assert rollup.fold() == 1


def test_events_of_a_deleted_campaign_hold_up_nothing(
    counted: Sent, cast: Any, other_sent: Sent
) -> None:
    counted.write("accepted", "opened")
    other_sent.write("accepted")
    counted.email.delete()
    counted.campaign.delete()
    fold_all()
    assert numbers(other_sent).sent == 1


@pytest.fixture
def other_sent(cast: Any) -> Sent:
    return make_sent(cast.other_account)


def test_numbers_are_of_one_account(counted: Sent, other_sent: Sent) -> None:
    counted.write("accepted")
    fold_all()
    stranger = other_sent.campaign.account_id
    assert selectors.totals(stranger, [counted.campaign.pk]) == {counted.campaign.pk: Numbers()}


def test_the_command_rebuilds(counted: Sent, capsys: pytest.CaptureFixture[str]) -> None:
    counted.write("accepted", "delivered", "clicked")
    call_command("rollup", "fold")
    before = table()
    CampaignDay.objects.update(clicks=99)
    call_command("rollup", "rebuild")
    assert table() == before
    assert capsys.readouterr().out == "3 events counted.\n3 events counted.\n"


def test_a_dump_restored_into_a_younger_cluster_is_counted_anew(counted: Sent) -> None:
    counted.write("accepted", "delivered", "opened")
    fold_all()
    before, ahead = table(), 10**12
    Event.objects.update(xid=F("xid") + ahead)  # what the old cluster's numbers look like here
    FoldCursor.objects.update(xid=F("xid") + ahead)
    counted.write("clicked")
    fold_all()
    assert numbers(counted).clicks == 1 and len(table()) == len(before)
    assert numbers(counted).sent == numbers(counted).delivered == numbers(counted).opens == 1
    counted.write("clicked", recipient=1)
    fold_all()
    assert numbers(counted).clicks == 2


def test_a_mail_that_is_queued_again_takes_its_bounce_back(counted: Sent) -> None:
    counted.write("accepted", "bounced")
    fold_all()
    assert numbers(counted).bounced == 1
    counted.write("requeued", "delivered")
    fold_all()
    assert (numbers(counted).bounced, numbers(counted).delivered) == (0, 1)


@pytest.mark.parametrize(("ended", "was"), [("expired", "expired"), ("held", "held")])
def test_what_did_not_bounce_takes_no_bounce_back_when_it_is_queued_again(
    counted: Sent, ended: str, was: str
) -> None:
    counted.write("accepted", ended)
    events.append([replace(counted.happened("requeued"), data={"was": was})])
    counted.write("delivered")
    fold_all()
    found = numbers(counted)
    assert (found.bounced, found.expired, found.delivered, found.pending) == (0, 0, 1, 0)
