"""The rows an accepted or refused submission becomes, in the order of their columns."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from config.bulk import Table
from config.errors import Refusal
from config.ids import uuid7
from transactional import events, queue
from transactional.events import NewEvent
from transactional.models import EventType, Kind, Status
from transactional.submission.editions_table import EDITION, NOTED
from transactional.submission.facts import StreamFacts
from transactional.submission.prepare import Prepared
from transactional.submission.request import TemplateSubmission

MESSAGE = Table(
    "transactional_message",
    (
        ("id", "uuid"),
        ("account_id", "bigint"),
        ("stream_id", "bigint"),
        ("campaign_id", "bigint"),
        ("version_id", "bigint"),
        ("kind", "varchar"),
        ("source", "varchar"),
        ("credential", "varchar"),
        ("from_address", "varchar"),
        ("from_domain", "varchar"),
        ("subject", "varchar"),
        ("message_id", "varchar"),
        ("size", "int4"),
        ("refusal", "varchar"),
        ("refusal_text", "varchar"),
        ("created_at", "timestamptz"),
        ("lane", "int2"),
        ("lifetime", "int4"),
        ("labels", "jsonb"),
    ),
)
BODY = Table("transactional_body", (("id", "uuid"), ("raw", "bytea")))
# JSON is text, and octets are dear to carry
CONTEXT = Table(
    "transactional_body",
    (("id", "uuid"), ("context", "text")),
    computed=(("context", "convert_to({row}.context, 'UTF8')"),),
)
SECRET = Table("transactional_secretbody", (("id", "uuid"),))
RECIPIENT = Table(
    "transactional_recipient",
    (
        ("id", "uuid"),
        ("message_id", "uuid"),
        ("account_id", "bigint"),
        ("address", "varchar"),
        ("kind", "varchar"),
        ("status", "varchar"),
        ("status_at", "timestamptz"),
        ("attempts", "int2"),
        ("reply", "varchar"),
    ),
)


class Rows:
    """The rows of a batch, table by table, ready for `config.bulk.write`."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.bodies: list[Any] = []
        self.contexts: list[Any] = []
        self.recipients: list[Any] = []
        self.events: list[Any] = []
        self.queue: list[Any] = []
        self.secrets: list[Any] = []

    def batches(self) -> list[tuple[Table, list[Any]]]:
        """Each table with its rows."""
        return [
            (MESSAGE, self.messages),
            (BODY, self.bodies),
            (CONTEXT, self.contexts),
            (RECIPIENT, self.recipients),
            (events.TABLE, self.events),
            (queue.TABLE, self.queue),
            (SECRET, self.secrets),
        ]

    def accept(self, asked: Prepared, stream: StreamFacts) -> int:
        """Add an accepted message; returns how many recipients are queued."""
        context = asked.context_bytes()
        size = len(asked.raw) if asked.raw is not None else len(context or b"")
        own = asked.version.lifetime if asked.version else 0
        lifetime = asked.deliver_within or own or stream.lifetime
        sent = (int(asked.lane), lifetime)
        self.messages.append(_message(asked, stream.id, size, None, sent))
        if context is None:
            self.bodies.append((asked.id, asked.raw))
        else:
            self.contexts.append((asked.id, context.decode()))
        if asked.holds_secrets:
            self.secrets.append((asked.id,))
        deliver_by = asked.created_at + timedelta(seconds=lifetime)
        queued = 0
        told: dict[str, Any] = {NOTED: EDITION}
        if asked.alignment:
            told["dmarc"] = asked.alignment.stored()
        if asked.asked_from:
            told["asked_from"] = asked.asked_from
        for address, kind in asked.recipients:
            recipient_id = uuid7()
            code = asked.suppressed.get(address.spec)
            status = Status.SUPPRESSED if code else Status.QUEUED
            self.recipients.append(
                (
                    recipient_id,
                    asked.id,
                    asked.account_id,
                    address.spec,
                    kind,
                    str(status),
                    asked.created_at,
                    0,
                    code or "",
                )
            )
            happened = EventType.DROPPED if code else EventType.ACCEPTED
            self._event(asked, recipient_id, happened, {"reason": code} if code else told)
            if code:
                continue
            queued += 1
            self.queue.append(
                queue.row(
                    recipient_id=recipient_id,
                    message_id=asked.id,
                    account_id=asked.account_id,
                    stream_id=stream.id,
                    lane=asked.lane,
                    domain=address.domain_ascii,
                    due_at=asked.created_at,
                    deliver_by=deliver_by,
                )
            )
        return queued

    def refuse(self, asked: Prepared, refusal: Refusal) -> None:
        """Add the record of a refusal: a message without recipients, and its event."""
        self.messages.append(_message(asked, None, 0, refusal, (None, None)))
        to = [address.spec for address, _ in asked.recipients]
        data = {"reason": refusal.code, "message": refusal.message, "to": to}
        self._event(asked, None, EventType.DROPPED, data)

    def refuse_unread(
        self, asked: TemplateSubmission, refusal: Refusal, message_id: uuid.UUID, now: datetime
    ) -> None:
        """Add the record of a single send that named nothing we could prepare."""
        account_id, label = asked.principal.account_id, asked.principal.label
        kind, source = str(Kind.TRANSACTIONAL), str(asked.source)
        words = (refusal.code, refusal.message[:1000])
        self.messages.append(
            (
                message_id,
                account_id,
                None,
                None,
                None,
                kind,
                source,
                label,
                "",
                "",
                "",
                "",
                0,
                *words,
                now,
                None,
                None,
                asked.labels(),
            )
        )
        self.events.append(
            events.row(
                NewEvent(
                    account_id=account_id,
                    message_id=message_id,
                    recipient_id=None,
                    campaign_id=None,
                    type=EventType.DROPPED,
                    at=now,
                    data={"reason": words[0], "message": words[1], "to": [asked.to[:254]]},
                )
            )
        )

    def _event(
        self, asked: Prepared, recipient_id: uuid.UUID | None, kind: str, data: dict[str, Any]
    ) -> None:
        self.events.append(
            events.row(
                NewEvent(
                    account_id=asked.account_id,
                    message_id=asked.id,
                    recipient_id=recipient_id,
                    campaign_id=asked.campaign_id,
                    type=kind,
                    at=asked.created_at,
                    data=data,
                )
            )
        )


def _message(
    asked: Prepared,
    stream_id: int | None,
    size: int,
    refusal: Refusal | None,
    sent: tuple[int | None, int | None],
) -> tuple[Any, ...]:
    """`sent`: the lane it goes in, and for how many seconds it is of use."""
    return (
        asked.id,
        asked.account_id,
        stream_id,
        asked.campaign_id,
        asked.version.pk if asked.version else None,
        str(asked.kind),
        str(asked.source),
        asked.submission.principal.label,
        asked.from_.spec,
        asked.from_domain,
        asked.subject[:998],
        asked.header_id[:998],
        size,
        refusal.code if refusal else "",
        refusal.message[:1000] if refusal else "",
        asked.created_at,
        *sent,
        asked.submission.labels() if isinstance(asked.submission, TemplateSubmission) else None,
    )
