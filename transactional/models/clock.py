"""What is known of the database's clock: where it stood, and when it jumped."""

from typing import ClassVar

from django.db import models


class ClockMark(models.Model):
    """The database's clock as one machine, since it was booted, measures it. See `transactional/clock.py`."""

    boot = models.CharField(max_length=36, primary_key=True, help_text="The kernel's boot id.")
    base = models.FloatField(help_text="Seconds between the two clocks, without noted jumps.")
    seen_at = models.DateTimeField(help_text="By the database's clock.")
    steady = models.FloatField(help_text="`seen_at` in seconds, without noted jumps.")

    def __str__(self) -> str:
        return self.boot


class ClockJump(models.Model):
    """A jump of the database's clock that was noticed, and what was moved along with it."""

    at = models.DateTimeField(help_text="When it was noticed, by the clock as it stands since.")
    seconds = models.FloatField(help_text="By how much it jumped; negative: set back.")
    total = models.FloatField(help_text="Sum of all jumps up to this one.")
    window = models.FloatField(help_text="Seconds since the clock had been seen to be right.")
    skew = models.FloatField(help_text="Seconds by which our clock was ahead of the database's.")
    rows = models.PositiveIntegerField(default=0, help_text="Waiting messages that moved along.")
    moved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["-at"], name="clock_jumped")]

    def __str__(self) -> str:
        return f"{self.seconds:+.0f} s at {self.at:%Y-%m-%d %H:%M:%S}"
