"""The definition of every number: what it counts, what it is divided by, how it is written."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from decimal import ROUND_HALF_UP, Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

THOUSANDTH = Decimal("0.001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Counts of a campaign over some days, and the ratios of the public contract.

    A ratio is a percentage with three decimals; None where its denominator is 0.
    """

    sent: int = 0
    delivered: int = 0
    deferred: int = 0
    bounced: int = 0
    expired: int = 0
    dropped: int = 0
    unknown: int = 0
    opens: int = 0
    clicks: int = 0
    open_hits: int = 0
    click_hits: int = 0
    complaints: int = 0
    unsubscribes: int = 0
    machine_opens: int = 0
    machine_clicks: int = 0
    machine_open_hits: int = 0
    machine_click_hits: int = 0

    @property
    def bounces(self) -> int:
        """Hard (refused for good) and soft (not delivered within its lifetime)."""
        return self.bounced + self.expired

    @property
    def pending(self) -> int:
        """Sent and without an outcome yet; a bounce after delivery does not make it negative."""
        return max(0, self.sent - self.delivered - self.bounces - self.unknown)

    @property
    def openratio(self) -> Decimal | None:
        """Opens of delivered."""
        return percent(self.opens, self.delivered)

    @property
    def clickratio(self) -> Decimal | None:
        """Clicks of delivered."""
        return percent(self.clicks, self.delivered)

    @property
    def clickthroughratio(self) -> Decimal | None:
        """Clicks of opens."""
        return percent(self.clicks, self.opens)

    @property
    def deliveredratio(self) -> Decimal | None:
        """Delivered of sent."""
        return percent(self.delivered, self.sent)

    @property
    def bounceratio(self) -> Decimal | None:
        """Bounces of sent."""
        return percent(self.bounces, self.sent)


def without_machines(numbers: Numbers) -> Numbers:
    """The same with people's opens and clicks alone; what machines made stays beside them."""
    return replace(
        numbers,
        opens=numbers.opens - numbers.machine_opens,
        clicks=numbers.clicks - numbers.machine_clicks,
        open_hits=numbers.open_hits - numbers.machine_open_hits,
        click_hits=numbers.click_hits - numbers.machine_click_hits,
    )


COUNTERS: tuple[str, ...] = tuple(field.name for field in fields(Numbers))


def percent(part: int, whole: int) -> Decimal | None:
    """`part` of `whole` in percent, three decimals, halves up; None where there is no whole."""
    if whole == 0:
        return None
    return (Decimal(100 * part) / Decimal(whole)).quantize(THOUSANDTH, ROUND_HALF_UP)


def total(rows: Iterable[Numbers]) -> Numbers:
    """The sum of several; ratios of a sum are ratios of the summed counts."""
    kept = list(rows)
    return Numbers(**{name: sum(getattr(row, name) for row in kept) for name in COUNTERS})


@dataclass(frozen=True, slots=True)
class Metric:
    """A number as a page shows it: its name, what it means and, for a rate, of what it is one."""

    name: str
    label: str | Promise
    definition: str | Promise
    rate: bool = False


METRICS: tuple[Metric, ...] = (
    Metric("sent", _("Sent"), _("Copies accepted for sending, one per recipient.")),
    Metric(
        "delivered",
        _("Delivered"),
        _("Recipients whose mail server took responsibility for the message."),
    ),
    Metric("opens", _("Opens"), _(
        "Recipients who loaded the message's pixel or followed a link, each counted once, "
        "however often they did. A click counts as an open even where images are off. Machines "
        "count only where the account's settings say so."
    )),
    Metric("clicks", _("Clicks"), _(
        "Recipients who followed a tracked link, each counted once. Machines count only where the "
        "account's settings say so."
    )),
    Metric("openratio", _("Open rate"), _("Opens divided by delivered."), rate=True),
    Metric("clickratio", _("Click rate"), _("Clicks divided by delivered."), rate=True),
    Metric(
        "clickthroughratio", _("Click-through rate"), _("Clicks divided by opens."), rate=True
    ),
    Metric("deliveredratio", _("Delivery rate"), _("Delivered divided by sent."), rate=True),
    Metric("bounces", _("Bounces"), _(
        "Recipients refused for good, plus those not reached within the message's lifetime. A "
        "bounce that comes back after the delivery takes the delivery back."
    )),
    Metric("bounceratio", _("Bounce rate"), _("Bounces divided by sent."), rate=True),
    Metric("pending", _("Pending"), _("Sent, with no outcome yet.")),
    Metric("unknown", _("Outcome unknown"), _(
        "A copy was sent whose answer never came, and no other was: given up by hand, or its address "
        "must not be mailed any more. It may have arrived."
    )),
    Metric("dropped", _("Not sent"), _(
        "Not sent: a suppressed address or missing consent, at the door or while it waited in the "
        "queue, mail that was withdrawn, or a message that could not be made."
    )),
    Metric("complaints", _("Spam reports"), _("Recipients who reported the message as spam.")),
    Metric(
        "unsubscribes", _("Unsubscribes"), _("Recipients who unsubscribed through this message.")
    ),
)  # fmt: skip
