"""What is wrong with a published DKIM key (RFC 6376 §3.6.1, RFC 8463 §4)."""

from domains.diagnose.pasting import pasting_fault, squeeze, tags
from domains.findings import OK, WRONG, Finding, Seen, of
from domains.records import Record


def judge(record: Record, seen: Seen) -> Finding:
    """The finding for a selector's TXT records."""
    found = seen.answer.records
    wanted = tags(record.value) or {}
    read = [tags(value) for value in found]
    matching = [t for t in read if t and squeeze(t.get("p", "")) == wanted["p"]]
    if not matching:
        return pasting_fault(record, found) or _another(record, found, wanted, read)
    if len(found) > 1:
        return of(record, WRONG, "several_records", found, count=str(len(found)))
    if matching[0].get("k", "rsa") != wanted["k"]:
        return of(record, WRONG, "wrong_key_type", found, wanted=wanted["k"])
    if matching[0].get("v", "DKIM1") != "DKIM1":
        return of(record, WRONG, "wrong_version", found)
    return of(record, OK, "ok", found)


def _another(
    record: Record,
    found: tuple[str, ...],
    wanted: dict[str, str],
    read: list[dict[str, str] | None],
) -> Finding:
    """What is there instead of the key."""
    first = next((t for t in read if t and "p" in t), None)
    if first is None:
        return of(record, WRONG, "not_a_key", found)
    key = squeeze(first["p"])
    if not key:
        return of(record, WRONG, "revoked", found)
    if wanted["p"].startswith(key):
        return of(record, WRONG, "cut_off", found)
    return of(record, WRONG, "other_key", found)
