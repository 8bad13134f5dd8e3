"""What is wrong with where a host leads: the MX of a return path, the alias of a tracking host."""

import ipaddress

from domains.findings import OK, WRONG, Finding, Seen, of
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
    """The finding for the CNAME of a tracking host."""
    found = seen.answer.records
    wanted = record.value.lower()
    if wanted in found:
        return of(record, OK, "ok", found)
    suffixed = any(_is_suffixed(target, wanted, record) for target in found)
    said = {"hosts": ", ".join(found[:3]), "wanted": wanted}
    return of(record, WRONG, "cname_suffix" if suffixed else "wrong_cname", found, **said)


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
