"""Hits become events, each once, whatever is run again."""

import threading
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from analytics import engagement, machines, spool
from config.ids import uuid7
from tests.analytics.agents_table import PEOPLE
from tests.analytics.conftest import Sent, make_sent
from tokens.models import Account
from transactional.models import Event, Recipient

pytestmark = pytest.mark.django_db


def later() -> datetime:
    """When the hits of now have settled."""
    return datetime.now(UTC) + 2 * machines.SETTLED


def open_of(recipient_id: uuid.UUID, **more: Any) -> spool.Hit:
    return spool.new_hit("open", recipient_id, **{"ip": "192.0.2.7", "user_agent": "UA", **more})


def link_of(recipient_id: uuid.UUID, link: int) -> spool.Hit:
    return spool.new_hit(
        "click", recipient_id, ip="192.0.2.7", user_agent="UA", link_index=link, url="https://a/"
    )


def test_hits_are_recorded_with_their_owner(sent: Sent, spool_dir: Path) -> None:
    recipient = sent.recipients[0].pk
    opened = open_of(recipient)
    clicked = spool.new_hit(
        "click", recipient, ip="2001:db8::1", user_agent="UA", link_index=2, url="https://a/?x=ü"
    )
    spool.add(opened)
    spool.add(clicked)
    assert engagement.ingest() == 0  # what may tell of them has not all happened yet
    assert engagement.ingest(later()) == 2
    assert engagement.ingest(later()) == 0
    rows = {row.pk: row for row in Event.objects.of(sent.campaign.account_id)}
    assert rows[opened.id].type == "opened" and rows[clicked.id].type == "clicked"
    for row in rows.values():
        assert row.recipient_id == recipient
        assert row.message_id == sent.message.pk
        assert row.campaign_id == sent.campaign.pk
    assert rows[opened.id].at == opened.at
    assert rows[opened.id].data == {"ip": "192.0.2.7", "user_agent": "UA"}
    assert rows[clicked.id].data["url"] == "https://a/?x=ü"
    assert rows[clicked.id].data["link"] == 2


def test_recording_again_adds_nothing(sent: Sent) -> None:
    hits = [open_of(recipient.pk) for recipient in sent.recipients]
    assert engagement.record(hits) == 3
    assert engagement.record(hits) == 0
    assert engagement.record([*hits, open_of(sent.recipients[0].pk)]) == 1


def test_hits_of_nobody_are_left_out(sent: Sent) -> None:
    assert engagement.record([open_of(uuid7()), open_of(sent.recipients[0].pk)]) == 1


def test_a_hit_the_database_refuses_holds_up_no_other(sent: Sent) -> None:
    good = [open_of(recipient.pk) for recipient in sent.recipients]
    bad = spool.Hit(
        id=uuid7(), kind="open", recipient_id=sent.recipients[0].pk, at=good[0].at,
        ip="", user_agent="\x00",
    )  # fmt: skip
    assert engagement.record([good[0], bad, *good[1:]]) == 3


def test_a_batch_costs_the_same_queries_as_one(sent: Sent, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):  # savepoint and release; the two statements go below
        engagement.record([open_of(sent.recipients[n % 3].pk) for n in range(60)])
    assert Event.objects.of(sent.campaign.account_id).count() == 60


def test_a_judgement_is_kept_with_the_event(sent: Sent, account: Account) -> None:
    ann, ben, cem = (recipient.pk for recipient in sent.recipients)
    hits = [
        open_of(ann, user_agent="Mozilla/5.0"), open_of(ben, user_agent=PEOPLE[0]),
        *[link_of(cem, link) for link in range(3)],
    ]  # fmt: skip
    assert engagement.record(hits) == 5
    told = {row.pk: row.data.get("machine") for row in Event.objects.of(account)}
    assert [told[hit.id] for hit in hits] == ["privacy", None, "burst", "burst", "burst"]


def test_what_comes_as_soon_as_the_mail_is_a_machine_s(sent: Sent, account: Account) -> None:
    first, second = sent.recipients[:2]
    Recipient.objects.filter(pk=first.pk).update(status_at=datetime.now(UTC))
    Recipient.objects.filter(pk=second.pk).update(status_at=datetime.now(UTC), status="uncertain")
    engagement.record([open_of(first.pk, user_agent="UA"), open_of(second.pk, user_agent="UA")])
    told = {row.recipient_id: row.data.get("machine") for row in Event.objects.of(account)}
    assert told == {first.pk: "prompt", second.pk: None}


def test_a_burst_is_seen_across_runs_and_segments(
    sent: Sent, spool_dir: Path, account: Account
) -> None:
    """Links that are spooled while earlier ones are being recorded belong to them still."""
    pk = sent.recipients[0].pk
    now = datetime.now(UTC)
    hits = [replace(link_of(pk, link), at=now + timedelta(seconds=0.4 * link)) for link in range(6)]
    for hit in hits:
        spool.add(hit)
    due = machines.SETTLED
    assert engagement.ingest(hits[1].at + due) == 2
    assert Event.objects.of(account).count() == 2
    assert engagement.ingest(hits[4].at + due) == 3
    assert engagement.ingest(hits[5].at + due) == 1
    assert {row.data["machine"] for row in Event.objects.of(account)} == {"burst"}


def test_hits_of_a_clock_that_ran_ahead_do_not_wait_for_it(sent: Sent, spool_dir: Path) -> None:
    ahead = replace(open_of(sent.recipients[0].pk), at=datetime.now(UTC) + timedelta(days=1))
    spool.add(ahead)
    assert engagement.ingest() == 1


def test_a_run_that_is_killed_between_writing_and_giving_back_counts_once(
    sent: Sent, spool_dir: Path, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = replace(open_of(sent.recipients[0].pk), at=datetime.now(UTC) - timedelta(seconds=30))
    young = open_of(sent.recipients[1].pk)
    spool.add(old)
    spool.add(young)

    def die(*args: Any) -> None:
        raise KeyboardInterrupt

    for name in ("_append", "_line"):  # before the young one is given back
        monkeypatch.setattr(spool, name, die)
        with pytest.raises(KeyboardInterrupt):
            engagement.ingest()
        monkeypatch.undo()
    monkeypatch.setattr(Path, "unlink", die)  # and before the segment goes
    with pytest.raises(KeyboardInterrupt):
        engagement.ingest()
    monkeypatch.undo()
    engagement.ingest(later())
    assert {row.pk for row in Event.objects.of(account)} == {old.id, young.id}
    assert list(spool_dir.iterdir()) == []


def test_ingesters_of_several_hosts_at_once_record_each_hit_once(
    transactional_db: None, cast: Any
) -> None:
    sent = make_sent(cast.account, ("ann@reader.example", "ben@reader.example"))
    hits = [link_of(sent.recipients[n % 2].pk, n) for n in range(200)]

    def host() -> None:
        engagement.record(hits)
        connection.close()

    hosts = [threading.Thread(target=host) for _ in range(3)]
    for one in hosts:
        one.start()
    for one in hosts:
        one.join()
    rows = list(Event.objects.of(cast.account))
    assert {row.pk for row in rows} == {hit.id for hit in hits} and len(rows) == 200
    assert {row.data["machine"] for row in rows} == {"burst"}
