"""Compare what DNS has with what a domain needs, and name the difference. Pure.

DKIM keys: RFC 6376 §3.6.1; SPF: RFC 7208; DMARC: RFC 7489 §6.3.
"""

import ipaddress
import re
from collections.abc import Callable

from domains import dns
from domains.findings import MISSING, OK, UNKNOWN, WRONG, Finding, Seen, of
from domains.records import Record

POLICIES = ("none", "quarantine", "reject")


def judge(record: Record, seen: Seen) -> Finding:
    """The finding for a record from what was seen."""
    answer = seen.answer
    if answer.status == dns.TIMEOUT:
        text = f"The name servers of {record.host} do not answer. We keep asking."
        return of(record, UNKNOWN, "timeout", text)
    if answer.status == dns.SERVFAIL:
        text = (
            f"The name servers of {record.host} answer with an error (SERVFAIL). Look at the "
            "domain's delegation and DNSSEC at your DNS provider."
        )
        return of(record, UNKNOWN, "servfail", text)
    if answer.status != dns.OK:
        return _absent(record, seen)
    return _JUDGES[record.purpose](record, answer.records)


def _absent(record: Record, seen: Seen) -> Finding:
    """Why a record may not be where it should."""
    if seen.doubled:
        text = (
            f"The record is at {record.host} with the domain added once more. Your DNS form adds "
            f"the domain by itself: enter only {record.short_host} as the host."
        )
        return of(record, WRONG, "suffix_doubled", text, seen.doubled)
    if seen.alias and record.type != "CNAME":
        text = (
            f"{record.host} is a CNAME to {seen.alias}, which has no such record. Delete the CNAME "
            f"and add the {record.type} record."
        )
        return of(record, WRONG, "cname_instead", text, (seen.alias,))
    text = f"Add this {record.type} record at your DNS provider. Nothing is published there yet."
    return of(record, MISSING, "missing", text)


def _text_fault(record: Record, found: str) -> Finding | None:
    """Faults of pasting that any TXT value can have."""
    squeezed = _squeeze(found)
    wanted = _squeeze(record.value)
    bare = _squeeze(found.replace('\\"', "").replace('"', ""))
    if '"' in found and bare == wanted:
        text = "The value holds quotation marks. Remove them: your DNS form adds its own."
        return of(record, WRONG, "quotes_included", text, (found,))
    if squeezed != wanted and len(wanted) > 8 and bare.replace(wanted, "") == "" and bare:
        text = "The value was pasted twice. Delete everything in the field and paste it once."
        return of(record, WRONG, "pasted_twice", text, (found,))
    return None


def _squeeze(value: str) -> str:
    return re.sub(r"\s+", "", value).rstrip(";")


def _first_fault(record: Record, found: tuple[str, ...]) -> Finding | None:
    faults = (_text_fault(record, value) for value in found)
    return next((fault for fault in faults if fault), None)


def tags(value: str) -> dict[str, str] | None:
    """A tag=value list (RFC 6376 §3.2); None where it is not one."""
    found: dict[str, str] = {}
    for part in value.split(";"):
        if not part.strip():
            continue
        name, equals, text = part.partition("=")
        if not equals or name.strip().lower() in found:
            return None
        found[name.strip().lower()] = text.strip()
    return found


def _dkim(record: Record, found: tuple[str, ...]) -> Finding:
    wanted = tags(record.value) or {}
    read = [tags(value) for value in found]
    matching = [t for t in read if t and _squeeze(t.get("p", "")) == wanted["p"]]
    if matching and len(found) > 1:
        text = (
            f"{record.host} has {len(found)} TXT records; receivers may read the wrong one. Keep "
            "only the one with the value shown here."
        )
        return of(record, WRONG, "several_records", text, found)
    if matching and matching[0].get("k", "rsa") == wanted["k"]:
        if matching[0].get("v", "DKIM1") == "DKIM1":
            return of(record, OK, "ok", found=found)
        text = "The value must start with v=DKIM1. Paste it again as shown."
        return of(record, WRONG, "wrong_version", text, found)
    if matching:
        text = f"The key's type must be k={wanted['k']}. Paste the value again as shown."
        return of(record, WRONG, "wrong_key_type", text, found)
    fault = _first_fault(record, found)
    if fault:
        return fault
    first = next((t for t in read if t and "p" in t), None)
    if first is None:
        text = "The value is not a DKIM key. Replace it by the value shown here."
        return of(record, WRONG, "not_a_key", text, found)
    key = _squeeze(first["p"])
    if not key:
        text = "The key is revoked here (p= is empty). Replace the value by the one shown here."
        return of(record, WRONG, "revoked", text, found)
    if wanted["p"].startswith(key):
        text = (
            "The key is cut off. Paste the whole value; if your DNS form takes 255 characters, "
            "split it into two quoted strings of one record."
        )
        return of(record, WRONG, "cut_off", text, found)
    text = "Another key is published at this selector. Replace it by the value shown here."
    return of(record, WRONG, "other_key", text, found)


def _spf(record: Record, found: tuple[str, ...]) -> Finding:
    policies = [value for value in found if re.match(r"v=spf1(\s|$)", value, re.IGNORECASE)]
    if len(policies) > 1:
        text = (
            f"{record.host} has {len(policies)} SPF records, so receivers ignore all of them "
            "(RFC 7208). Keep one."
        )
        return of(record, WRONG, "two_spf", text, found)
    fault = None if policies else _first_fault(record, found)
    if fault:
        return fault
    if not policies:
        text = "There is a TXT record, but none that starts with v=spf1. Add the value shown here."
        return of(record, WRONG, "no_spf", text, found)
    fault = _text_fault(record, policies[0])
    if fault:
        return fault
    terms = policies[0].lower().split()[1:]
    if {"+all", "all"} & set(terms):
        text = "This SPF record lets every computer send in your name. End it with -all."
        return of(record, WRONG, "open_spf", text, found)
    uncovered = uncovered_by(record.value, terms)
    missed = [address for address in uncovered if address not in record.later]
    if missed:
        text = f"The SPF record does not name {', '.join(missed)}. Use the value shown here."
        return of(record, WRONG, "ip_not_covered", text, found)
    if uncovered:
        text = f"Replace it by the value shown here, so that {', '.join(uncovered)} can be used."
        return of(record, OK, "ip_waits", text, found)
    return of(record, OK, "ok", found=found)


def uncovered_by(wanted: str, terms: list[str]) -> list[str]:
    """Addresses of the wanted policy that the published one's ip4 and ip6 terms do not pass."""
    nets = []
    for term in terms:
        kind, _, text = term.lstrip("+").partition(":")
        if kind in ("ip4", "ip6"):
            try:
                nets.append(ipaddress.ip_network(text, strict=False))
            except ValueError:
                continue
    addresses = [term.partition(":")[2] for term in wanted.split() if term.startswith("ip")]
    return [
        text
        for text in addresses
        if not any(
            (ip := ipaddress.ip_address(text)).version == net.version and ip in net for net in nets
        )
    ]


def _dmarc(record: Record, found: tuple[str, ...]) -> Finding:
    policies = [v for v in found if re.match(r"\s*v\s*=\s*DMARC1", v, re.IGNORECASE)]
    if len(policies) > 1:
        text = "There are several DMARC records, so receivers ignore all of them. Keep one."
        return of(record, WRONG, "two_dmarc", text, found)
    fault = _first_fault(record, found)
    if fault:
        return fault
    if not policies:
        text = "The record does not start with v=DMARC1. Replace it by the value shown here."
        return of(record, WRONG, "dmarc_syntax", text, found)
    read = tags(policies[0])
    if read is None or next(iter(read.items())) != ("v", "DMARC1"):
        text = (
            "The DMARC record cannot be read: it must be v=DMARC1 and then tags like p=none, each "
            "once, separated by semicolons."
        )
        return of(record, WRONG, "dmarc_syntax", text, found)
    if read.get("p", "").lower() not in POLICIES:
        text = "The DMARC policy must be p=none, p=quarantine or p=reject."
        return of(record, WRONG, "dmarc_policy", text, found)
    return of(record, OK, "ok", found=found)


def _return_path(record: Record, found: tuple[str, ...]) -> Finding:
    host = record.value.split()[1].lower()
    hosts = [value.split()[1] for value in found]
    if host not in hosts:
        text = f"Mail for {record.host} goes to {', '.join(hosts[:3])}; it must go to {host}."
        return of(record, WRONG, "wrong_mx", text, found)
    if len(set(hosts)) > 1:
        text = f"Other mail servers are listed beside {host}. Delete them: bounces would get lost."
        return of(record, WRONG, "more_mx", text, found)
    return of(record, OK, "ok", found=found)


def _tracking(record: Record, found: tuple[str, ...]) -> Finding:
    if record.value.lower() in found:
        return of(record, OK, "ok", found=found)
    text = f"{record.host} leads to {', '.join(found[:3])}. Let it lead to {record.value}."
    return of(record, WRONG, "wrong_cname", text, found)


_JUDGES: dict[str, Callable[[Record, tuple[str, ...]], Finding]] = {
    "dkim": _dkim,
    "return_path": _return_path,
    "spf": _spf,
    "dmarc": _dmarc,
    "tracking": _tracking,
}
