"""The only place that says how much of the mail to the large providers went under TLS lately.

Google, Yahoo, Microsoft and Apple offer TLS without exception: what fails there is somebody in the
way. It is read from the counts kept for TLS reports (RFC 8460), of which there is one row for each
domain, policy, exchanger and outcome of a day, so that no log of mail is walked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta

from django.db import models
from django.db.models import Case, Q, Sum, Value, When
from django.utils import timezone

from domains.sites import PROVIDERS
from transactional.models import TlsCount

LEAST = 100  # deliveries, below which a share says nothing
WANTED = 0.99

_PROVIDER = Case(
    *(When(mx__iendswith=ending, then=Value(name)) for ending, name in PROVIDERS.items()),
    default=Value(""),
    output_field=models.CharField(),
)


@dataclass(frozen=True, slots=True)
class Share:
    """A provider's tries of yesterday and today (UTC), and how many of them were secured."""

    provider: str
    tries: int
    secured: int

    @property
    def ratio(self) -> float:
        """From 0 to 1."""
        return self.secured / self.tries

    @property
    def low(self) -> bool:
        """Whether somebody should look."""
        return self.ratio < WANTED


def lately() -> Sequence[Share]:
    """A share for each provider that at least LEAST tries were counted for, by name.

    One query over the rows of two days; yesterday's end with the report that is made of them.
    """
    since = timezone.now().astimezone(UTC).date() - timedelta(days=1)
    rows = (
        TlsCount.objects.filter(day__gte=since)
        .annotate(provider=_PROVIDER)
        .exclude(provider="")
        .order_by("provider")
        .values_list("provider")
        .annotate(tries=Sum("count"), secured=Sum("count", filter=Q(result=""), default=0))
    )
    return [Share(*row) for row in rows if row[1] >= LEAST]
