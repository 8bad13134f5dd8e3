"""Faults that any TXT value can have: how it was pasted. Tag lists (RFC 6376 §3.2)."""

import re

from domains.findings import WRONG, Finding, of
from domains.records import Record


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


def pasting_fault(record: Record, found: tuple[str, ...]) -> Finding | None:
    """The first such fault among the values found."""
    faults = (_fault(record, value) for value in found)
    return next((fault for fault in faults if fault), None)


def _fault(record: Record, found: str) -> Finding | None:
    wanted = squeeze(record.value)
    bare = squeeze(found.replace('\\"', "").replace('"', ""))
    if '"' in found and bare == wanted:
        return of(record, WRONG, "quotes_included", (found,))
    if squeeze(found) != wanted and len(wanted) > 8 and bare and not bare.replace(wanted, ""):
        return of(record, WRONG, "pasted_twice", (found,))
    return None
