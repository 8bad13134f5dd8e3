"""What the pages show of findings: records with what was found, words and colours of states."""

import hashlib
import json
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from domains import records
from domains.dkim import rotation
from domains.dkim.importing import ADVISED_RSA
from domains.findings import MISSING, OK, UNKNOWN, WRONG, sentence_of
from domains.models import DkimKey, Domain, DomainState, EgressSource, KeyState, SourceState
from domains.records import Record
from domains.standing import drifting

STOP_POLLING = 286  # htmx: swap, and ask no more

PURPOSES: dict[str, Promise] = {
    "dkim": _("DKIM: signs your mail"),
    "delegation": _("DKIM: leads to our DNS"),
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

_KEY_STATES: dict[str, tuple[str, Promise]] = {
    KeyState.ACTIVE: ("ok", _("Signs")),
    KeyState.NEXT: ("warn", _("Next")),
    KeyState.RETIRING: ("mute", _("Retiring")),
    KeyState.RETIRED: ("mute", _("Revoked")),
}
_ROLES: dict[str, Promise] = {
    KeyState.NEXT: _("Next key"),
    KeyState.RETIRING: _("Retiring key"),
}
REVOKED_SHOWN = 4
AT_FIRST, LATER_ON = 600, 30  # seconds: somebody waits; then whoever left the page open


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
    tag: Promise | str = ""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A DKIM key: what it is, what it does and since when."""

    key: DkimKey
    kind: str
    pill: Pill
    since: datetime
    until: datetime | None  # when a retiring key is revoked
    short: bool


def key_rows(domain: Domain) -> list[KeyRow]:
    """The domain's keys, what signs first; of the revoked ones the last few."""
    rows = list(records.living(domain))
    gone = domain.dkim_keys.filter(state=KeyState.RETIRED).order_by("-retired_at", "-pk")
    return [_key_row(key) for key in (*rows, *gone[:REVOKED_SHOWN])]


def _key_row(key: DkimKey) -> KeyRow:
    retiring = key.state == KeyState.RETIRING
    return KeyRow(
        key=key,
        kind=f"RSA-{key.bits}" if key.algorithm == "rsa" else "Ed25519",
        pill=Pill(*_KEY_STATES[key.state]),
        since=getattr(key, f"{key.state}_at", None) or key.created_at,
        until=rotation.retires_at(key) if retiring else None,
        short=key.algorithm == "rsa" and key.bits < ADVISED_RSA,
    )


def every(request: HttpRequest, *, at_first: int) -> tuple[int, int]:
    """Since when (in seconds) a page has been open, and after how many seconds it asks again."""
    text, now = request.GET.get("since", ""), int(time.time())
    since = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else now
    return since, at_first if now - since < AT_FIRST else LATER_ON


def mark(row: Domain | EgressSource) -> str:
    """Changes when what a page shows changes; equal marks spare an open page a swap, which would
    take the reader's focus and selection away.
    """
    # The time that caches keep an answer runs down by itself
    found = [{k: v for k, v in finding.items() if k != "ttl"} for finding in row.findings]
    keys: list[object] = []
    if isinstance(row, Domain):
        seen = row.dkim_keys.order_by("pk").values_list("pk", "state", "published")
        keys = [row.dns_mode, row.rotation_asked_at is None, *map(list, seen)]
    shown = json.dumps([row.state, row.checked_at is None, found, keys], sort_keys=True)
    return hashlib.blake2b(shown.encode(), digest_size=8).hexdigest()


def state_pill(row: Domain | EgressSource) -> Pill:
    """The state of a domain or an IP."""
    if isinstance(row, Domain) and row.state == DomainState.VERIFIED and drifting(row):
        return Pill("warn", _("Verified, a record broke"))
    return Pill(*_STATES[row.state])


def state_words(state: str) -> Promise:
    """A state in words."""
    return _STATES[state][1]


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
        tag=_tag(record),
        minutes=0 if status in ("", OK) else -(-finding.get("ttl", 0) // 60),
    )


def _tag(record: Record | None) -> Promise | str:
    """What sets a record apart from the others of its kind."""
    if record is None:
        return ""
    return _ROLES.get(record.role, "") or (_("Optional") if not record.required else "")
