"""The only place that reports to other domains how TLS towards them went (RFC 8460): once a day, by
mail, to those that ask for it.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from django.conf import settings

from config.errors import PostinoError
from domains import dns
from domains.diagnose.pasting import tags
from transactional.models import StsPolicy, TlsCount, TlsReportSent
from transactional.submission import own_mail
from transactional.wire.address import AddressError, parse_address
from transactional.wire.mime import MimeError
from transactional.wire.tls_report import DETAILS, STS, Failure, PolicyResult, TlsReport, build_mail

logger = logging.getLogger(__name__)

DAYS = 3  # a day that could not be reported so long ago is given up
BATCH = 200  # domains a run: the rest follow in the next
RECEIVERS = 2  # mailboxes of one domain that get its report
KEPT = timedelta(days=60)  # what was sent is remembered so long


def send_due(now: datetime) -> int:
    """Report days that are over, in bounded numbers; how many reports went out."""
    today = now.astimezone(UTC).date()
    if not settings.PLATFORM_FROM:
        TlsCount.objects.filter(day__lt=today - timedelta(days=1)).delete()
        return 0
    TlsCount.objects.filter(day__lt=today - timedelta(days=DAYS)).delete()
    TlsReportSent.objects.filter(at__lt=now - KEPT).delete()
    due = TlsCount.objects.filter(day__lt=today).values_list("day", "domain").distinct()
    sent = 0
    for day, domain in sorted(due[:BATCH]):
        if _send(day, domain):
            sent += 1
        TlsCount.objects.filter(day=day, domain=domain).delete()
    return sent


def _send(day: date, domain: str) -> bool:
    """Report one day of one domain. DNS first; each report is noted before it is queued, so that a
    crash costs one and never doubles one.
    """
    found = dns.run(dns.txt(f"_smtp._tls.{domain}"))
    readers, error = _readers(found.records)
    if not readers:
        _note(day, domain, "", error)
        return False
    rows = list(TlsCount.objects.filter(day=day, domain=domain))
    done = False
    for reader in readers:
        if not _note(day, domain, reader, ""):
            continue
        try:
            who = own_mail.sender()
            report = make(day, domain, rows, contact=who.address.spec)
            subject = (
                f"Report Domain: {domain} Submitter: {who.address.domain_ascii} "
                f"Report-ID: <{report.report_id}>"
            )
            head = own_mail.head(who, reader, subject=subject)
            mark = f"postino-{report.report_id.partition('@')[0]}"
            raw = build_mail(head, report, domain=domain, boundary=mark)
            own_mail.hand_over(who, reader, raw)
        except (PostinoError, MimeError, AddressError) as err:
            logger.warning("the TLS report for %s was not sent: %s", domain, err)
            sent = TlsReportSent.objects.filter(day=day, domain=domain, to=reader)
            sent.update(error=str(err)[:300])
        else:
            done = True
    return done


def _note(day: date, domain: str, to: str, error: str) -> bool:
    """Whether this is the first report of the day to this mailbox."""
    _, new = TlsReportSent.objects.get_or_create(
        day=day, domain=domain, to=to, defaults={"error": error[:300]}
    )
    return new


def _readers(records: Sequence[str]) -> tuple[list[str], str]:
    """The mailboxes that a domain's TLS-RPT record names, and what is wrong where there are none."""
    policies = [text for text in records if text.startswith("v=TLSRPTv1")]
    if len(policies) != 1:
        return [], "no record, or several"
    found = []
    for uri in (tags(policies[0]) or {}).get("rua", "").split(","):
        scheme, _, rest = uri.strip().partition(":")
        if scheme.lower() != "mailto":
            continue
        try:
            found.append(parse_address(rest.partition("?")[0]).spec)
        except AddressError:
            continue
    return found[:RECEIVERS], "" if found else "no mailbox is named"


def make(day: date, domain: str, rows: Sequence[TlsCount], *, contact: str) -> TlsReport:
    """The report of one day of one domain."""
    begin = datetime.combine(day, time.min, UTC)
    by_policy: dict[str, list[TlsCount]] = defaultdict(list)
    for row in rows:
        by_policy[row.policy].append(row)
    results = []
    for kind, counted in sorted(by_policy.items()):
        failed: Counter[tuple[str, str, str]] = Counter()
        for row in counted:
            if row.result:
                failed[row.result, row.mx, row.source] += row.count
        details = [
            Failure(result, count, mx=mx, sending_ip=source)
            for (result, mx, source), count in failed.most_common(DETAILS)
        ]
        strings, patterns = _policy(domain) if kind == STS else ((), ())
        results.append(
            PolicyResult(
                type=kind,
                domain=domain,
                successes=sum(row.count for row in counted if not row.result),
                failures=failed.total(),
                details=tuple(details),
                strings=strings,
                mx=patterns,
            )
        )
    return TlsReport(
        reporter=settings.PLATFORM_DOMAIN,
        report_id=f"{day:%Y%m%d}.{domain}"[:200] + f"@{settings.PLATFORM_DOMAIN}",
        begin=begin,
        end=begin + timedelta(days=1) - timedelta(seconds=1),
        contact=contact,
        policies=tuple(results),
    )


def _policy(domain: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """An MTA-STS policy's lines, and the hosts it names."""
    row = StsPolicy.objects.filter(domain=domain).first()
    if row is None or not row.mode:
        return (), ()
    mx = tuple(str(one) for one in row.mx)
    lines = ("version: STSv1", f"mode: {row.mode}", *(f"mx: {one}" for one in mx))
    return (*lines, f"max_age: {row.max_age}"), mx
