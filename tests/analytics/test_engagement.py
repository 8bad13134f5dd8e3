"""Hits become events, each once, whatever is run again."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from analytics import engagement, spool
from config.ids import uuid7
from tests.analytics.conftest import Sent
from transactional.models import Event

pytestmark = pytest.mark.django_db


def open_of(recipient_id: uuid.UUID, **more: Any) -> spool.Hit:
    return spool.new_hit("open", recipient_id, **{"ip": "192.0.2.7", "user_agent": "UA", **more})


def test_hits_are_recorded_with_their_owner(sent: Sent, spool_dir: Path) -> None:
    recipient = sent.recipients[0].pk
    opened = open_of(recipient)
    clicked = spool.new_hit(
        "click", recipient, ip="2001:db8::1", user_agent="UA", link_index=2, url="https://a/?x=ü"
    )
    spool.add(opened)
    spool.add(clicked)
    assert engagement.ingest() == 2
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
