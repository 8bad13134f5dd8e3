"""What receivers report about a domain's mail: DMARC aggregates (RFC 7489), TLS (RFC 8460)."""

from django.db import models
from django.utils import timezone

from domains.models.domain import Domain
from tokens.models.account import Account, OfAccount


class DmarcReport(models.Model):
    """One receiver's count of mail in a domain's name, over a day as a rule."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="dmarc_reports")
    reporter = models.CharField(max_length=255)
    report_id = models.CharField(max_length=255)
    begin = models.DateTimeField()
    end = models.DateTimeField()
    policy = models.CharField(max_length=20, blank=True, help_text="p= as the reporter found it.")
    messages = models.BigIntegerField(default=0)
    received_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["domain", "reporter", "report_id"], name="dmarc_report_once"
            )
        ]
        indexes = [
            # Retention drops the oldest
            models.Index(fields=["received_at"], name="dmarc_report_age")
        ]

    def __str__(self) -> str:
        return f"{self.reporter} {self.report_id}"


class DmarcSource(models.Model):
    """Messages of one report that came from one IP and were judged alike."""

    report = models.ForeignKey(DmarcReport, on_delete=models.CASCADE, related_name="sources")
    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, db_index=False, related_name="+")
    day = models.DateField()
    ip = models.GenericIPAddressField()
    count = models.BigIntegerField()
    dkim = models.BooleanField(help_text="Passed and aligned with From.")
    spf = models.BooleanField(help_text="Passed and aligned with From.")
    disposition = models.CharField(max_length=20)
    header_from = models.CharField(max_length=253)
    dkim_domain = models.CharField(max_length=253, blank=True)
    spf_domain = models.CharField(max_length=253, blank=True)
    override = models.CharField(max_length=30, blank=True)

    class Meta:
        indexes = [
            # The coach sums a domain's last days
            models.Index(fields=["domain", "day"], name="dmarc_source_day")
        ]

    def __str__(self) -> str:
        return f"{self.ip} {self.count}"


class DmarcStranger(models.Model):
    """An IP that somebody of the account has looked at: what comes from it is not theirs, so stopping
    it is what a policy is for.
    """

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="dmarc_strangers")
    ip = models.GenericIPAddressField()
    by = models.CharField(max_length=254, help_text="Who said so.")
    at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["domain", "ip"], name="dmarc_stranger_once")]

    def __str__(self) -> str:
        return str(self.ip)


class DmarcHostName(models.Model):
    """The name of an IP that sends in somebody's name, as its reverse record says and the name's own
    address confirms; empty where there is none.
    """

    ip = models.GenericIPAddressField(unique=True)
    name = models.CharField(max_length=253, blank=True)
    looked_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.ip} {self.name}"


class TlsReport(models.Model):
    """One sender's account of its encrypted sessions with a domain's mail servers."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="tls_reports")
    reporter = models.CharField(max_length=255)
    report_id = models.CharField(max_length=255)
    begin = models.DateTimeField()
    end = models.DateTimeField()
    successes = models.BigIntegerField(default=0)
    failures = models.BigIntegerField(default=0)
    details = models.JSONField(default=list, help_text="Sessions that failed: result, host, count.")
    received_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["domain", "reporter", "report_id"], name="tls_report_once"
            )
        ]
        indexes = [
            # Retention drops the oldest
            models.Index(fields=["received_at"], name="tls_report_age")
        ]

    def __str__(self) -> str:
        return f"{self.reporter} {self.report_id}"
