"""Numbers of a version: each event once, only of mail that was made from one."""

import pytest

from tests.transactional.submission.senders import Send, email, key, send
from tokens.models import Account
from transactional import lifecycle
from transactional.compose import version_counts
from transactional.models import Email, Recipient, Status

__all__ = ["email", "key", "send"]
pytestmark = pytest.mark.django_db(transaction=True)


def folded() -> None:
    while version_counts.fold(limit=2):
        pass


def test_what_happened_is_counted_by_version_once(
    send: Send, email: Email, account: Account
) -> None:
    for n in range(3):
        send(to=f"a{n}@x.example")
    send(custom={})
    Recipient.objects.of(account).update(status="delivered")
    report = lifecycle.Report(
        recipient_id=Recipient.objects.of(account).latest("pk").pk,
        status=Status.BOUNCED,
        reply="550 no",
        data={},
    )
    assert lifecycle.apply_report(report)
    folded()
    folded()
    assert email.published_id is not None
    counts = version_counts.of([email.published_id])[email.published_id]
    assert counts == {"accepted": 3, "failed": 1, "bounced": 1}
    assert version_counts.of([email.published_id], trial=True)[email.published_id] == dict.fromkeys(
        counts, 0
    )
