"""Counters folded from events, and the small tables that make folding exact."""

from django.db import models

from domains.models import EgressSource
from tokens.models import Account
from tokens.models.account import OfAccount
from transactional.models import Campaign


class CampaignDay(models.Model):
    """One campaign's counts of one UTC day. Opens and clicks count recipients, not hits.

    They count everybody; `machine_…` says how many of these are machines' alone. Where a person
    follows on another day, that day takes it back: so on a day it may be negative, in sum never.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False)
    campaign = models.ForeignKey(
        Campaign, on_delete=models.CASCADE, related_name="days", db_index=False
    )
    day = models.DateField()
    sent = models.BigIntegerField(default=0)
    delivered = models.BigIntegerField(default=0)
    deferred = models.BigIntegerField(default=0)
    bounced = models.BigIntegerField(default=0)
    expired = models.BigIntegerField(default=0)
    dropped = models.BigIntegerField(default=0)
    unknown = models.BigIntegerField(default=0, db_default=0)
    opens = models.BigIntegerField(default=0)
    clicks = models.BigIntegerField(default=0)
    open_hits = models.BigIntegerField(default=0)
    click_hits = models.BigIntegerField(default=0)
    complaints = models.BigIntegerField(default=0)
    unsubscribes = models.BigIntegerField(default=0)
    # Of rows from before machines were told apart: none, so these count as they did
    machine_opens = models.BigIntegerField(default=0, db_default=0)
    machine_clicks = models.BigIntegerField(default=0, db_default=0)
    machine_open_hits = models.BigIntegerField(default=0, db_default=0)
    machine_click_hits = models.BigIntegerField(default=0, db_default=0)

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "day"], name="one_row_per_campaign_day")
        ]
        indexes = [
            # The dashboard of an account over a range of days
            models.Index(fields=["account", "day"], name="account_days")
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.day}"


class ComplaintDay(models.Model):
    """Deliveries of one UTC day from one From domain and IP, and the complaints about them whenever they
    came; see `domains/complaint_rates.py`.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False)
    domain = models.CharField(max_length=253, help_text="Of the From address; it signs.")
    # An IP that was disconnected leaves its counts to the domain
    source = models.ForeignKey(
        EgressSource,
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
        help_text="The IP that the receiver saw; none: a smarthost's.",
    )
    day = models.DateField()
    delivered = models.BigIntegerField(default=0, help_text="To receivers that may report spam.")
    unreported = models.BigIntegerField(default=0, help_text="To those that never do.")
    complaints = models.BigIntegerField(default=0)

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "domain", "source", "day"],
                name="one_complaint_day",
                nulls_distinct=False,
            )
        ]
        indexes = [
            # The rates of an IP
            models.Index(fields=["source", "day"], name="complaint_source_days"),
            # What the watch looks at every few seconds: next to none of all rows
            models.Index(
                fields=["day"], name="complaint_days", condition=models.Q(complaints__gt=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.domain} {self.day}"


class EventTotal(models.Model):
    """Events of one type since the log began, of all accounts: for metrics."""

    type = models.CharField(max_length=12, primary_key=True)
    count = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.type}: {self.count}"


class FirstEngagement(models.Model):
    """The first open or click of a recipient: what makes a count unique."""

    recipient_id = models.UUIDField()
    kind = models.CharField(max_length=5, choices=[("open", "Open"), ("click", "Click")])
    at = models.DateTimeField()
    only_machines = models.BooleanField(default=False, db_default=False)
    human_at = models.DateTimeField(
        null=True, blank=True, help_text="When a person did first, if a machine was before."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["recipient_id", "kind"], name="first_of_its_kind")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.recipient_id}"


class FoldCursor(models.Model):
    """How far a fold has read the event log: everything up to (xid, id) is counted."""

    name = models.CharField(max_length=40, primary_key=True)
    xid = models.BigIntegerField(default=0)
    event_id = models.UUIDField()

    def __str__(self) -> str:
        return self.name
