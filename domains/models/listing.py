"""What blocklists said of our IPs and domains, and the operator's choices among the lists."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from domains.blocklists_table import BLOCKLISTS


class ListingState(models.TextChoices):
    """What a list says of a subject."""

    CLEAR = "clear", _("Not listed")
    LISTED = "listed", _("Listed")
    UNKNOWN = "unknown", _("No answer")  # the list declined, failed, or cannot be trusted


class Listing(models.Model):
    """One list's last answer about one IP or domain name; kept so that it is not asked too often."""

    code = models.CharField(max_length=20)
    subject = models.CharField(max_length=253, help_text="An IP address or a domain name.")
    state = models.CharField(max_length=7, choices=ListingState.choices)
    why = models.CharField(max_length=40, blank=True, help_text="Why nothing is known.")
    words = models.CharField(max_length=200, blank=True, help_text="What the answer means.")
    since = models.DateTimeField(null=True, blank=True, help_text="Listed since.")
    checked_at = models.DateTimeField()
    next_at = models.DateTimeField(help_text="Not asked again before.")

    class Meta:
        constraints = [
            # Also finds all that is known of a subject
            models.UniqueConstraint(fields=["subject", "code"], name="listing_once")
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.code} {self.state}"


class BlocklistChoice(models.Model):
    """The operator's word on one list; a list without a row is as the table has it."""

    code = models.CharField(
        max_length=20, unique=True, choices=[(one.code, one.name) for one in BLOCKLISTS]
    )
    enabled = models.BooleanField(default=True)
    stops = models.BooleanField(
        null=True,
        blank=True,
        help_text="Whether an IP on it is not used; unknown: as the list comes.",
    )
    zone = models.CharField(
        max_length=253,
        blank=True,
        help_text="Another zone to ask, like one with your own key in it. Empty: the list's own.",
    )

    def __str__(self) -> str:
        return self.code
