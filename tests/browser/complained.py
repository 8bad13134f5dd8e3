"""What readers reported as spam, in the browser tests' world: rates, a pause that stands, one that is over."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from analytics import complaints
from analytics.models import ComplaintDay
from domains import complaint_pauses
from domains.complaint_rates import WEEK, Counts, Ruling
from domains.models import Domain, EgressSource
from tests.cast import Cast
from transactional.complaint_holds import DOMAIN
from transactional.models import Email, QueueRow

# An email whose marketing mail would wait now
COMPLAINT_PAGES: dict[str, Callable[[Any], str]] = {
    "email send, paused": lambda w: f"{w.a}/emails/{news(w.cast)}/send/",
}


def make_complaints(cast: Cast, message: object) -> None:
    """Numbers of the cast's domain and IP; `message` waits for the end of the pause."""
    source = EgressSource.objects.of(cast.account).earliest("pk")
    domain = Domain.objects.of(cast.account).get(name="shop.example")
    today = complaints.today()
    days = ((0, 400, 2100, 0), (1, 300, 1000, 1), (2, 2900, 9000, 14), (20, 21_000, 60_000, 9))
    for ago, delivered, unreported, complained in days:
        ComplaintDay.objects.create(
            account=cast.account, domain=domain.name, source=source, day=today - timedelta(days=ago),
            delivered=delivered, unreported=unreported, complaints=complained,
        )  # fmt: skip
    first = today - timedelta(days=6)
    before = complaint_pauses.pause(domain, Ruling(WEEK, first, Counts(2900, 9000, 12)))
    assert before is not None
    complaint_pauses.end(before.pk, by=cast.alice.email)
    complaint_pauses.pause(domain, Ruling(WEEK, first, Counts(3600, 12_100, 15)))
    QueueRow.objects.filter(message_id=message).update(parked=f"{DOMAIN} {domain.name}")


def news(cast: Cast) -> int:
    """The marketing email."""
    return int(Email.objects.of(cast.account).get(name="Spring news").pk)
