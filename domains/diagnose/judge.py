"""The finding for a record: first what every type shares, then the judge of its purpose."""

from collections.abc import Callable

from domains import dns
from domains.diagnose import dkim, dmarc, hosts, pasting, spf, tls_reports
from domains.findings import MISSING, OK, UNKNOWN, WRONG, Finding, Seen, of
from domains.records import Record

_JUDGES: dict[str, Callable[[Record, Seen], Finding]] = {
    "dkim": dkim.judge,
    "delegation": hosts.judge_delegation,
    "return_path": hosts.judge_mx,
    "spf": spf.judge,
    "dmarc": dmarc.judge,
    "tls_reports": tls_reports.judge,
}


def judge(record: Record, seen: Seen) -> Finding:
    """The finding for a record from what was seen."""
    finding = _judged(record, seen)
    if not record.ours or finding.status == OK:
        return finding
    absent = seen.answer.status in (dns.NODATA, dns.NXDOMAIN)
    code = "ours_awaits" if absent else "ours_lags"
    return of(record, UNKNOWN, code, seen.answer.records, target=record.host)


def _judged(record: Record, seen: Seen) -> Finding:
    status = seen.answer.status
    if status in (dns.TIMEOUT, dns.SERVFAIL):
        return _unanswered(record, seen)
    if status != dns.OK:
        return _absent(record, seen)
    found = seen.answer.records
    if record.type != "CNAME" and seen.alias and seen.answer.owner == record.host.lower():
        return of(record, WRONG, "cname_beside", found, alias=seen.alias)
    judge_it = hosts.judge_alias if record.type == "CNAME" else _JUDGES[record.purpose]
    finding = judge_it(record, seen)
    if finding.status == WRONG and seen.wildcard:
        return of(record, WRONG, "wildcard", found, parent=record.host.partition(".")[2])
    return finding


def _unanswered(record: Record, seen: Seen) -> Finding:
    """Why nobody answers. A fault of the name servers decides nothing about the record."""
    if seen.looped:
        return of(record, UNKNOWN, "alias_loop")
    if seen.silent:
        return of(record, UNKNOWN, "lame", servers=", ".join(seen.silent))
    if seen.bogus:
        return of(record, UNKNOWN, "dnssec")
    return of(record, UNKNOWN, seen.answer.status)


def _absent(record: Record, seen: Seen) -> Finding:
    """Why a record may not be where it should."""
    direct = hosts.judge_direct(record, seen)
    if direct:
        return direct
    if seen.doubled:
        return of(record, WRONG, "suffix_doubled", seen.doubled)
    for place, values in seen.elsewhere.items():
        mine = [v for v in values if pasting.squeeze(v)[:8] == pasting.squeeze(record.value)[:8]]
        if mine:
            return of(record, WRONG, "wrong_place", tuple(mine), place=place)
    if seen.alias and record.type != "CNAME":
        code = "alias_dangling" if seen.dangling else "cname_instead"
        return of(record, WRONG, code, (seen.alias,), alias=seen.alias)
    if seen.delegated:
        return of(record, MISSING, "delegated", servers=", ".join(seen.delegated[:3]))
    if record.type == "CNAME" and seen.addresses:
        return of(record, WRONG, "proxied", seen.addresses, wanted=record.value)
    if record.type == "MX" and seen.answer.status == dns.NODATA:
        return of(record, MISSING, "mx_missing")
    return of(record, MISSING, "missing")
