"""What is wrong with a published DKIM key (RFC 6376 §3.6.1, RFC 8301, RFC 8463 §4)."""

import base64
import binascii
from itertools import permutations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from domains.diagnose.pasting import pasting_fault, squeeze, tags
from domains.findings import OK, WRONG, Finding, Seen, of
from domains.records import Record

BITS = 2048  # shorter keys are refused by large receivers
PIECES = 3  # records that one value may have been spread over


def judge(record: Record, seen: Seen) -> Finding:
    """The finding for a selector's TXT records."""
    found = seen.answer.records
    wanted = tags(record.value) or {}
    read = [tags(value) for value in found]
    matching = [t for t in read if t and squeeze(t.get("p", "")) == wanted["p"]]
    fault = _spread(record, found) or pasting_fault(record, seen, found)
    if fault:
        return fault
    if not matching:
        return _other(record, seen, wanted, read)
    if len(found) > 1:
        return of(record, WRONG, "several_records", found, count=str(len(found)))
    return _tags(record, found, matching[0], wanted["k"])


def _tags(record: Record, found: tuple[str, ...], key: dict[str, str], kind: str) -> Finding:
    """The tags around the right key."""
    if key.get("k", "rsa") != kind:
        return of(record, WRONG, "wrong_key_type", found, wanted=kind)
    if key.get("v", "DKIM1") != "DKIM1":
        return of(record, WRONG, "wrong_version", found)
    if "h" in key and "sha256" not in _listed(key["h"]):
        return of(record, WRONG, "no_sha256", found)
    if "s" in key and not {"*", "email"} & _listed(key["s"]):
        return of(record, WRONG, "not_for_mail", found)
    return of(record, OK, "ok", found)


def _listed(text: str) -> set[str]:
    return {part.strip().lower() for part in text.split(":")}


def _spread(record: Record, found: tuple[str, ...]) -> Finding | None:
    """A value that was split into records, where one record of several strings was meant."""
    if not 1 < len(found) <= PIECES:
        return None
    whole = squeeze(record.value)
    if any(squeeze("".join(order).replace('"', "")) == whole for order in permutations(found)):
        return of(record, WRONG, "split_in_records", found)
    return None


def _other(
    record: Record, seen: Seen, wanted: dict[str, str], read: list[dict[str, str] | None]
) -> Finding:
    """What is there instead of the key."""
    found = seen.answer.records
    first = next((t for t in read if t and "p" in t), None)
    if first is None:
        tried = any(t and {"v", "k"} & set(t) for t in read)
        return of(record, WRONG, "no_p" if tried else "not_a_key", found)
    key = squeeze(first["p"])
    if not key:
        return of(record, WRONG, "revoked", found)
    if wanted["p"].startswith(key):
        return of(record, WRONG, "cut_off", found)
    if first.get("k", "rsa") != "rsa":
        return of(record, WRONG, "other_key", found)
    bits = _bits(key)
    if bits == 0:
        return of(record, WRONG, "bad_key", found)
    if bits < BITS:
        return of(record, WRONG, "short_key", found, bits=str(bits))
    return of(record, WRONG, "other_key", found)


def _bits(text: str) -> int:
    """The length of an RSA key; 0 of what is none."""
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        return 0
    return key.key_size if isinstance(key, RSAPublicKey) else 0
