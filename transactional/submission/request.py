"""What is handed to the door and what it answers: plain frozen data."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from config.errors import Refusal
from tokens.auth import Principal
from transactional.models import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSubmission:
    """A send of a composed email. `to` is one mailbox; `from_` may override the email's own.

    `custom` is JSON data for this mail alone; `contact_properties` are also kept on the contact.
    `send_id` and `metadata` are the caller's own words for it, told back with its events.
    `draft` sends the draft as it stands, frozen as a version. `test` marks the mail as a test, which
    no statistics count. `lane` stands for the email's own place in the queue.
    """

    principal: Principal
    source: Source
    email_id: int
    to: str
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    from_: str = ""
    reply_to: tuple[str, ...] = ()
    send_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    contact_properties: Mapping[str, str] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    draft: bool = False
    deliver_within: int | None = None
    test: bool = False
    lane: int | None = None

    def labels(self) -> dict[str, Any] | None:
        """What the caller knows it by, as it is kept with the message; None where there is nothing."""
        if not (self.send_id or self.metadata):
            return None
        return {"sendId": self.send_id, "metadata": dict(self.metadata)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RawSubmission:
    """A whole RFC 5322 message with its envelope, as submitted over SMTP.

    `reverse_path` is None for the null path; `recipients` are the forward-paths, Bcc included.
    """

    principal: Principal
    raw: bytes
    reverse_path: str | None
    recipients: tuple[str, ...]
    smtputf8: bool = False


Submission = TemplateSubmission | RawSubmission
LONGEST = 30 * 24 * 3600  # seconds that a message may ask to be tried for


@dataclass(frozen=True, slots=True)
class Accepted:
    """Durable: the message is committed. `duplicate`: its sendId had been used, nothing was added.

    `recipients` counts those that are queued; `suppressed` those that this account must not mail.
    """

    message_id: uuid.UUID
    created_at: datetime
    recipients: int
    suppressed: int = 0
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was queued. `message_id` names the record of the refusal, where one is kept."""

    refusal: Refusal
    message_id: uuid.UUID | None = None
    created_at: datetime | None = None
