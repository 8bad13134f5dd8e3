"""What the pages of a domain and of an IP show of spam complaints: rates, and pauses of marketing mail."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from analytics import complaints
from analytics.complaints import Window
from domains import complaint_pauses
from domains.complaint_rates import ADVISED, DAY, LIMIT, MONTH, WEEK, Counts
from domains.models import ComplaintPause, Domain, EgressSource
from domains.views.rows import Pill
from tokens.models import Role
from tokens.web import AccountRequest

PAST = 5  # pauses that are over, on a page
_WINDOWS: dict[str, Promise] = {
    DAY: gettext_lazy("Today and yesterday"),
    WEEK: gettext_lazy("7 days"),
    MONTH: gettext_lazy("30 days"),
}


@dataclass(frozen=True, slots=True)
class RateRow:
    """A window: its counts, its rate in per cent, and what to think of it."""

    window: Promise
    counts: Counts
    percent: Decimal | None
    pill: Pill


def rate_rows(windows: Sequence[Window]) -> list[RateRow]:
    """The rates of the windows, the shortest first."""
    least = complaint_pauses.terms().least
    return [
        RateRow(_WINDOWS[one.code], one.counts, one.counts.percent, _pill(one.counts, least))
        for one in windows
    ]


def _pill(counts: Counts, least: int) -> Pill:
    if counts.percent is None:
        return Pill("mute", gettext_lazy("Nothing to count"))
    if not counts.reaches(ADVISED):
        return Pill("ok", gettext_lazy("Good"))
    if counts.delivered < least:
        return Pill("mute", gettext_lazy("Too little to judge"))
    if not counts.reaches(LIMIT):
        return Pill("warn", gettext_lazy("Too high"))
    return Pill("bad", gettext_lazy("Far too high"))


def of_domain(request: AccountRequest, domain: Domain) -> dict[str, object]:
    """What the domain's page shows."""
    pauses = ComplaintPause.objects.of(request.account).filter(domain=domain).order_by("-pk")
    found = list(pauses[: PAST + 1])
    return {
        **_shown(complaints.of_domain(request.account.pk, domain.name)),
        "pause": next((row for row in found if row.ended_at is None), None),
        "past_pauses": [row for row in found if row.ended_at is not None][:PAST],
        "may_lift": request.may(Role.OWNER),
    }


def of_source(source: EgressSource) -> dict[str, object]:
    """What the page of a dedicated IP shows; nothing of it is paused, for no marketing mail leaves from it."""
    return _shown(complaints.of_source(source.pk))


def _shown(windows: Sequence[Window]) -> dict[str, object]:
    terms = complaint_pauses.terms()
    return {
        "rates": rate_rows(windows),
        "unreported": windows[-1].counts.unreported,
        "advised": ADVISED,
        "never": LIMIT,
        "terms": terms,
    }
