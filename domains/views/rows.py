"""What the pages show of findings: records with what was found, words and colours of states."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from domains import records
from domains.findings import MISSING, OK, UNKNOWN, WRONG, sentence_of
from domains.models import Domain, DomainState, EgressSource, SourceState
from domains.records import Record

STOP_POLLING = 286  # htmx: swap, and ask no more

PURPOSES: dict[str, Promise] = {
    "dkim": _("DKIM: signs your mail"),
    "return_path": _("Return path: bounces come back"),
    "spf": _("SPF: your IPs may send"),
    "dmarc": _("DMARC: what to do with forgeries"),
    "tracking": _("Tracking host: links in your name"),
    "tls_reports": _("TLS reports: who could not encrypt mail to you"),
    "range": _("Public address"),
    "ptr": _("Reverse record (PTR)"),
    "forward": _("Reverse record leads back"),
    "ehlo": _("EHLO name leads to the IP"),
    "generic": _("EHLO name is its own"),
    "bind": _("This host has the IP"),
}
_PILLS: dict[str, tuple[str, Promise]] = {
    OK: ("ok", _("Right")),
    MISSING: ("mute", _("Not found")),
    WRONG: ("bad", _("Wrong")),
    UNKNOWN: ("warn", _("No answer")),
    "": ("mute", _("Not checked yet")),
}
_STATES: dict[str, tuple[str, Promise]] = {
    DomainState.PENDING: ("warn", _("Waiting for DNS")),
    DomainState.VERIFIED: ("ok", _("Verified")),
    DomainState.BROKEN: ("bad", _("A record broke")),
    SourceState.READY: ("ok", _("Ready")),
    SourceState.WARMING: ("ok", _("Warming up")),
    SourceState.ACTIVE: ("ok", _("Active")),
    SourceState.PAUSED: ("mute", _("Paused")),
    SourceState.LISTED: ("bad", _("On a blocklist")),
}


@dataclass(frozen=True, slots=True)
class Pill:
    """A status: its colour and its word."""

    css: str
    word: Promise


@dataclass(frozen=True, slots=True)
class Row:
    """A record or property with what the last check found."""

    purpose: Promise
    record: Record | None
    host: str
    pill: Pill
    code: str
    found: tuple[str, ...]
    sentence: str
    minutes: int  # that resolvers may keep what was found


def mark(row: Domain | EgressSource) -> str:
    """Changes when what a page shows changes; equal marks spare an open page a swap, which would
    take the reader's focus and selection away.
    """
    # The time that caches keep an answer runs down by itself
    found = [{k: v for k, v in finding.items() if k != "ttl"} for finding in row.findings]
    shown = json.dumps([row.state, row.checked_at is None, found], sort_keys=True)
    return hashlib.blake2b(shown.encode(), digest_size=8).hexdigest()


def state_pill(row: Domain | EgressSource) -> Pill:
    """The state of a domain or an IP."""
    return Pill(*_STATES[row.state])


def domain_rows(domain: Domain) -> list[Row]:
    """The records a domain needs now, with the findings about them."""
    known = {(f["purpose"], f["host"]): f for f in domain.findings}
    return [
        _row(record.purpose, record.host, known.get((record.purpose, record.host), {}), record)
        for record in records.required(domain)
    ]


def source_rows(source: EgressSource) -> list[Row]:
    """The properties of an IP as the last check found them."""
    return [_row(f["purpose"], f["host"], f, None) for f in source.findings]


def _row(purpose: str, host: str, finding: dict[str, Any], record: Record | None) -> Row:
    status = finding.get("status", "")
    pill = Pill(*_PILLS[status])
    if status == WRONG and record is not None and not record.required:
        pill = Pill("warn", pill.word)
    return Row(
        purpose=PURPOSES[purpose],
        record=record,
        host=host,
        pill=pill,
        code=finding.get("code", ""),
        found=tuple(finding.get("found", ())),
        sentence=sentence_of(finding),
        minutes=0 if status in ("", OK) else -(-finding.get("ttl", 0) // 60),
    )
