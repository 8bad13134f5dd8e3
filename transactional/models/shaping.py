"""What an operator may say about how fast receivers are spoken to; shipped rows can be edited."""

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from config import patterns


class ShapingProfile(models.Model):
    """Limits towards one kind of receiver, per IP of ours, over all workers together.

    A site belongs to the profile that names its provider or one of its exchangers' endings; the
    profile named `default` is everybody else's.
    """

    name = models.SlugField(max_length=40, unique=True)
    provider = models.CharField(
        max_length=40, blank=True, help_text="google, yahoo, microsoft, microsoft-365, apple."
    )
    endings = models.TextField(
        blank=True, help_text="Endings of exchangers' names, one a line: .web.de"
    )
    connections = models.PositiveIntegerField(help_text="Open at once; 0: no limit.")
    per_minute = models.PositiveIntegerField(help_text="Messages a minute; 0: no limit.")
    per_session = models.PositiveIntegerField(default=100, help_text="Messages per connection.")
    edited_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class ShapingAction(models.TextChoices):
    """What a rule does to the cell (one IP towards one site) that was answered so."""

    RATE = "rate", _("At most so many messages a minute")
    CONNECTIONS = "connections", _("At most so many connections")
    SUSPEND = "suspend", _("Nothing at all for a while")


class ShapingRule(models.Model):
    """An answer that is known to mean: slow down. It counts for some minutes, then it is over."""

    name = models.SlugField(max_length=60, unique=True)
    provider = models.CharField(max_length=40, blank=True, help_text="Empty: any receiver.")
    pattern = models.CharField(max_length=300, help_text="Regular expression; case does not count.")
    hits = models.PositiveSmallIntegerField(default=1, help_text="So many such answers …")
    within = models.PositiveIntegerField(default=3600, help_text="… within so many seconds.")
    action = models.CharField(max_length=11, choices=ShapingAction.choices)
    value = models.PositiveIntegerField(default=0, help_text="Messages a minute, or connections.")
    minutes = models.PositiveIntegerField(help_text="How long it counts.")
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a pattern that is none, or could run for ever."""
        try:
            patterns.compiled(self.pattern)
        except ValueError as error:
            raise ValidationError({"pattern": str(error)}) from error


class ShapingCell(ShapingRule):
    """What rules and answers do to one IP towards one site: kept in Redis and no row of any table.

    It is here for its page and permissions: to see the list, and (change) to lift what a rule asked for.
    """

    class Meta:
        proxy = True
        default_permissions = ("view", "change")
        verbose_name = _("shaping cell")
        verbose_name_plural = _("shaping cells")
