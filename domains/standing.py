"""The only place that decides what follows from a check: a domain's state, which keys DNS has, what
its owners are to be told, and when to look again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from domains.findings import MISSING, OK, UNKNOWN, WRONG, Finding
from domains.models import DkimKey, Domain, DomainChange, DomainState
from domains.records import Record

YOUNG = timedelta(minutes=10)  # someone may be sitting in front of the page
FIRST_DAY = timedelta(days=1)  # providers publish within that
SOON, LATER, SELDOM = timedelta(seconds=15), timedelta(minutes=5), timedelta(hours=1)
MOST_TOLD = 50  # accounts told that another one verified their name
RIGHT, BROKE = "right", "wrong"  # how a record stands that was right before
# Where keys are: judged by whether one that can sign is there
KEY_PURPOSES = ("dkim", "delegation")
# What a check writes of a domain
FOUND = (
    *("state", "findings", "standing", "checked_at", "asked_at", "tracking_ready", "delegated"),
    *("verified_at", "next_check_at"),
)


@dataclass(frozen=True, slots=True)
class DomainReport:
    """What a check of a domain found; `tracking_ready` is the probe's verdict.

    `asked_at` is when DNS was asked first: of two checks at once, the one that asked later is right.
    """

    findings: tuple[Finding, ...]
    tracking_ready: bool
    asked_at: datetime

    @property
    def passed(self) -> bool:
        """Every required record is right."""
        return all(f.status == OK for f in self.findings if f.required)

    @property
    def undecided(self) -> bool:
        """DNS failed for a required record, and none is known to be at fault."""
        states = {f.status for f in self.findings if f.required}
        return UNKNOWN in states and states <= {OK, UNKNOWN}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a domain may send or not: `passed`, `a_key_signs`, `undecided`, `no_key` or `records`."""

    state: str
    code: str


def judge(state: str, wanted: Sequence[Record], report: DomainReport) -> Verdict:
    """The state that follows from a check of a domain in this state.

    A selector that breaks does not break a domain while another RSA key is published: that one
    signs. Ed25519 alone does not suffice, for many receivers do not read it (RFC 8463 §1).
    """
    if report.passed:
        return Verdict(DomainState.VERIFIED, "passed")
    if state == DomainState.PENDING:
        return Verdict(state, "records")
    others = {f.status for f in report.findings if f.required and f.purpose not in KEY_PURPOSES}
    hosts = {record.host for record in wanted if record.key_id and record.algorithm == "rsa"}
    rsa = {f.status for f in report.findings if f.purpose == "dkim" and f.host in hosts}
    if others & {WRONG, MISSING}:
        return Verdict(DomainState.BROKEN, "records")
    if OK in rsa and UNKNOWN not in others:
        return Verdict(DomainState.VERIFIED, "a_key_signs")
    if report.undecided or UNKNOWN in rsa or (OK in rsa and UNKNOWN in others):
        return Verdict(state, "undecided")
    return Verdict(DomainState.BROKEN, "no_key")


def apply(domain: Domain, wanted: Sequence[Record], report: DomainReport) -> None:
    """Write what follows from a check, and bring `domain` up to date.

    Nothing is written for a deleted domain, nor of what is older than what another check found: a
    page and the periodic task look at the same domain while its DNS changes.
    """
    with transaction.atomic():
        row = Domain.objects.of(domain.account_id).select_for_update().filter(pk=domain.pk).first()
        if row is None:
            return
        # Not by `checked_at`: whoever takes the next turn sets that before DNS has answered
        if row.asked_at is None or row.asked_at <= report.asked_at:
            _write(row, wanted, report)
    for field in FOUND:
        setattr(domain, field, getattr(row, field))


def _write(domain: Domain, wanted: Sequence[Record], report: DomainReport) -> None:
    """Write what follows for a domain whose row is locked."""
    now = timezone.now()
    before = domain.state
    domain.state = judge(before, wanted, report).state
    domain.findings = [finding.stored() for finding in report.findings]
    domain.checked_at, domain.asked_at = now, report.asked_at
    domain.tracking_ready = report.tracking_ready
    domain.delegated = any(f.purpose == "delegation" and f.status == OK for f in report.findings)
    if domain.state == DomainState.VERIFIED:
        domain.verified_at = domain.verified_at or now
    calm = domain.state == DomainState.VERIFIED and report.passed
    # A domain that broke is waited for, however old it is
    age = YOUNG if domain.state == DomainState.BROKEN else now - domain.created_at
    domain.next_check_at = now + pause(calm=calm, age=age)
    _write_keys(wanted, report, now)
    _write_changes(domain, wanted, report)
    domain.save(update_fields=FOUND)
    same = Domain.objects.filter(name=domain.name).exclude(pk=domain.pk)
    if domain.delegated:
        same.filter(delegated=True).update(delegated=False)  # the parent names one account
    if before == DomainState.PENDING and domain.state == DomainState.VERIFIED:
        told = [DomainChange(domain=other, kind="elsewhere") for other in _verified(same)]
        DomainChange.objects.bulk_create(told)


def _verified(rows: "QuerySet[Domain]") -> list[Domain]:
    """Those that were verified; few, but nobody keeps a name from being connected many times."""
    return list(rows.exclude(state=DomainState.PENDING)[:MOST_TOLD])


def _write_keys(wanted: Sequence[Record], report: DomainReport, now: datetime) -> None:
    """Note which keys DNS has, and since when; where it did not answer, what was known stands."""
    ids = {record.host: record.key_id for record in wanted if record.key_id}
    found = {
        status: [ids[f.host] for f in report.findings if f.host in ids and f.status in status]
        for status in ((OK,), (WRONG, MISSING))
    }
    here, gone = found.values()
    DkimKey.objects.filter(pk__in=here).update(published=True, seen_at=Coalesce("seen_at", now))
    DkimKey.objects.filter(pk__in=gone).update(published=False, seen_at=None)


def _write_changes(domain: Domain, wanted: Sequence[Record], report: DomainReport) -> None:
    """Note once what broke or recovered of a domain that was verified; `standing` is set anew."""
    if domain.verified_at is None:
        return
    old: Mapping[str, str] = domain.standing
    kinds = {(r.purpose, r.host): r.type for r in wanted}
    new: dict[str, str] = {}
    broke = []
    for finding in report.findings:
        name = f"{finding.purpose} {kinds[finding.purpose, finding.host]} {finding.host}"
        if not finding.required:
            continue
        if finding.status == OK:
            new[name] = RIGHT
        elif name in old:
            bad = finding.status in (WRONG, MISSING)
            new[name] = BROKE if bad else old[name]
            broke += [finding] if bad and old[name] == RIGHT else []
    domain.standing = new
    if broke:
        stored = [finding.stored() for finding in broke]
        DomainChange.objects.create(domain=domain, kind="broke", findings=stored)
    elif BROKE in old.values() and BROKE not in new.values():
        DomainChange.objects.create(domain=domain, kind="recovered")


def drifting(domain: Domain) -> bool:
    """Whether a record that was right is not right now."""
    return BROKE in domain.standing.values()


def pause(*, calm: bool, age: timedelta) -> timedelta:
    """How long until the next periodic check: short while somebody waits for the result."""
    if calm:
        return SELDOM
    return SOON if age < YOUNG else LATER if age < FIRST_DAY else SELDOM
