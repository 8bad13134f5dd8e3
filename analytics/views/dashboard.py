"""The account's start page: how mail goes, what needs attention, what is still to be set up."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from analytics import selectors, stats
from analytics.models import CampaignDay
from analytics.selectors import Day
from analytics.stats import Numbers
from analytics.views.first_steps import steps
from config import attention
from tokens.models import Account, Role
from tokens.web import AccountRequest, account_page
from transactional import queue
from transactional.models import Email

# What the switch offers: the name in the query string → days, today included
PERIODS: dict[str, tuple[int, Promise]] = {
    "1d": (1, _("Today")),
    "7d": (7, _("7 days")),
    "30d": (30, _("30 days")),
}
HEIGHT = 96  # of the chart's highest bar, in its own units
WIDTH = 720
RECENT = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """A day of the chart: what was delivered and what bounced, stacked, in the chart's units."""

    day: date
    x: float
    width: float
    delivered: int
    bounced: int

    @property
    def delivered_y(self) -> int:
        """Where the lower part starts."""
        return HEIGHT - self.delivered

    @property
    def bounced_y(self) -> int:
        """Where the upper part starts."""
        return self.delivered_y - self.bounced


@require_safe
@account_page(Role.VIEWER)
def dashboard(request: AccountRequest) -> HttpResponse:
    """The whole page; for its own polling the live part alone, and nothing where it is as shown."""
    period = request.GET.get("period", "")
    period = period if period in PERIODS else "7d"
    length = PERIODS[period][0]
    today = timezone.now().date()
    since = today - timedelta(days=length - 1)
    days = selectors.account_days(request.account.pk, since=since, until=today)
    numbers = stats.total(day.numbers for day in days)
    waiting = queue.depth(request.account.pk)
    needs = attention.items(request.account.pk)
    seen = hashlib.sha256(repr((numbers, waiting, needs, days)).encode()).hexdigest()[:16]
    polling = request.headers.get("HX-Request") == "true"
    if polling and request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    context = {
        "period": period,
        "periods": [(name, label) for name, (_days, label) in PERIODS.items()],
        "numbers": numbers,
        "complaintratio": stats.percent(numbers.complaints, numbers.delivered),
        "waiting": waiting,
        "needs": needs,
        "bars": _bars(days, since=since, length=length) if length > 1 else [],
        "height": HEIGHT,
        "width": WIDTH,
        "seen": seen,
    }
    if polling:
        return render(request, "analytics/dashboard_live.html", context)
    todo = steps(request, delivered=_ever_delivered(request.account))
    done = sum(step.done for step in todo)
    context |= {
        "steps": [] if done == len(todo) else todo,
        "steps_done": done,
        "recent": _recent(request),
        "may_edit": request.may(Role.MARKETER),
    }
    return render(request, "analytics/dashboard.html", context)


def _ever_delivered(account: Account) -> bool:
    rows = CampaignDay.objects.of(account).filter(delivered__gt=0)
    return bool(rows.exists())


def _recent(request: AccountRequest) -> list[tuple[Email, Numbers]]:
    """The emails that were sent lately, with their all-time numbers: two queries."""
    rows = Email.objects.of(request.account).filter(archived_at=None)
    since = timezone.now().date() - timedelta(days=30)
    sent = CampaignDay.objects.of(request.account).filter(day__gte=since, sent__gt=0)
    # Only a page of emails is looked at, whatever the account has
    emails = list(
        rows.only("pk", "name", "campaign_id", "kind", "updated_at")
        .filter(campaign_id__in=sent.values("campaign_id"))
        .order_by("-updated_at", "-pk")[:RECENT]
    )
    totals = selectors.totals(request.account.pk, [email.campaign_id for email in emails])
    return [(email, totals[email.campaign_id]) for email in emails]


def _bars(days: Sequence[Day], *, since: date, length: int) -> list[Bar]:
    """Each day that has numbers, against the highest of them all."""
    highest = max((d.numbers.delivered + d.numbers.bounces for d in days), default=0)
    step = WIDTH / length
    return [
        Bar(
            day.day,
            round((day.day - since).days * step + step * 0.15, 2),
            round(step * 0.7, 2),
            _height(day.numbers.delivered, highest),
            _height(day.numbers.bounces, highest),
        )
        for day in days
    ]


def _height(value: int, highest: int) -> int:
    return max(1, value * HEIGHT // highest) if value else 0
