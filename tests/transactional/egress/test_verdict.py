"""What the end of a mail that was put off keeps of the last answer."""

from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest

from transactional.egress import verdict
from transactional.models import Status

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
