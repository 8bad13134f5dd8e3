"""Reads and writes reports about TLS (RFC 8460 §4): JSON, from anybody and so from anyone."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from transactional.wire.cte import encode_base64
from transactional.wire.dmarc_report import COUNT_LIMIT, LONGEST, ReportError
from transactional.wire.header import check_line

POLICIES, DETAILS = 50, 100  # read of a report, and of a policy
TEXT = 500
STS, TLSA, NO_POLICY = "sts", "tlsa", "no-policy-found"
# RFC 8460 §4.3
RESULT_TYPES = frozenset(
    {
        "starttls-not-supported", "certificate-host-mismatch", "certificate-expired",
        "certificate-not-trusted", "validation-failure", "tlsa-invalid", "dnssec-invalid",
        "dane-required", "sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """Sessions that failed alike. `mx` is the receiving host, `sending_ip` the one that tried."""

    result_type: str
    count: int
    mx: str = ""
    sending_ip: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """What came of one policy of a domain. `strings` is the policy as it was found."""

    type: str
    domain: str
    successes: int
    failures: int
    details: tuple[Failure, ...] = ()
    strings: tuple[str, ...] = ()
    mx: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TlsReport:
    """One sender's account of its sessions with a domain's mail servers."""

    reporter: str
    report_id: str
    begin: datetime
    end: datetime
    contact: str = ""
    policies: tuple[PolicyResult, ...] = field(default=())


def read_tls_report(data: bytes) -> TlsReport:
    """The report in a JSON document. Raises ReportError for everything else."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as err:
        raise ReportError("json", f"The JSON cannot be read: {err}"[:200]) from err
    if not isinstance(found, dict) or not isinstance(found.get("policies"), list):
        raise ReportError("not-a-report", "The document is no report about TLS.")
    span = found.get("date-range")
    span = span if isinstance(span, dict) else {}
    begin, end = _moment(span.get("start-datetime")), _moment(span.get("end-datetime"))
    if not timedelta(0) <= end - begin <= LONGEST:
        raise ReportError("dates", "The report's dates make no sense.")
    report_id, reporter = _text(found.get("report-id"), 255), _text(found.get("organization-name"))
    if not report_id or not reporter:
        raise ReportError("incomplete", "The report lacks its id or its reporter.")
    policies = [_policy(one) for one in found["policies"][:POLICIES] if isinstance(one, dict)]
    return TlsReport(
        reporter=reporter[:255],
        report_id=report_id,
        begin=begin,
        end=end,
        contact=_text(found.get("contact-info"), 255),
        policies=tuple(policies),
    )


def _policy(found: dict[str, Any]) -> PolicyResult:
    policy, summary = found.get("policy"), found.get("summary")
    policy = policy if isinstance(policy, dict) else {}
    summary = summary if isinstance(summary, dict) else {}
    details = found.get("failure-details")
    details = details if isinstance(details, list) else []
    return PolicyResult(
        type=_text(policy.get("policy-type"), 20).lower(),
        domain=_text(policy.get("policy-domain"), 253).lower().rstrip("."),
        successes=_count(summary.get("total-successful-session-count")),
        failures=_count(summary.get("total-failure-session-count")),
        details=tuple(_failure(one) for one in details[:DETAILS] if isinstance(one, dict)),
    )


def _failure(found: dict[str, Any]) -> Failure:
    return Failure(
        result_type=_text(found.get("result-type"), 40).lower(),
        count=_count(found.get("failed-session-count")),
        mx=_text(found.get("receiving-mx-hostname"), 253).lower(),
        sending_ip=_text(found.get("sending-mta-ip"), 45),
        reason=_text(found.get("failure-reason-code") or found.get("additional-information")),
    )


def write_tls_report(report: TlsReport) -> bytes:
    """The JSON document of a report of ours."""
    policies = []
    for one in report.policies:
        policy: dict[str, Any] = {"policy-type": one.type, "policy-domain": one.domain}
        if one.strings:
            policy["policy-string"] = list(one.strings)
        if one.mx:
            policy["mx-host"] = list(one.mx)
        written: dict[str, Any] = {
            "policy": policy,
            "summary": {
                "total-successful-session-count": one.successes,
                "total-failure-session-count": one.failures,
            },
        }
        if one.details:
            written["failure-details"] = [_written(detail) for detail in one.details]
        policies.append(written)
    document = {
        "organization-name": report.reporter,
        "date-range": {
            "start-datetime": report.begin.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "end-datetime": report.end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
        "contact-info": report.contact,
        "report-id": report.report_id,
        "policies": policies,
    }
    return json.dumps(document, indent=1).encode()


def build_mail(
    headers: Sequence[tuple[str, bytes]], report: TlsReport, *, domain: str, boundary: str
) -> bytes:
    """A report of ours as mail (§5.3): a text for people, and the JSON as gzip. The same report
    always gives the same bytes.
    """
    submitter = report.contact.rpartition("@")[2]
    own = [
        ("TLS-Report-Domain", domain.encode()),
        ("TLS-Report-Submitter", submitter.encode()),
    ]
    head = b"".join(check_line(name, value) for name, value in (*headers, *own))
    name = f"{submitter}!{domain}!{_epoch(report.begin)}!{_epoch(report.end)}!001.json.gz".encode()
    packed = gzip.compress(write_tls_report(report), mtime=0)
    text = b"This is a report about TLS (RFC 8460) on the way to %b." % domain.encode()
    return (
        head + b"MIME-Version: 1.0\r\n"
        b'Content-Type: multipart/report; report-type="tlsrpt";\r\n boundary="%b"\r\n\r\n'
        b"--%b\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n%b\r\n"
        b"--%b\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: attachment; filename="%b"\r\n\r\n%b\r\n--%b--\r\n'
        % ((mark := boundary.encode()), mark, text, mark, name, encode_base64(packed), mark)
    )


def _epoch(moment: datetime) -> int:
    return int(moment.timestamp())


def _written(detail: Failure) -> dict[str, Any]:
    written = {
        "result-type": detail.result_type,
        "sending-mta-ip": detail.sending_ip,
        "receiving-mx-hostname": detail.mx,
        "failed-session-count": detail.count,
        "failure-reason-code": detail.reason,
    }
    return {name: value for name, value in written.items() if value != ""}


def _text(value: object, most: int = TEXT) -> str:
    if not isinstance(value, str):
        return ""
    return "".join(c for c in value[: most * 2] if c.isprintable()).strip()[:most]


def _count(value: object) -> int:
    ok = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= COUNT_LIMIT
    return int(value) if ok else 0  # type: ignore[call-overload]  # an int, as just seen


def _moment(value: object) -> datetime:
    try:
        found = datetime.fromisoformat(str(value)[:40])
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as err:
        raise ReportError("dates", "The report's dates cannot be read.") from err
