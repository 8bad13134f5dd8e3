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
    # Beside a policy other text is legal
    fault = pasting_fault(record, seen, tuple(policies) or found)
    if fault:
        return fault
    if not policies:
        tried = any("dmarc1" in value.lower() for value in found)
        return of(record, WRONG, "dmarc_syntax" if tried else "not_dmarc", found)
    read = tags(policies[0])
    if read is None or next(iter(read)) != "v":
        return of(record, WRONG, "dmarc_syntax", found)
    return (
        of(record, OK, "ok", found) if not (code := _tags(read)) else of(record, WRONG, code, found)
    )


def _tags(read: dict[str, str]) -> str:
    """The code of what is wrong with the tags; empty where nothing is."""
    if read["v"] != "DMARC1":
        return "dmarc_version" if read["v"].upper() == "DMARC1" else "dmarc_syntax"
    if "p" not in read:
        return "dmarc_no_policy"
    if read["p"].lower() not in POLICIES:
        return "dmarc_policy"
    return "" if read.get("sp", "none").lower() in POLICIES else "dmarc_sp"
