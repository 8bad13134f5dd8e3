"""The only place that reports to other domains how TLS towards them went (RFC 8460): once a day, by
mail or https, to those that ask for it.
"""

import asyncio
import gzip
import ipaddress
import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef

from config import post as post_words
from config.errors import PostinoError
from config.post import Posted, Poster
from domains import dns
from domains.diagnose.pasting import tags
from transactional.models import StsPolicy, TlsCount, TlsReportSent
from transactional.submission import own_mail
from transactional.wire.address import AddressError, parse_address
from transactional.wire.header import HeaderError
from transactional.wire.mime import MimeError
from transactional.wire.tls_report import (
    DETAILS,
    STS,
    Failure,
    PolicyResult,
    TlsReport,
    build_mail,
    write_tls_report,
)

logger = logging.getLogger(__name__)

DAYS = 3  # a day that could not be reported so long ago is given up
BATCH = 200  # domains a run: the rest follow in the next
RECEIVERS = 2  # mailboxes and https addresses of one domain that get its report
AGAIN = timedelta(hours=6)  # after which what failed is tried again
PATIENCE = 20.0  # seconds for one POST
PORTS = frozenset({443})
UNDER_WAY = timedelta(hours=1)  # for which another run may still be at a report it has noted
HTTPS = "https://"
_ALIKE = ("domain", "policy", "mx", "source", "result")
KEPT = timedelta(days=60)  # what was sent is remembered so long


def send_due(now: datetime) -> int:
    """Report days that are over, in bounded numbers; how many reports went out.

    What could not be reported is tried again after AGAIN, until the day is DAYS old.
    """
    today = now.astimezone(UTC).date()
    if not settings.PLATFORM_FROM:
        TlsCount.objects.filter(day__lt=today - timedelta(days=1)).delete()
        return 0
    given_up, _ = TlsCount.objects.filter(day__lt=today - timedelta(days=DAYS)).delete()
    if given_up:
        logger.warning("TLS reports: %d counts of more than %d days ago given up", given_up, DAYS)
    TlsReportSent.objects.filter(at__lt=now - KEPT).delete()
    resting = TlsReportSent.objects.filter(
        day=OuterRef("day"), domain=OuterRef("domain"), at__gt=now - AGAIN
    ).exclude(error="")
    due = TlsCount.objects.filter(~Exists(resting), day__lt=today)
    sent = 0
    for day, domain in sorted(due.values_list("day", "domain").distinct()[:BATCH]):
        if _send(day, domain, now, today):
            sent += 1
    return sent


def _send(day: date, domain: str, now: datetime, today: date) -> bool:
    """Report one day of one domain. DNS first; each report is noted before it is handed over, so that a
    crash costs one and never doubles one.
    """
    found = dns.run(dns.txt(f"_smtp._tls.{domain}"))
    rows = list(TlsCount.objects.filter(day=day, domain=domain))
    if found.status in (dns.SERVFAIL, dns.TIMEOUT):
        _failed(day, domain, "", f"DNS does not answer ({found.status})", now)
        return False
    readers, error = _readers(found.records)
    if not readers:
        _failed(day, domain, "", error, now)
        _settle(rows)
        return False
    open_to = [reader for reader in readers if _claim(day, domain, reader, now)]
    notes = TlsReportSent.objects.filter(day=day, domain=domain)
    notes.filter(to="").delete()
    if not open_to:
        # Counted by a worker that was late: the report is out, and a second one would contradict it
        if not notes.filter(at__gt=now - UNDER_WAY).exists():
            _settle(rows, later=today)
        return False
    failed = [reader for reader in open_to if not _hand_over(reader, day, domain, rows, now)]
    if not failed:
        _settle(rows)
    return len(failed) < len(open_to)


def _hand_over(
    reader: str, day: date, domain: str, rows: Sequence[TlsCount], now: datetime
) -> bool:
    """Queue a report as mail, or post it; whether that went well. What went wrong is noted."""
    try:
        who = own_mail.sender()
        report = make(day, domain, rows, contact=who.address.spec)
        if reader.startswith(HTTPS):
            _post(reader, report)
            return True
        subject = (
            f"Report Domain: {domain} Submitter: {who.address.domain_ascii} "
            f"Report-ID: <{report.report_id}>"
        )
        head = own_mail.head(who, reader, subject=subject)
        mark = f"postino-{report.report_id.partition('@')[0]}"
        raw = build_mail(head, report, domain=domain, boundary=mark)
        own_mail.hand_over(who, reader, raw)
    except (PostinoError, MimeError, AddressError, HeaderError, _NotPosted) as err:
        logger.warning("the TLS report for %s was not sent: %s", domain, err)
        _failed(day, domain, reader, str(err), now)
        return False
    return True


class _NotPosted(Exception):
    """A reader by https did not take the report."""


def _post(url: str, report: TlsReport) -> None:
    """POST the report as gzipped JSON (RFC 8460 §3, §5.4). Raises _NotPosted."""

    async def post() -> Posted:
        nets = [ipaddress.ip_network(net) for net in settings.EGRESS_PRIVATE_NETS]
        poster = Poster(resolve=dns.host_addresses, allowed=nets, ports=PORTS, connections=1)
        try:
            body = gzip.compress(write_tls_report(report), mtime=0)
            kind = {"Content-Type": "application/tlsrpt+gzip", "User-Agent": "Postino"}
            return await poster.post(url, body, kind, seconds=PATIENCE)
        finally:
            await poster.close()

    done = asyncio.run(post())
    if done.outcome != post_words.OK:
        raise _NotPosted(f"{url}: {done.outcome} {done.status or ''}".strip())


def _claim(day: date, domain: str, to: str, now: datetime) -> bool:
    """Whether this reader has the day's report still to get: noted at once as if it had."""
    seen, new = TlsReportSent.objects.get_or_create(
        day=day, domain=domain, to=to, defaults={"at": now}
    )
    if new:
        return True
    failed = TlsReportSent.objects.filter(pk=seen.pk).exclude(error="")
    return failed.update(error="", at=now) == 1


def _failed(day: date, domain: str, to: str, error: str, now: datetime) -> None:
    TlsReportSent.objects.update_or_create(
        day=day, domain=domain, to=to, defaults={"error": error[:300], "at": now}
    )


def _settle(rows: Sequence[TlsCount], later: date | None = None) -> None:
    """Take off what was reported, but not what was counted meanwhile; or count it on a later day."""
    for row in rows:
        with transaction.atomic():
            if later is not None:
                moved, _ = TlsCount.objects.get_or_create(
                    **{name: getattr(row, name) for name in _ALIKE}, day=later
                )
                TlsCount.objects.filter(pk=moved.pk).update(count=F("count") + row.count)
            TlsCount.objects.filter(pk=row.pk).update(count=F("count") - row.count)
            TlsCount.objects.filter(pk=row.pk, count=0).delete()


def _readers(records: Sequence[str]) -> tuple[list[str], str]:
    """The mailboxes and addresses that a domain's TLS-RPT record names, and what is wrong where there are none."""
    policies = [text for text in records if text.startswith("v=TLSRPTv1")]
    if len(policies) != 1:
        return [], "no record, or several"
    found = []
    for uri in (tags(policies[0]) or {}).get("rua", "").split(","):
        scheme, _, rest = uri.strip().partition(":")
        if scheme.lower() == "https" and len(uri.strip()) <= 254:
            found.append(f"{HTTPS}{rest.removeprefix('//')}")
        if scheme.lower() != "mailto":
            continue
        try:
            spec = parse_address(rest.partition("?")[0]).spec
        except AddressError:
            continue
        if (
            spec.isascii()
        ):  # RFC 3986 §2: another one is no URI, and our reports go to no such mailbox
            found.append(spec)
    return found[:RECEIVERS], "" if found else "no mailbox and no https address is named"


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
