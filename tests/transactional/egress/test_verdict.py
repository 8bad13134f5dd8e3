"""What the end of a mail that was put off keeps of the last answer."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest

from transactional.egress import verdict
from transactional.models import Status
from transactional.wire import outcome as wire
from transactional.wire.reply import Reply, Stage

TAKEN = wire.Outcome(stage=Stage.DOT, reply=Reply(250, "2.0.0", ("taken",)))
FULL = "452 4.2.2 The recipient's inbox is out of storage space"


@pytest.mark.parametrize(
    ("kind", "said", "reason"),
    [
        ("mailbox_full", FULL, "mailboxfull"),
        ("temporary", "451 4.2.0 Busy", "expired"),  # a number alone does not speak of the mailbox
        ("greylisted", "450 4.2.0 Greylisted, come back later", "expired"),
        ("connection", "banner: timed out", "expired"),
    ],
)
def test_a_mailbox_that_stayed_full_is_why_it_expired(kind: str, said: str, reason: str) -> None:
    now = datetime.now(UTC)
    job = Mock(attempt=30, parked=None, resent=False, deliver_by=now + timedelta(seconds=1))
    job.now.return_value = now
    at_the_last_try = verdict.defer(verdict.Tried(job), kind, said)
    while_it_waited = verdict.expire(verdict.Tried(job), said)
    for ended in (at_the_last_try, while_it_waited):
        assert (ended.status, ended.reply) == (Status.EXPIRED, said)
        assert (ended.data["category"], ended.data["reason"]) == ("soft", reason)


@pytest.mark.parametrize(
    ("seen", "kept"),
    [
        ({}, {"egress": 7}),
        ({"provider": "google"}, {"egress": 7, "provider": "google"}),
        ({"smarthost_id": 3}, {"egress": None}),  # the receiver sees the smarthost's IP
    ],
)
def test_a_delivery_keeps_the_ip_and_the_provider_that_complaints_are_counted_by(
    seen: dict[str, Any], kept: dict[str, Any]
) -> None:
    job = Mock(attempt=0, parked=None, resent=False)
    ended = verdict.judge(verdict.Tried(job, source_id=7, **seen), TAKEN, "resend")
    assert (ended.status, ended.data) == (Status.DELIVERED, kept)
