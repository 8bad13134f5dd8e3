"""What is wrong with where a host leads: the MX of a return path, the alias of a tracking host."""

from domains.findings import OK, WRONG, Finding, Seen, of
from domains.records import Record


def judge_mx(record: Record, seen: Seen) -> Finding:
    """The finding for the MX records of a return-path host."""
    found = seen.answer.records
    wanted = record.value.split()[1].lower()
    hosts = [value.split()[1] for value in found]
    if wanted not in hosts:
        shown = ", ".join(hosts[:3])
        return of(record, WRONG, "wrong_mx", found, hosts=shown, wanted=wanted)
    if len(set(hosts)) > 1:
        return of(record, WRONG, "more_mx", found, wanted=wanted)
    return of(record, OK, "ok", found)


def judge_alias(record: Record, seen: Seen) -> Finding:
    """The finding for the CNAME of a tracking host."""
    found = seen.answer.records
    if record.value.lower() in found:
        return of(record, OK, "ok", found)
    shown = ", ".join(found[:3])
    return of(record, WRONG, "wrong_cname", found, hosts=shown, wanted=record.value)
