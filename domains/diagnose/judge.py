"""The finding for a record: first what every type shares, then the judge of its purpose."""

from collections.abc import Callable

from domains import dns
from domains.diagnose import dkim, dmarc, hosts, spf
from domains.findings import MISSING, UNKNOWN, WRONG, Finding, Seen, of
from domains.records import Record

_JUDGES: dict[str, Callable[[Record, Seen], Finding]] = {
    "dkim": dkim.judge,
    "return_path": hosts.judge_mx,
    "spf": spf.judge,
    "dmarc": dmarc.judge,
    "tracking": hosts.judge_alias,
}


def judge(record: Record, seen: Seen) -> Finding:
    """The finding for a record from what was seen."""
    status = seen.answer.status
    if status == dns.TIMEOUT:
        return of(record, UNKNOWN, "timeout")
    if status == dns.SERVFAIL:
        return of(record, UNKNOWN, "servfail")
    if status != dns.OK:
        return _absent(record, seen)
    return _JUDGES[record.purpose](record, seen)


def _absent(record: Record, seen: Seen) -> Finding:
    """Why a record may not be where it should."""
    if seen.doubled:
        return of(record, WRONG, "suffix_doubled", seen.doubled)
    if seen.alias and record.type != "CNAME":
        return of(record, WRONG, "cname_instead", (seen.alias,), alias=seen.alias)
    return of(record, MISSING, "missing")
