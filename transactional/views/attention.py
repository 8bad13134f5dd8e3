"""What of delivery itself needs attention on the dashboard."""

from datetime import timedelta
from math import floor

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from config import attention
from config.attention import Item, Level
from domains import sites
from transactional import tls_share
from transactional.models import ClockJump

SHOWN = timedelta(days=1)


@attention.source
def clock_jumps(account_id: int) -> list[Item]:
    """Jumps of the server's clock within a day: whose times to read with care."""
    now = timezone.now()
    rows = ClockJump.objects.filter(at__gt=now - SHOWN).order_by("-id")
    return [
        Item(
            code="CLOCK_JUMPED",
            level=Level.WARN,
            text=_(
                "The server's clock jumped by %(seconds)s s at %(at)s. Waiting mail lost no time by it;"
                " whoever runs the server should look at its time service."
            )
            % {"seconds": _signed(row.seconds), "at": f"{timezone.localtime(row.at):%H:%M}"},
            link=_("Show the messages"),
            url=reverse("messages", args=[account_id]),
        )
        for row in rows[:2]
    ]


@attention.source
def tls_shares(account_id: int) -> list[Item]:
    """Large providers that mail hardly reaches under TLS: somebody is in the way."""
    return [
        Item(
            code="TLS_SHARE_LOW",
            level=Level.BAD,
            text=_(
                "Only %(share)s %% of the last %(tries)s tries at %(provider)s were encrypted; they take"
                " TLS always. Whoever runs the server should look at what is in between."
            )
            % {
                "share": number_format(floor(share.ratio * 1000) / 10, 1),
                "tries": number_format(share.tries, use_l10n=True, force_grouping=True),
                "provider": sites.named(share.provider),
            },
            link=_("Show the messages"),
            url=reverse("messages", args=[account_id]),
        )
        for share in tls_share.lately()
        if share.low
    ]


def _signed(seconds: float) -> str:
    sign = "+" if seconds > 0 else "−"
    return sign + number_format(abs(round(seconds)), use_l10n=True, force_grouping=True)
