"""What is wrong with a TLS reporting record (RFC 8460 §3)."""

import re

from domains.diagnose.pasting import pasting_fault, tags
from domains.findings import OK, WRONG, Finding, Seen, of
from domains.records import Record


def judge(record: Record, seen: Seen) -> Finding:
    """The finding for the TXT records of a _smtp._tls label. Somebody else may read the reports."""
    found = seen.answer.records
    policies = [v for v in found if re.match(r"\s*v\s*=\s*TLSRPTv1", v, re.IGNORECASE)]
    if len(policies) > 1:
        return of(record, WRONG, "two_tls_reports", found)
    fault = pasting_fault(record, seen, tuple(policies) or found)
    if fault:
        return fault
    read = tags(policies[0]) if policies else None
    if not read or read.get("v") != "TLSRPTv1" or not read.get("rua"):
        return of(record, WRONG, "not_tls_reports", found)
    return of(record, OK, "ok", found)
