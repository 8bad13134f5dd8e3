"""The only place that sums up what receivers reported about a domain, and joins it with our IPs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from django.db.models import Max, Min, Q, Sum
from django.utils import timezone

from domains.models import (
    DmarcHostName,
    DmarcReport,
    DmarcSource,
    DmarcStranger,
    Domain,
    EgressSource,
    TlsReport,
)

DAYS = 30  # what the page and the coach look at
KEPT = timedelta(days=400)  # reports are kept so long: a year can be compared with the one before
SHOWN = 100  # sources shown: the largest

# What a source of mail in the domain's name is, told by its IP and by what it passed
OURS = "ours"  # one of our IPs
FORWARDED = "forwarded"  # not ours, but our signature holds: mail of ours, passed on
AUTHORISED = "authorised"  # not ours; the domain's own DNS lets it pass: another service
UNKNOWN = "unknown"  # not ours, and nothing passes: a service without DKIM, or a forger
STRANGER = "stranger"  # unknown, and the account says that it is nobody it knows
KINDS = (OURS, AUTHORISED, FORWARDED, UNKNOWN, STRANGER)


@dataclass(frozen=True, slots=True)
class SourceSum:
    """One IP over the days looked at. `passed` counts messages with DKIM or SPF aligned."""

    ip: str
    kind: str
    messages: int
    passed: int
    dkim: int
    spf: int
    stopped: int  # quarantined or rejected by the receiver
    last: date
    domain: str = ""  # that its mail was signed or sent with, where it says more than the IP
    name: str = ""  # of the IP, confirmed by DNS

    @property
    def rate(self) -> float:
        """Per cent that passed."""
        return 100 * self.passed / self.messages if self.messages else 0.0


@dataclass(frozen=True, slots=True)
class DaySum:
    """One day: messages of each kind, and how many of all passed."""

    day: date
    messages: int
    passed: int
    ours: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A domain's reports of the last days."""

    reports: int = 0
    reporters: int = 0
    first: datetime | None = None  # when the oldest report that is kept came
    last: datetime | None = None
    messages: int = 0
    passed: int = 0
    by_kind: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # messages, passed
    sources: tuple[SourceSum, ...] = ()
    days: tuple[DaySum, ...] = ()
    more_sources: int = 0

    @property
    def rate(self) -> float | None:
        """Per cent of all that passed; None where nothing was reported."""
        return 100 * self.passed / self.messages if self.messages else None


@dataclass(frozen=True, slots=True)
class TlsSummary:
    """A domain's TLS reports of the last days; `failures` by result, the most frequent first."""

    reports: int = 0
    successes: int = 0
    failed: int = 0
    last: datetime | None = None
    failures: tuple[tuple[str, str, int], ...] = ()  # result, host, sessions


def summary(domain: Domain, *, days: int = DAYS) -> Summary:
    """What receivers counted in the last days. Eight queries, however many reports there are."""
    now = timezone.now()
    since = (now - timedelta(days=days)).date()
    kept = DmarcReport.objects.of(domain.account_id).filter(domain=domain)
    span = kept.aggregate(first=Min("received_at"), last=Max("received_at"))
    if span["first"] is None:
        return Summary()
    recent = kept.filter(end__date__gte=since)
    own = _our_addresses(domain)
    strangers = set(DmarcStranger.objects.filter(domain=domain).values_list("ip", flat=True))
    sums = [_known(one, strangers) for one in _sources(domain, since, own)]
    sums.sort(key=lambda one: (one.kind != UNKNOWN, -one.messages))
    shown = _named(sums[:SHOWN])
    by_kind: dict[str, tuple[int, int]] = {}
    for one in sums:
        messages, passed = by_kind.get(one.kind, (0, 0))
        by_kind[one.kind] = (messages + one.messages, passed + one.passed)
    return Summary(
        reports=recent.count(),
        reporters=recent.values("reporter").distinct().count(),
        first=span["first"],
        last=span["last"],
        messages=sum(one.messages for one in sums),
        passed=sum(one.passed for one in sums),
        by_kind=by_kind,
        sources=tuple(shown),
        days=_days(domain, since, own),
        more_sources=max(0, len(sums) - SHOWN),
    )


def _our_addresses(domain: Domain) -> set[str]:
    """The account's IPs and the operator's shared ones."""
    rows = EgressSource.objects.filter(Q(account_id=domain.account_id) | Q(account_id=None))
    return set(rows.values_list("address", flat=True))


def _named(sums: Sequence[SourceSum]) -> list[SourceSum]:
    rows = DmarcHostName.objects.filter(ip__in=[one.ip for one in sums])
    names = dict(rows.values_list("ip", "name"))
    return [replace(one, name=names.get(one.ip, "")) for one in sums]


def _known(one: SourceSum, strangers: set[str]) -> SourceSum:
    return replace(one, kind=STRANGER) if one.kind == UNKNOWN and one.ip in strangers else one


def disown(domain: Domain, ips: Iterable[str], *, by: str) -> int:
    """Note that mail from these IPs is not the account's. Only sources that were reported count."""
    asked = set(ips)
    reported = DmarcSource.objects.filter(domain=domain, ip__in=asked).values_list("ip", flat=True)
    rows = [DmarcStranger(domain=domain, ip=ip, by=by) for ip in sorted(set(reported))]
    return len(DmarcStranger.objects.bulk_create(rows, ignore_conflicts=True))


def reclaim(domain: Domain, ip: str) -> None:
    """Take that back."""
    DmarcStranger.objects.filter(domain=domain, ip=ip).delete()


MOST_SOURCES = 5000  # IPs summed up: a flood of forged reports costs no more than that to look at


def _sources(domain: Domain, since: date, own: set[str]) -> list[SourceSum]:
    """One row for each IP, the largest first."""
    rows = (
        DmarcSource.objects.filter(domain=domain, day__gte=since)
        .values("ip")
        .annotate(
            messages=Sum("count"),
            passed=Sum("count", filter=Q(dkim=True) | Q(spf=True), default=0),
            signed=Sum("count", filter=Q(dkim=True), default=0),
            sent=Sum("count", filter=Q(spf=True), default=0),
            stopped=Sum("count", filter=~Q(disposition="none"), default=0),
            last=Max("day"),
            domain=Max("dkim_domain"),
            envelope=Max("spf_domain"),
        )
        .order_by("-messages")[:MOST_SOURCES]
    )
    return [
        SourceSum(
            ip=row["ip"],
            kind=_kind(row["ip"] in own, row["signed"], row["sent"], row["messages"]),
            messages=row["messages"],
            passed=row["passed"],
            dkim=row["signed"],
            spf=row["sent"],
            stopped=row["stopped"],
            last=row["last"],
            domain=row["domain"] or row["envelope"] or "",
        )
        for row in rows
    ]


def _kind(ours: bool, dkim: int, spf: int, messages: int) -> str:
    """A source is what most of its mail is."""
    if ours:
        return OURS
    if 2 * spf >= messages:
        return AUTHORISED
    return FORWARDED if 2 * dkim >= messages else UNKNOWN


def _days(domain: Domain, since: date, own: set[str]) -> tuple[DaySum, ...]:
    """Day by day; days without reports are left out."""
    fails = Q(dkim=False, spf=False)
    rows = (
        DmarcSource.objects.filter(domain=domain, day__gte=since)
        .values("day")
        .annotate(
            messages=Sum("count"),
            failed=Sum("count", filter=fails, default=0),
            ours=Sum("count", filter=Q(ip__in=own), default=0),
            unknown=Sum("count", filter=fails & ~Q(ip__in=own), default=0),
        )
        .order_by("day")
    )
    return tuple(
        DaySum(r["day"], r["messages"], r["messages"] - r["failed"], r["ours"], r["unknown"])
        for r in rows
    )


def tls_summary(domain: Domain, *, days: int = DAYS) -> TlsSummary:
    """What senders told of their sessions with the domain's mail servers in the last days."""
    since = timezone.now() - timedelta(days=days)
    rows = TlsReport.objects.of(domain.account_id).filter(domain=domain, end__gte=since)
    found = rows.aggregate(
        good=Sum("successes", default=0), bad=Sum("failures", default=0), last=Max("received_at")
    )
    counted: dict[tuple[str, str], int] = {}
    details = rows.filter(failures__gt=0).order_by("-received_at").values_list("details", flat=True)
    for listed in details[:200]:
        for one in listed:
            key = (str(one.get("result", "")), str(one.get("mx", "")))
            counted[key] = counted.get(key, 0) + int(one.get("count", 0))
    worst = sorted(counted.items(), key=lambda item: -item[1])[:20]
    return TlsSummary(
        reports=rows.count(),
        successes=found["good"],
        failed=found["bad"],
        last=found["last"],
        failures=tuple((result, mx, count) for (result, mx), count in worst),
    )


def forget_old(now: datetime) -> int:
    """Remove reports past their time, in one short batch; how many went."""
    gone = 0
    for model in (DmarcReport, TlsReport):
        old = model._default_manager.filter(received_at__lt=now - KEPT).order_by("received_at")
        keys = list(old.values_list("pk", flat=True)[:1000])
        model._default_manager.filter(pk__in=keys).delete()
        gone += len(keys)
    return gone
