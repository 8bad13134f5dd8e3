"""Faults that any TXT value can have: how it was pasted. Tag lists (RFC 6376 §3.2)."""

import re

from domains.findings import WRONG, Finding, Seen, of
from domains.records import Record

# Typographic quotes, dashes, blanks of no width, and what stands for octets that are no text
STRANGE = re.compile(
    "[\u00a0\u00ad\u200b-\u200f\u2010-\u201f\u2039\u203a\u2060\ufeff\ufffd\u00ab\u00bb]"
)


def squeeze(value: str) -> str:
    """A value without the blanks and final semicolon that mean nothing in it."""
    return re.sub(r"\s+", "", value).rstrip(";")


def tags(value: str) -> dict[str, str] | None:
    """A tag=value list; None where it is not one."""
    found: dict[str, str] = {}
    for part in value.split(";"):
        if not part.strip():
            continue
        name, equals, text = part.partition("=")
        if not equals or name.strip().lower() in found:
            return None
        found[name.strip().lower()] = text.strip()
    return found


def pasting_fault(record: Record, seen: Seen, found: tuple[str, ...]) -> Finding | None:
    """The first such fault among the values found."""
    faults = (_fault(record, seen, value) for value in found)
    return next((fault for fault in faults if fault), None)


def _fault(record: Record, seen: Seen, found: str) -> Finding | None:
    wanted, plain = squeeze(record.value), squeeze(found)
    if plain == wanted:
        return None
    code = _spelling(found, wanted)
    if code:
        return of(record, WRONG, code, (found,))
    for value, host in seen.others.items():
        if plain == squeeze(value):
            return of(record, WRONG, "value_of_other", (found,), other=host)
    return None


def _spelling(found: str, wanted: str) -> str:
    """How the wanted value was spoilt, as a code; empty where it is another value altogether."""
    plain = squeeze(found)
    bare = squeeze(found.replace('\\"', "").replace('"', ""))
    if '"' in found and bare == wanted:
        return "split_wrong" if '"' in found.strip().strip('"') else "quotes_included"
    if bare and not bare.replace(wanted, ""):
        return "pasted_twice"
    if squeeze(found.replace("\\", "")) == wanted:
        return "backslashes"
    if squeeze(STRANGE.sub("", found)) == wanted:
        return "odd_characters"
    if wanted.startswith("v=DKIM1") and plain.lower() == wanted.lower():
        return "case_changed"
    return "extra_text" if bare.find(wanted) > 0 else ""
