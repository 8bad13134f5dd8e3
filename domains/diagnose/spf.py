"""What is wrong with an SPF record: how it is written, then what receivers make of it (RFC 7208)."""

import re

from domains.diagnose.pasting import pasting_fault
from domains.findings import OK, UNKNOWN, WRONG, Finding, Seen, of
from domains.records import Record
from domains.spf import PASSED, PERMERROR, TEMPERROR, Verdict

# What the evaluator says of a permerror, and the code of the finding
PROBLEMS = (
    ("Too many DNS lookups", "too_many_lookups"),
    ("More than 10 MX", "too_many_hosts"),
    ("Void lookup limit", "void_lookups"),
    ("No valid SPF record for included", "include_missing"),
    ("redirect domain has no SPF", "redirect_missing"),
    ("Two or more type TXT", "two_spf_below"),
    ("include has trivial recursion", "spf_loop"),
)
NOBODY = ""  # the verdict on an IP that is nobody's


def judge(record: Record, seen: Seen) -> Finding:
    """The finding for the TXT records of a return-path host."""
    found = seen.answer.records
    policies = tuple(v for v in found if re.match(r"v=spf1(\s|$)", v, re.IGNORECASE))
    if len(policies) > 1:
        return of(record, WRONG, "two_spf", found, count=str(len(policies)))
    fault = pasting_fault(record, seen, policies or found)
    if fault:
        return fault
    if not policies:
        old = any(re.match(r"(v=)?spf2|v=spf1\S", v, re.IGNORECASE) for v in found)
        return of(record, WRONG, "spf_version" if old else "no_spf", found)
    return _evaluated(record, found, seen)


def _evaluated(record: Record, found: tuple[str, ...], seen: Seen) -> Finding:
    """The finding from the verdicts: an error, an open door, an IP that does not pass."""
    verdicts = seen.verdicts
    if verdicts.get(NOBODY, Verdict("")).result == PASSED:
        return of(record, WRONG, "open_spf", found)
    mine = {address: verdict for address, verdict in verdicts.items() if address != NOBODY}
    for verdict in mine.values():
        if verdict.result == PERMERROR:
            code = problem_code(verdict)
            return of(record, WRONG, code, found, term=verdict.term, problem=verdict.problem)
    for verdict in mine.values():
        if verdict.result == TEMPERROR:
            return of(record, UNKNOWN, "spf_unanswered", found, problem=verdict.problem)
    refused = [address for address, verdict in mine.items() if verdict.result != PASSED]
    missed = [address for address in refused if address not in record.later]
    if missed:
        return of(record, WRONG, "ip_not_covered", found, addresses=", ".join(missed))
    if refused:
        return of(record, OK, "ip_waits", found, addresses=", ".join(refused))
    return of(record, OK, "ok", found)


def problem_code(verdict: Verdict) -> str:
    """The code for an error in a policy."""
    known = (code for start, code in PROBLEMS if verdict.problem.startswith(start))
    return next(known, "spf_syntax")
