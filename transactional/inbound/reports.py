"""Reports about a domain's mail that come to its own boxes: DMARC aggregates and TLS.

Anybody may send one, so they inform and never change what is sent: they are read with every limit,
counted per domain, and kept for a while.
"""

import logging
import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from domains.models import DmarcReport, DmarcSource, Domain, TlsReport
from domains.names import organisational
from domains.records import DMARC_BOX, TLS_BOX
from transactional.wire import dmarc_report, tls_report
from transactional.wire.dmarc_report import ReportError
from transactional.wire.mime import MimeError
from transactional.wire.parts import Part, normalise_eol, scan
from transactional.wire.unpack import UnpackError, unpack

logger = logging.getLogger(__name__)

PER_DAY = 1_000  # reports of a kind about one domain: all large receivers together send a tenth
SOURCES = 2_000  # kept of one report, the largest first
AHEAD = timedelta(days=2)  # a report about later than now is forged or its clock is wrong
STALE = timedelta(days=60)
_BOX = re.compile(rf"({DMARC_BOX}|{TLS_BOX})@b(\d{{1,18}})\.([a-z0-9.\-]{{3,240}})")


@dataclass(frozen=True, slots=True)
class Box:
    """A mailbox that our DMARC and TLS-RPT records name: what it takes, and about which domain."""

    kind: str
    account_id: int
    domain: str


def box_of(address: str) -> Box | None:
    """The box that an address may be; whether the domain is ours is for `owner` to say."""
    found = _BOX.fullmatch(address.lower())
    return Box(found[1], int(found[2]), found[3]) if found else None


def owner(box: Box) -> Domain | None:
    """The domain whose box it is."""
    return Domain.objects.of(box.account_id).filter(name=box.domain).first()


def take(data: bytes, box: Box) -> str:
    """Keep the report in one message; a word for the count of what it was. Raises what the database
    raises: then nothing was kept.
    """
    domain = owner(box)
    if domain is None:
        return "report about nobody"
    try:
        document = _document(data)
        if document is None:
            return "no report"
        if box.kind == TLS_BOX:
            return _keep_tls(tls_report.read_tls_report(document), domain)
        return _keep_dmarc(dmarc_report.read_dmarc_report(document), domain)
    except (UnpackError, ReportError, MimeError) as err:
        logger.info("report about %s refused: %s", domain.name, err.code)
        return f"report refused: {err.code}"


def _document(data: bytes) -> bytes | None:
    """The first part that looks like a report, unpacked; told by its octets, not by its label."""
    for part in scan(normalise_eol(data), lenient=True).leaves():
        found = _looks_like_one(part)
        if found is not None:
            return unpack(found)
    return None


def _looks_like_one(part: Part) -> bytes | None:
    body = part.decoded() or b""
    if body.startswith((b"\x1f\x8b", b"PK\x03\x04")):
        return body
    start = body[:200].lstrip(b"\xef\xbb\xbf\r\n\t ")
    if part.media_type in ("text/html", "text/plain") and not part.is_attachment:
        start = b""
    return body.strip() if start.startswith((b"<?xml", b"<feedback", b"{")) else None


def _keep_dmarc(found: dmarc_report.DmarcReport, domain: Domain) -> str:
    now = timezone.now()
    if organisational(found.domain) != organisational(domain.name):
        return "report about another domain"
    if word := _out_of_time(found.begin, found.end, now):
        return word
    sums: Counter[dmarc_report.Row] = Counter()
    for row in found.rows:
        sums[replace(row, count=0)] += row.count
    # Our moment of a report is its middle: days begin at other hours elsewhere
    day = (found.begin + (found.end - found.begin) / 2).date()
    with transaction.atomic():
        if _too_many(DmarcReport, domain, now):
            return "too many reports"
        report, new = DmarcReport.objects.get_or_create(
            domain=domain,
            reporter=found.reporter,
            report_id=found.report_id,
            defaults={
                "account_id": domain.account_id,
                "begin": found.begin,
                "end": found.end,
                "policy": found.policy,
                "messages": min(sum(sums.values()), dmarc_report.COUNT_LIMIT),
            },
        )
        if not new:
            return "report again"
        DmarcSource.objects.bulk_create(
            [_source(report, day, row, count) for row, count in sums.most_common(SOURCES)]
        )
    return "DMARC report"


def _source(report: DmarcReport, day: date, row: dmarc_report.Row, count: int) -> DmarcSource:
    return DmarcSource(
        report=report,
        domain_id=report.domain_id,
        day=day,
        ip=row.ip,
        count=min(count, dmarc_report.COUNT_LIMIT),
        dkim=row.dkim,
        spf=row.spf,
        disposition=row.disposition,
        header_from=row.header_from,
        dkim_domain=row.dkim_domain,
        spf_domain=row.spf_domain,
        override=row.override,
    )


def _keep_tls(found: tls_report.TlsReport, domain: Domain) -> str:
    now = timezone.now()
    if word := _out_of_time(found.begin, found.end, now):
        return word
    about = [one for one in found.policies if _is_about(one.domain, domain)]
    if not about:
        return "report about another domain"
    details = [
        {"result": d.result_type, "count": d.count, "mx": d.mx, "ip": d.sending_ip, "why": d.reason}
        for one in about
        for d in one.details
    ]
    with transaction.atomic():
        if _too_many(TlsReport, domain, now):
            return "too many reports"
        _, new = TlsReport.objects.get_or_create(
            domain=domain,
            reporter=found.reporter,
            report_id=found.report_id,
            defaults={
                "account_id": domain.account_id,
                "begin": found.begin,
                "end": found.end,
                "successes": min(sum(o.successes for o in about), dmarc_report.COUNT_LIMIT),
                "failures": min(sum(o.failures for o in about), dmarc_report.COUNT_LIMIT),
                "details": details[: tls_report.DETAILS],
            },
        )
    return "TLS report" if new else "report again"


def _is_about(name: str, domain: Domain) -> bool:
    return bool(name) and organisational(name) == organisational(domain.name)


def _out_of_time(begin: datetime, end: datetime, now: datetime) -> str:
    if end > now + AHEAD:
        return "report about the future"
    return "stale" if begin < now - STALE else ""


def _too_many(model: type[DmarcReport] | type[TlsReport], domain: Domain, now: datetime) -> bool:
    """A flood of forged reports costs its bytes and no more rows."""
    since = now - timedelta(days=1)
    rows = model._default_manager.filter(domain=domain, received_at__gte=since)
    return rows.count() >= PER_DAY
