"""Reads what came back and says what it means; `effects` acts on it.

Whom a report is about is told by tokens that we signed, never by what the report claims
(RFC 3464 §4.1, RFC 5965 §8.2: reports are easily forged).
"""

import logging
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from functools import partial
from itertools import chain, islice

from django.utils import timezone

from config.ids import uuid7_time
from transactional import signing
from transactional.inbound import effects
from transactional.wire.arf import Feedback, parse_arf
from transactional.wire.header import RawHeader, split_headers, unfold
from transactional.wire.mime import MimeError
from transactional.wire.notice import Notice, read_notice
from transactional.wire.parts import normalise_eol, scan
from transactional.wire.report import REPORT_MAX

logger = logging.getLogger(__name__)

STALE = timedelta(days=30)  # a report this late is a replay, or of no use any more
OPT_OUT = frozenset({"opt-out", "opt-out-list"})  # its reader wants no more: no complaint
# Of other feedback those that are registered (RFC 5965 §7.3, RFC 6430, RFC 6591): the rest has one word
TYPES = frozenset({"auth-failure", "fraud", "not-spam", "other", "virus"})
TOKENS_TRIED = 200  # in all: stops a report full of false tokens from costing much
_VERP = re.compile(rb"\b[bB][A-Za-z2-7]{48}(?=@)")
_LINK = re.compile(rb"/(o|c|u)/([A-Za-z0-9_\-]{20,8000})")


def take(data: bytes, recipient_id: uuid.UUID | None) -> str:
    """Apply one message that came back; a word for the count of what it was.

    `recipient_id` is from the return-path it was sent to; None: the feedback address. Raises what
    the database raises: then nothing was applied.
    """
    feedback = parse_arf(data)
    if feedback is not None:
        return _complaint(data, feedback, recipient_id)
    if recipient_id is None:
        return "no report"
    notice = read_notice(data)
    if not notice.recipients:
        return "auto-reply" if notice.automatic else "no report"
    if _is_stale(recipient_id):
        return "stale"
    return _bounce(data, notice, recipient_id)


def _bounce(data: bytes, notice: Notice, recipient_id: uuid.UUID) -> str:
    """Our mail has one recipient each, so the worst of what a report says is about it."""
    failed = next((one for one in notice.recipients if one.action == "failed"), None)
    late = next((one for one in notice.recipients if one.action == "delayed"), None)
    if failed is not None:
        new = effects.bounced(
            recipient_id, status=failed.status, diagnostic=failed.diagnostic, text=notice.text
        )
        return "bounce" if new else "bounce again"
    if late is not None:
        new = effects.delayed(
            recipient_id,
            status=late.status,
            diagnostic=late.diagnostic,
            report_id=_first(_headers(data), "message-id"),
        )
        return "delay" if new else "delay again"
    return "notice of success"


def _complaint(data: bytes, feedback: Feedback, recipient_id: uuid.UUID | None) -> str:
    leaves = feedback.feedback_type in OPT_OUT
    if feedback.feedback_type != "abuse" and not leaves:
        kind = feedback.feedback_type
        return f"feedback {kind!r}" if kind in TYPES else "feedback of another type"
    who = recipient_id or _whose(data, feedback)
    if who is None:
        return "complaint without our token"
    if _is_stale(who):
        return "stale"
    if leaves:
        return "opt-out" if effects.opted_out(who) else "again"
    told = {"user_agent": feedback.user_agent[:200], "feedback_type": feedback.feedback_type}
    evidence = f"Feedback report by {feedback.user_agent[:200] or 'an unnamed reporter'}"
    return "complaint" if effects.complained(who, evidence=evidence, data=told) else "again"


def _whose(data: bytes, feedback: Feedback) -> uuid.UUID | None:
    """The recipient whose token the reported mail carries: its return-path, or one of its links."""
    stated = [feedback.original_mail_from.encode("utf-8", "replace")]
    stated += [unfold(header.value) for header in feedback.headers]
    for read in islice(_tokens(chain(stated, _texts(data))), TOKENS_TRIED):
        if (who := read()) is not None:
            return who
    return None


def _tokens(texts: Iterable[bytes]) -> Iterator[Callable[[], uuid.UUID | None]]:
    """What has the form of a token of ours, each with its reader."""
    for text in texts:
        for found in _VERP.finditer(text):
            yield partial(signing.read_verp, found[0].decode())
        for found in _LINK.finditer(text):
            yield partial(_behind_link, found[1], found[2].decode())


def _behind_link(kind: bytes, token: str) -> uuid.UUID | None:
    if kind == b"c":
        click = signing.read_click(token)
        return click.recipient_id if click else None
    return signing.read_open(token) if kind == b"o" else signing.read_unsubscribe(token)


def _texts(data: bytes) -> Iterator[bytes]:
    """Every text part of a report and of the mail in it, decoded."""
    try:
        clean = normalise_eol(data[:REPORT_MAX].replace(b"\0", b""))
        parts = scan(clean, into_messages=True, lenient=True).parts
    except MimeError:
        return
    for part in parts:
        if not part.is_container and part.media_type.startswith("text/"):
            yield part.decoded() or b""


def _is_stale(recipient_id: uuid.UUID) -> bool:
    return timezone.now() - uuid7_time(recipient_id) > STALE


def _headers(data: bytes) -> list[RawHeader]:
    head = data[:REPORT_MAX].partition(b"\r\n\r\n")[0]
    return split_headers(head + b"\r\n", strict=False)


def _first(headers: list[RawHeader], name: str) -> str:
    for header in headers:
        if header.name.lower() == name:
            return unfold(header.value).decode("utf-8", "replace").strip()[:998]
    return ""
