"""What is remembered about other people's TLS: policies, servers whose STARTTLS fails, counts."""

from django.db import models
from django.utils import timezone


class StsPolicy(models.Model):
    """A domain's MTA-STS policy as it was fetched (RFC 8461 §5.1): it holds until it expires, even if
    DNS or the web server goes silent.
    """

    domain = models.CharField(max_length=253, unique=True)
    policy_id = models.CharField(max_length=32, blank=True)
    mode = models.CharField(max_length=7, blank=True, help_text="enforce, testing or none.")
    mx = models.JSONField(default=list)
    max_age = models.PositiveIntegerField(default=0, help_text="Seconds.")
    fetched_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True, help_text="Of the last fetch that failed.")

    class Meta:
        verbose_name_plural = "STS policies"

    def __str__(self) -> str:
        return self.domain


class BrokenTls(models.Model):
    """A server that offers STARTTLS and cannot do it: where no policy forbids, it is spoken to in
    clear until the entry ends.
    """

    address = models.GenericIPAddressField()
    port = models.PositiveIntegerField()
    host = models.CharField(max_length=253)
    error = models.CharField(max_length=300)
    seen_at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["address", "port"], name="broken_tls_once")]
        verbose_name_plural = "broken TLS"

    def __str__(self) -> str:
        return f"{self.host} [{self.address}]"


class TlsCount(models.Model):
    """Deliveries of a day to a domain that asks for TLS reports, alike in policy and outcome."""

    day = models.DateField()
    domain = models.CharField(max_length=253)
    policy = models.CharField(max_length=16, help_text="sts, tlsa or no-policy-found.")
    mx = models.CharField(max_length=253)
    source = models.CharField(max_length=45)
    result = models.CharField(max_length=40, blank=True, help_text="RFC 8460 §4.3; empty: secured.")
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "domain", "policy", "mx", "source", "result"], name="tls_count_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.domain} {self.count}"


class TlsReportSent(models.Model):
    """A day of a domain that was reported, or could not be, so that no second report goes out."""

    day = models.DateField()
    domain = models.CharField(max_length=253)
    to = models.CharField(max_length=254, blank=True)
    error = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["day", "domain", "to"], name="tls_report_sent_once")
        ]
        verbose_name_plural = "TLS reports sent"

    def __str__(self) -> str:
        return f"{self.day} {self.domain}"
