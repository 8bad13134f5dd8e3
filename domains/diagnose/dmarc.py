"""What is wrong with a DMARC record (RFC 7489 §6.3)."""

import re

from domains.diagnose.pasting import pasting_fault, tags
from domains.findings import OK, WRONG, Finding, Seen, of
from domains.records import Record

POLICIES = ("none", "quarantine", "reject")


def judge(record: Record, seen: Seen) -> Finding:
    """The finding for the TXT records of a _dmarc label."""
    found = seen.answer.records
    policies = [v for v in found if re.match(r"\s*v\s*=\s*DMARC1", v, re.IGNORECASE)]
    if len(policies) > 1:
        return of(record, WRONG, "two_dmarc", found)
    fault = pasting_fault(record, found)
    if fault:
        return fault
    if not policies:
        tried = any("dmarc1" in value.lower() for value in found)
        return of(record, WRONG, "dmarc_syntax" if tried else "not_dmarc", found)
    read = tags(policies[0])
    if read is None or next(iter(read.items())) != ("v", "DMARC1"):
        return of(record, WRONG, "dmarc_syntax", found)
    if read.get("p", "").lower() not in POLICIES:
        return of(record, WRONG, "dmarc_policy", found)
    return of(record, OK, "ok", found)
