"""From a submission to what would be stored, or to the refusal of what cannot be read."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from config.errors import Refusal
from config.ids import uuid7
from domains.alignment import Alignment
from transactional.compose.build import LANE_HEADER, WITHIN_HEADER
from transactional.models import EmailVersion, Kind, Lane, RecipientKind, Source
from transactional.submission import facts
from transactional.submission.request import (
    LONGEST,
    RawSubmission,
    Submission,
    TemplateSubmission,
)
from transactional.wire import rewrite
from transactional.wire.address import Address, AddressError, is_role, parse_address, parse_path
from transactional.wire.cte import has_long_line
from transactional.wire.header import unfold
from transactional.wire.mime import MimeError

CC_LIMIT = 50  # copies per single send
CONTEXT_LIMIT = 1_000_000  # octets of custom data kept with a message
LANES = {lane.name.lower(): int(lane) for lane in Lane}
_LANE = LANE_HEADER.lower()
_WISHES = frozenset({WITHIN_HEADER.lower(), _LANE})
HOPS = 50  # Received lines: RFC 5321 §6.3, a mail loop


@dataclass(slots=True, kw_only=True)
class Prepared:
    """A readable submission on its way through the policy and into the tables."""

    submission: Submission
    account_id: int
    kind: str
    source: Source
    lane: int
    campaign_id: int | None
    from_: Address
    recipients: list[tuple[Address, str]]
    subject: str
    header_id: str
    created_at: datetime
    version: EmailVersion | None = None
    reply_to: tuple[Address, ...] = ()
    sender: Address | None = None
    returns: tuple[Address, ...] = ()  # the return-path that was given, which ours replaces
    raw: bytes | None = None
    deliver_within: int | None = None
    context: dict[str, Any] = field(default_factory=dict)
    id: uuid.UUID = field(default_factory=uuid7)
    suppressed: dict[str, str] = field(default_factory=dict)
    holds_secrets: bool = False
    alignment: Alignment | None = None  # as the policy found it
    asked_from: str = ""  # the From that was asked for, where another address stands in for it

    @property
    def from_domain(self) -> str:
        """The domain whose verification and keys the message needs, as A-labels."""
        return self.from_.domain_ascii

    @property
    def names_others(self) -> tuple[Address, ...]:
        """The addresses it names that are not on the From's domain: return-path, Reply-To."""
        own = self.from_domain
        return tuple(one for one in (*self.reply_to, *self.returns) if one.domain_ascii != own)

    @property
    def to(self) -> Address:
        """The first recipient: whose contact a template sees."""
        return self.recipients[0][0]

    def context_bytes(self) -> bytes | None:
        """The data a later rendering needs, as JSON."""
        return None if self.raw is not None else orjson.dumps(self.context)


class Unreadable(Exception):
    """The submission cannot be prepared."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def _fault(code: str, message: str, *, pointer: str = "", smtp: str = "550 5.7.1") -> Unreadable:
    return Unreadable(Refusal(code, message, pointer=pointer, smtp=smtp))


def _address(text: str, *, code: str, pointer: str) -> Address:
    try:
        return parse_address(text)
    except AddressError as err:
        raise _fault(code, f"{err}", pointer=pointer, smtp="553 5.1.3") from err


def template(asked: TemplateSubmission, email: facts.EmailFacts | None, now: datetime) -> Prepared:
    """Prepare a single send. Raises Unreadable: MISSING_CONTENT, INVALID_TO_ADDRESS, …"""
    if (
        email is None
        or email.account_id != asked.principal.account_id
        or email.version is None
        or email.archived
    ):
        raise _fault("MISSING_CONTENT", "There is no such email to send.", pointer="emailId")
    version = email.version
    if len(asked.cc) + len(asked.bcc) > CC_LIMIT:
        raise _fault("TOO_MANY_RECIPIENTS", f"At most {CC_LIMIT} copies.", pointer="message.cc")
    recipients = [
        (_recipient(text, pointer), str(kind))
        for kind, pointer, texts in (
            (RecipientKind.TO, "message.to", (asked.to,)),
            (RecipientKind.CC, "message.cc", asked.cc),
            (RecipientKind.BCC, "message.bcc", asked.bcc),
        )
        for text in texts
    ]
    sender = _from(asked, version)
    wanted = asked.reply_to or ((version.reply_to,) if version.reply_to else ())
    reply_to = tuple(
        _address(text, code="VALIDATION_FAILED", pointer="message.replyTo") for text in wanted
    )
    message_id = uuid7()
    return Prepared(
        id=message_id,
        submission=asked,
        account_id=asked.principal.account_id,
        kind=version.kind,
        source=asked.source,
        lane=version.lane if asked.lane is None else asked.lane,
        deliver_within=asked.deliver_within,
        campaign_id=None if asked.test else email.campaign_id,
        from_=sender,
        recipients=recipients,
        subject="",
        header_id=f"{message_id.hex}@{sender.domain_ascii}",
        created_at=now,
        version=version,
        reply_to=reply_to,
    )


def _from(asked: TemplateSubmission, version: EmailVersion) -> Address:
    text = asked.from_ or version.from_address
    found = _address(text, code="INVALID_FROM_ADDRESS", pointer="message.from")
    if not asked.from_ and version.from_name:
        return Address(found.local, found.domain, version.from_name)
    return found


def _recipient(text: str, pointer: str) -> Address:
    found = _address(text, code="INVALID_TO_ADDRESS", pointer=pointer)
    if is_role(found):
        message = f"{found.local}@ is a role address, which never asked for mail."
        raise _fault("INVALID_TO_ADDRESS", message, pointer=pointer, smtp="550 5.1.3")
    return found


def raw(asked: RawSubmission, campaign_id: int | None, now: datetime) -> Prepared:
    """Prepare an SMTP submission. Raises Unreadable with the reply to give."""
    try:
        data = rewrite.normalise_eol(asked.raw)
        seen = rewrite.inspect_canonical(data)
        if seen.received > HOPS:
            raise _fault("MAIL_LOOP", "This message goes round in circles.", smtp="554 5.4.6")
        if has_long_line(data):
            rewrite.transform(data, html=None)  # as later: whether its lines can be made shorter
    except MimeError as err:
        from_fault = err.code in ("no-from", "bad-from", "bad-sender")
        code = "INVALID_FROM_ADDRESS" if from_fault else "CORRUPT_INPUT"
        smtp = "550 5.7.1" if from_fault else "554 5.6.0"
        if err.code == "line-too-long":
            smtp = "550 5.6.0"
        raise _fault(code, f"{err}", smtp=smtp) from err
    recipients = []
    for text in asked.recipients:
        try:
            path = parse_path(text)
        except AddressError as err:
            raise _fault("INVALID_TO_ADDRESS", f"{text}: {err}", smtp="553 5.1.3") from err
        if path is None:
            raise _fault("INVALID_TO_ADDRESS", "A recipient is empty.", smtp="553 5.1.3")
        recipients.append((path, str(RecipientKind.TO)))
    message_id = uuid7()
    sender = seen.from_
    within, lane = _wishes(seen)
    return Prepared(
        id=message_id,
        submission=asked,
        account_id=asked.principal.account_id,
        kind=str(Kind.TRANSACTIONAL),
        source=Source.SMTP,
        lane=lane,
        deliver_within=within,
        campaign_id=campaign_id,
        from_=sender,
        recipients=recipients,
        subject=seen.subject,
        header_id=(seen.message_id or f"{message_id.hex}@{sender.domain_ascii}").strip("<> "),
        created_at=now,
        sender=seen.sender,
        reply_to=seen.reply_to,
        returns=_returns(asked.reverse_path),
        raw=data,
    )


def _returns(path: str | None) -> tuple[Address, ...]:
    try:
        found = parse_path(path or "")
    except AddressError:  # an address literal, say: it names no domain, and ours takes its place
        return ()
    return () if found is None else (found,)


def _wishes(seen: rewrite.Inspected) -> tuple[int | None, int]:
    """What a submitted message asks for in headers of ours: seconds to deliver it in, and a lane."""
    within: int | None = None
    lane = int(Lane.NORMAL)
    for header in seen.headers:
        name = header.name.lower()
        if name not in _WISHES:
            continue
        value = unfold(header.value).decode("ascii", "replace").strip()
        if name == _LANE:
            if value.lower() not in LANES:
                text = f"{LANE_HEADER} must be urgent, normal or bulk."
                raise _fault("VALIDATION_FAILED", text, smtp="554 5.6.0")
            lane = LANES[value.lower()]
        else:
            if not (value.isdigit() and len(value) < 10 and 1 <= int(value) <= LONGEST):
                text = f"{WITHIN_HEADER} must be a number of seconds from 1 to {LONGEST}."
                raise _fault("VALIDATION_FAILED", text, smtp="554 5.6.0")
            within = int(value)
    return within, lane
