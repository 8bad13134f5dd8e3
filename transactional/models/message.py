"""The partitioned log of mail, and the narrow table that is the queue.

Message, Body, Recipient, DeliveryAttempt and Event are range-partitioned by their UUIDv7; foreign
keys on them carry no database constraint, so a month can be dropped whole and an insert costs no
look-ups. What must be unique lives in small tables that are not partitioned.
"""

from typing import Any

from django.db import models
from django.db.models.functions import Cast
from django.utils import timezone

from config.ids import uuid7
from domains.models import EgressSource
from tokens.models import Account
from tokens.models.account import OfAccount
from transactional.models.email import Campaign, EmailVersion
from transactional.models.enums import (
    EventType,
    Kind,
    Lane,
    RecipientKind,
    Source,
    Status,
)
from transactional.models.stream import Stream

LOOSE: Any = {"on_delete": models.DO_NOTHING, "db_constraint": False, "related_name": "+"}
REPLY_LIMIT = 4096  # octets of a peer's reply that are kept


class Message(models.Model):
    """One accepted RFC 5322 object with its envelope; or, with `refusal`, one that was not sent."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, db_index=False, **LOOSE)
    stream = models.ForeignKey(Stream, db_index=False, null=True, **LOOSE)
    campaign = models.ForeignKey(Campaign, db_index=False, null=True, **LOOSE)
    version = models.ForeignKey(EmailVersion, db_index=False, null=True, **LOOSE)
    kind = models.CharField(max_length=13, choices=Kind.choices)
    source = models.CharField(max_length=4, choices=Source.choices)
    credential = models.CharField(max_length=64, help_text="api:7, smtp:3 or user:1")
    from_address = models.CharField(max_length=254)
    from_domain = models.CharField(max_length=253, help_text="The verified domain that signs.")
    subject = models.CharField(max_length=998)
    message_id = models.CharField(max_length=998, help_text="Message-ID without angle brackets.")
    size = models.PositiveIntegerField(default=0, help_text="Octets, as handed to us.")
    refusal = models.CharField(max_length=64, blank=True, help_text="Code; empty: accepted.")
    refusal_text = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    lane = models.SmallIntegerField(choices=Lane.choices, null=True)
    lifetime = models.PositiveIntegerField(
        null=True, help_text="Seconds for which it is of use; empty: before this was noted."
    )
    labels = models.JSONField(
        null=True, editable=False, help_text="What the caller knows it by: sendId and metadata."
    )

    objects = OfAccount.as_manager()

    class Meta:
        indexes = [
            # The message list of an account, newest first, keyset paged
            models.Index(fields=["account", "-id"], name="message_list")
        ]

    def __str__(self) -> str:
        return str(self.id)


class Body(models.Model):
    """What a message is made of: the submitted bytes, or the data its version is rendered with."""

    id = models.UUIDField(primary_key=True, help_text="The message's id.")
    raw = models.BinaryField(null=True)
    context = models.BinaryField(null=True, help_text="JSON: contact, custom, headers.")

    def __str__(self) -> str:
        return str(self.id)


class Recipient(models.Model):
    """One forward-path of one message; has exactly one status."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message = models.ForeignKey(Message, **LOOSE)
    account = models.ForeignKey(Account, db_index=False, **LOOSE)
    address = models.CharField(max_length=254)
    kind = models.CharField(max_length=3, choices=RecipientKind.choices)
    status = models.CharField(max_length=10, choices=Status.choices)
    status_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    reply = models.CharField(max_length=REPLY_LIMIT, blank=True, help_text="The last one, cut.")
    source = models.ForeignKey(
        EgressSource, db_index=False, null=True, help_text="The IP it left from.", **LOOSE
    )

    objects = OfAccount.as_manager()

    class Meta:
        indexes = [
            # Search by address; the bounce handler's look-up of recent mail to one
            models.Index(fields=["account", "address", "-id"], name="recipient_address"),
            # What waits for somebody's decision, newest first; next to none of all rows
            models.Index(
                fields=["account", "-id"],
                name="recipient_held",
                condition=models.Q(status="held"),
            ),
        ]

    def __str__(self) -> str:
        return self.address


class DeliveryAttempt(models.Model):
    """One try for one recipient: where it went, what was said."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message = models.ForeignKey(Message, **LOOSE)
    recipient = models.ForeignKey(Recipient, db_index=False, **LOOSE)
    account = models.ForeignKey(Account, db_index=False, **LOOSE)
    number = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    source_address = models.CharField(max_length=45, blank=True)
    host = models.CharField(max_length=253, blank=True, help_text="The mail exchanger's name.")
    address = models.CharField(max_length=60, blank=True, help_text="Its address and port.")
    tls = models.CharField(max_length=80, blank=True)
    stage = models.CharField(max_length=10)
    code = models.PositiveSmallIntegerField(default=0, help_text="0: no reply.")
    reply = models.CharField(max_length=REPLY_LIMIT, blank=True)
    transcript = models.TextField(blank=True)
    decisions = models.JSONField(
        null=True, blank=True, help_text="Why it was done so: step, code, data, in order."
    )

    objects = OfAccount.as_manager()

    def __str__(self) -> str:
        return f"{self.recipient_id} try {self.number}"


class Event(models.Model):
    """Something that happened; append-only, written by `transactional/events.py` alone."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, db_index=False, **LOOSE)
    message = models.ForeignKey(Message, **LOOSE)
    recipient = models.ForeignKey(Recipient, db_index=False, null=True, **LOOSE)
    campaign = models.ForeignKey(Campaign, db_index=False, null=True, **LOOSE)
    type = models.CharField(max_length=12, choices=EventType.choices)
    at = models.DateTimeField()
    data = models.JSONField(default=dict)
    # The writing transaction: folds read only below the oldest one still running
    xid = models.BigIntegerField(
        db_default=Cast(
            Cast(models.Func(function="pg_current_xact_id"), models.TextField()),
            models.BigIntegerField(),
        ),
        editable=False,
    )

    objects = OfAccount.as_manager()

    class Meta:
        indexes = [
            # Folds read forward in commit-safe order
            models.Index(fields=["xid", "id"], name="event_fold"),
            # The feed of an account, newest first: without it each poll reads all accounts' events
            models.Index(fields=["account", "at", "id"], name="event_feed"),
            # What was refused for somebody: such a message has no recipients to find it by
            models.Index(
                fields=["account", "at", "id"],
                name="event_refused",
                condition=models.Q(recipient__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.recipient_id}"


class QueueRow(models.Model):
    """A recipient that is still to be delivered. Only `transactional/queue/` touches it."""

    id = models.UUIDField(primary_key=True, help_text="The recipient's id.")
    message = models.ForeignKey(Message, db_index=False, **LOOSE)
    account = models.ForeignKey(Account, db_index=False, **LOOSE)
    stream = models.ForeignKey(Stream, db_index=False, **LOOSE)
    lane = models.SmallIntegerField(choices=Lane.choices)
    domain = models.CharField(max_length=253)
    attempt = models.PositiveSmallIntegerField(default=0, help_text="Tries made.")
    due_at = models.DateTimeField()
    deliver_by = models.DateTimeField()
    lease = models.UUIDField(null=True, help_text="The claim that holds the row.")
    lease_until = models.DateTimeField(null=True)
    dot_at = models.DateTimeField(null=True, help_text="A final dot may have been sent from here.")
    beyond = models.BooleanField(
        default=False, db_default=False, help_text="That final dot is for a smarthost."
    )
    resent = models.BooleanField(default=False, help_text="An earlier outcome is unknown.")
    crashes = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Processes that ended while they built this copy."
    )
    parked = models.CharField(
        max_length=120, null=True, blank=True, help_text="What it waits for besides its time."
    )
    boot = models.UUIDField(
        null=True, blank=True, help_text="Boot id of the machine that took the message."
    )
    ends = models.FloatField(
        null=True, blank=True, help_text="`deliver_by`, on that machine's own count of seconds."
    )

    class Meta:
        indexes = [
            # A worker's claim: from stream to stream, the due rows of a lane that nobody holds
            models.Index(
                fields=["lane", "stream", "due_at"],
                name="queue_fair",
                condition=models.Q(lease__isnull=True),
            ),
            # The sweeper: leases that ran out
            models.Index(
                fields=["lease_until"],
                name="queue_leased",
                condition=models.Q(lease__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class SendIdentity(models.Model):
    """A sendId that an account has used: at most one message each, while it is kept."""

    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, db_index=False, db_constraint=False, related_name="+"
    )
    send_id = models.CharField(max_length=255)
    message = models.ForeignKey(Message, db_index=False, **LOOSE)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "send_id"], name="one_mail_per_send_id")
        ]

    def __str__(self) -> str:
        return self.send_id
