"""The performance pages: the numbers of an email and of an SMTP token, live."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from analytics import selectors
from analytics.selectors import Day
from analytics.stats import METRICS, Metric, Numbers
from tokens.models import Role, SmtpCredential
from tokens.web import AccountRequest, account_page
from transactional.compose import versions
from transactional.models import Campaign, Email

DAYS = 30  # of the daily table and its chart, today included
HEIGHT = 120  # of the chart's highest bar, in its own units
STEP, BAR = 24, 6  # width of a day and of each of its three bars, as the template has them


@dataclass(frozen=True, slots=True)
class Figure:
    """A number as the page shows it; `value` None: there is nothing to divide by yet."""

    metric: Metric
    value: object


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle of the chart, in its units."""

    name: str
    x: int
    y: int
    height: int


@account_page(Role.VIEWER)
def email_performance(request: AccountRequest, email_id: int) -> HttpResponse:
    """What became of everything that was sent with this email."""
    rows = Email.objects.of(request.account).select_related("published", "campaign")
    email: Email = get_object_or_404(rows, pk=email_id)
    changed = email.published is None or bytes(email.published.digest) != versions.digest(email)
    email.changed = changed  # type: ignore[attr-defined]  # the page's head says it
    context: dict[str, object] = {"email": email, "tab": "performance"}
    return _answer(request, "analytics/email_performance.html", email.campaign, context)


@account_page(Role.VIEWER)
def smtp_performance(request: AccountRequest, credential_id: int) -> HttpResponse:
    """What became of everything that was sent with this SMTP token; deleted ones keep theirs."""
    rows = SmtpCredential.objects.of(request.account)
    credential: SmtpCredential = get_object_or_404(rows, pk=credential_id)
    campaign = Campaign.objects.of(request.account).filter(smtp_credential=credential).first()
    if campaign is None:
        raise Http404
    context: dict[str, object] = {"credential": credential}
    return _answer(request, "analytics/smtp_performance.html", campaign, context)


def _answer(
    request: AccountRequest, template: str, campaign: Campaign, context: dict[str, object]
) -> HttpResponse:
    """The page; for its own polling the figures alone, and nothing where they are as shown."""
    numbers = selectors.totals(campaign.account_id, [campaign.pk])[campaign.pk]
    today = timezone.now().date()
    since = today - timedelta(days=DAYS - 1)
    days = selectors.days(campaign.account_id, campaign.pk, since=since, until=today)
    seen = hashlib.sha256(
        repr((numbers, days, request.account.filter_machines)).encode()
    ).hexdigest()[:16]
    polling = request.headers.get("HX-Request") == "true"
    if polling and request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    context |= {
        "figures": [Figure(metric, getattr(numbers, metric.name)) for metric in METRICS],
        "numbers": numbers,
        "machines": {"opens": numbers.machine_opens, "clicks": numbers.machine_clicks},
        "may_set": request.may(Role.OWNER),
        "days": list(reversed(days)),
        "bars": _bars(days, since=since),
        "height": HEIGHT,
        "seen": seen,
    }
    return render(request, "analytics/figures.html" if polling else template, context)


def _bars(days: Sequence[Day], *, since: date) -> list[Bar]:
    """Sent, opens and clicks of each day, side by side, against the highest of them all."""
    shown = ("sent", "opens", "clicks")
    highest = max((_most(day.numbers, shown) for day in days), default=0)
    bars: list[Bar] = []
    for day in days:
        place = (day.day - since).days
        for index, name in enumerate(shown):
            value = getattr(day.numbers, name)
            height = max(1, value * HEIGHT // highest) if value else 0
            x = place * STEP + 2 + index * (BAR + 1)
            bars.append(Bar(name, x, HEIGHT - height, height))
    return bars


def _most(numbers: Numbers, names: Sequence[str]) -> int:
    return max(int(getattr(numbers, name)) for name in names)
