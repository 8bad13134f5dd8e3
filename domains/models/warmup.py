"""The days of a warm-up: one budget per IP, mailbox provider and day, and what became of it."""

from django.db import models

from domains.models.source import EgressSource


class WarmupDay(models.Model):
    """One day of an IP at one provider. Only `domains/warmup.py` writes it.

    `taken` counts what workers took of the budget, so that no two send the same part of it.
    """

    source = models.ForeignKey(EgressSource, on_delete=models.CASCADE, related_name="warmup_days")
    provider = models.CharField(max_length=20)
    day = models.DateField(help_text="In UTC.")
    cap = models.PositiveIntegerField(null=True, help_text="The budget; none: warm.")
    code = models.CharField(max_length=20, help_text="Why the budget is so.")
    signal = models.CharField(max_length=10, blank=True, help_text="What held it back.")
    reserve = models.PositiveIntegerField(default=0, help_text="Of it kept for urgent mail.")
    taken = models.PositiveIntegerField(default=0)
    urgent = models.PositiveIntegerField(
        default=0, help_text="Of those taken: what could not wait, once the rest was used up."
    )
    sent = models.PositiveIntegerField(default=0)
    deferred = models.PositiveIntegerField(default=0)
    blocked = models.PositiveIntegerField(default=0)
    complaints = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            # Also finds the days of one IP at one provider, newest first
            models.UniqueConstraint(fields=["source", "provider", "day"], name="warmup_day_once")
        ]

    def __str__(self) -> str:
        return f"{self.source_id} {self.provider} {self.day}"
