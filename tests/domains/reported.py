"""Reports about the cast's domain, as rows."""

from datetime import timedelta

from django.utils import timezone

from domains.models import DmarcReport, DmarcSource, Domain, TlsReport


def policy_found(domain: Domain, record: str) -> None:
    """What the last check found at _dmarc."""
    rest = [f for f in domain.findings if f["purpose"] != "dmarc"]
    found = {"purpose": "dmarc", "host": f"_dmarc.{domain.name}", "status": "ok", "code": "ok"}
    domain.findings = [*rest, {**found, "found": [record]}]
    domain.checked_at = timezone.now()
    domain.save()


def reported(
    domain: Domain,
    *rows: tuple[str, int, bool, bool],
    days_ago: int = 1,
    reporter: str = "Big Mail",
) -> DmarcReport:
    """A report with rows of (ip, count, dkim, spf)."""
    at = timezone.now() - timedelta(days=days_ago)
    report = DmarcReport.objects.create(
        account=domain.account,
        domain=domain,
        reporter=reporter,
        report_id=f"{days_ago}",
        begin=at - timedelta(days=1),
        end=at,
        policy="none",
        messages=sum(count for _, count, _, _ in rows),
        received_at=at,
    )
    for ip, count, dkim, spf in rows:
        DmarcSource.objects.create(
            report=report,
            domain=domain,
            day=at.date(),
            ip=ip,
            count=count,
            dkim=dkim,
            spf=spf,
            disposition="none" if dkim or spf else "quarantine",
            header_from=domain.name,
            dkim_domain=domain.name if dkim else "",
        )
    return report


def make_reports(domain: Domain) -> None:
    """Three weeks of an honest domain with a stranger and a forwarder."""
    policy_found(domain, "v=DMARC1; p=none; rua=mailto:x@y.example")
    for days_ago in (1, 2, 5, 9, 20):
        reported(
            domain,
            ("127.0.0.10", 900 - days_ago, True, True),
            ("198.51.100.9", 40, True, False),
            ("203.0.113.77", 60 * days_ago, False, False),
            ("2001:db8:ffff::1234", 3, False, True),
            days_ago=days_ago,
        )
    TlsReport.objects.create(
        account=domain.account, domain=domain, reporter="Big Mail", report_id="t1",
        begin=timezone.now() - timedelta(days=1), end=timezone.now(), successes=5326, failures=12,
        details=[{"result": "certificate-expired", "count": 12, "mx": "mx1.shop.example"}],
    )  # fmt: skip
