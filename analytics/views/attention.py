"""What of an account's numbers needs attention on the dashboard."""

from datetime import timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from analytics import selectors, stats
from config import attention
from config.attention import Item, Level
from tokens.models import Account

DAYS = 7
ENOUGH = 100  # sent: below it, one bad address is a frightening percentage
BOUNCES = 5  # per cent of sent, from which receivers begin to distrust a sender
COMPLAINTS = 0.1  # per cent of delivered: the line that large mailbox providers publish


@attention.source
def rates(account_id: int) -> list[Item]:
    """Bounces and spam reports of the last days above what receivers tolerate."""
    today = timezone.now().date()
    since = today - timedelta(days=DAYS - 1)
    days = selectors.account_days(account_id, since=since, until=today)
    numbers = stats.total(day.numbers for day in days)
    url = reverse("messages", args=[account_id])
    found = []
    bounced = numbers.bounceratio
    if numbers.sent >= ENOUGH and bounced is not None and bounced > BOUNCES:
        found.append(
            Item(
                code="BOUNCE_RATE",
                level=Level.BAD,
                text=_(
                    "%(rate)s %% of the mail of the last 7 days bounced; above 5 %% receivers "
                    "begin to distrust you."
                )
                % {"rate": round(bounced, 1)},
                link=_("See what bounced"),
                url=f"{url}?status=bounced",
            )
        )
    reported = stats.percent(numbers.complaints, numbers.delivered)
    if numbers.delivered >= ENOUGH and reported is not None and reported > COMPLAINTS:
        found.append(
            Item(
                code="COMPLAINT_RATE",
                level=Level.BAD,
                text=_(
                    "%(rate)s %% of the readers of the last 7 days reported your mail as spam; "
                    "0.1 %% is the line."
                )
                % {"rate": round(reported, 2)},
                link=_("See who reported"),
                url=reverse("suppressions", args=[account_id]),
            )
        )
    return found


@attention.source
def switched_off(account_id: int) -> list[Item]:
    """Transactional sending is off."""
    if Account.objects.filter(pk=account_id, transactional_enabled=True).exists():
        return []
    return [
        Item(
            code="TRANSACTIONAL_DISABLED",
            level=Level.WARN,
            text=_("Transactional mail is switched off for this account: an operator turns it on."),
            link=_("Your emails"),
            url=reverse("emails", args=[account_id]),
        )
    ]
