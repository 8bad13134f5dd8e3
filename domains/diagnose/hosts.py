"""What is wrong with where a host leads: an MX, an alias, a delegation."""

import ipaddress

from domains.diagnose import pasting
from domains.findings import OK, UNKNOWN, WRONG, Finding, Seen, of
from domains.records import Record


def judge_mx(record: Record, seen: Seen) -> Finding:
    """The finding for the MX records of a return-path host (RFC 5321 §5.1)."""
    found = seen.answer.records
    wanted = record.value.split()[1].lower()
    hosts = [value.partition(" ")[2] for value in found]
    if wanted in hosts:
        if len(set(hosts)) > 1:
            return of(record, WRONG, "more_mx", found, wanted=wanted)
        return of(record, OK, "ok", found)
    said = {"hosts": ", ".join(hosts[:3]), "wanted": wanted}
    return of(record, WRONG, _mx_code(record, seen, hosts, wanted), found, **said)


def _mx_code(record: Record, seen: Seen, hosts: list[str], wanted: str) -> str:
    """How the mail server that is named differs from the one that is wanted."""
    if all(host in ("", ".") for host in hosts):
        return "null_mx"
    if any(_is_suffixed(host, wanted, record) for host in hosts):
        return "mx_suffix"
    if any(_is_address(host) for host in hosts):
        return "mx_is_address"
    if wanted in seen.mx_aliases.values():
        return "mx_alias"
    return "wrong_mx"


def judge_alias(record: Record, seen: Seen) -> Finding:
    """The finding for the CNAME of a host: where it leads, then what is there."""
    found = seen.answer.records
    wanted = record.value.lower()
    if wanted in found:
        return _behind(record, seen)
    suffixed = any(_is_suffixed(target, wanted, record) for target in found)
    said = {"hosts": ", ".join(found[:3]), "wanted": wanted}
    return of(record, WRONG, "cname_suffix" if suffixed else "wrong_cname", found, **said)


def _behind(record: Record, seen: Seen) -> Finding:
    """A right alias, judged by what our own DNS answers there: that may lag, or be down."""
    found = seen.answer.records
    if not record.behind[0] or leads_to_right(record, seen):
        return of(record, OK, "ok", found)
    there = seen.behind.records if seen.behind else ()
    return of(record, UNKNOWN, "ours_lags", found + there[:1], target=record.value)


def leads_to_right(record: Record, seen: Seen) -> bool:
    """Whether the name has the very records that its alias is for, by whatever way."""
    kind, value = record.behind
    if seen.behind is None or not kind:
        return False
    wanted = pasting.squeeze(value)
    there = [pasting.squeeze(found) for found in seen.behind.records]
    if kind == "TXT":
        return wanted in there
    return there == [wanted.lower()]


def judge_direct(record: Record, seen: Seen) -> Finding | None:
    """The finding where a name has records of its own in place of the alias that is wanted."""
    there = seen.behind.records if seen.behind else ()
    if not there or record.type != "CNAME":
        return None
    if leads_to_right(record, seen):
        return of(record, OK, "direct", there, wanted=record.value)
    kind = record.behind[0]
    return of(record, WRONG, "other_instead", there, kind=kind, wanted=record.value)


def judge_delegation(record: Record, seen: Seen) -> Finding:
    """The finding for the name servers that the names below _domainkey are delegated to."""
    found = seen.answer.records
    wanted = record.value.lower()
    others = [server for server in found if server != wanted]
    said = {"hosts": ", ".join(others[:3]), "wanted": wanted}
    if wanted in found and not others:
        return of(record, OK, "ok", found)
    if wanted in found:
        return of(record, WRONG, "more_ns", found, **said)
    suffixed = any(_is_suffixed(server, wanted, record) for server in found)
    return of(record, WRONG, "ns_suffix" if suffixed else "wrong_ns", found, **said)


def _is_suffixed(name: str, wanted: str, record: Record) -> bool:
    """Whether a form took a full name for a short one, and added the domain or the host."""
    domain = record.host.removeprefix(f"{record.short_host}.")
    return name in (f"{wanted}.{domain}".lower(), f"{wanted}.{record.host}".lower())


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
