"""Reports about TLS to other domains: once, to whom the record names, as RFC 8460 wants them."""

import email
import email.policy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.cast import Cast
from tests.dns_server import DnsServer
from transactional.inbound import reports
from transactional.models import Body, Message, Recipient, StsPolicy, TlsCount, TlsReportSent
from transactional.submission.tls_reports import send_due
from transactional.wire.tls_report import read_tls_report
from transactional.wire.unpack import unpack

NOW = timezone.now()
YESTERDAY = (NOW.astimezone(UTC) - timedelta(days=1)).date()


@pytest.fixture(autouse=True)
def _platform(settings: Any, cast: Cast) -> None:
    settings.PLATFORM_FROM = "TLS reports <tls@shop.example>"


def counted(domain: str = "far.test", day: object = YESTERDAY, **fields: object) -> TlsCount:
    values = {
        "policy": "sts",
        "mx": f"mx.{domain}",
        "source": "192.0.2.1",
        "result": "",
        "count": 5,
    }
    row: TlsCount = TlsCount.objects.create(day=day, domain=domain, **(values | fields))
    return row


def ask(server: DnsServer, rua: str, domain: str = "far.test") -> None:
    server.publish(f"_smtp._tls.{domain}", "TXT", f'"v=TLSRPTv1; rua={rua}"')


def test_a_day_is_reported_once_to_whom_the_record_names(dns_server: DnsServer, cast: Cast) -> None:
    ask(dns_server, "mailto:tls@far.test,https://far.test/r,mailto:two@far.test")
    StsPolicy.objects.create(
        domain="far.test", mode="enforce", mx=["mx.far.test"], max_age=86400, policy_id="1"
    )
    counted()
    counted(result="certificate-expired", count=3)
    counted(policy="no-policy-found", count=1)
    counted(day=(NOW.astimezone(UTC)).date())  # the day is not over
    assert send_due(NOW) == 1
    assert set(Recipient.objects.values_list("address", flat=True)) == {
        "tls@far.test",
        "two@far.test",
    }
    assert (TlsCount.objects.count(), TlsReportSent.objects.count()) == (1, 2)
    counted()  # a worker that was late
    assert send_due(NOW) == 0 and Message.objects.count() == 2
    raw = bytes(Body.objects.first().raw)  # type: ignore[union-attr]
    message = email.message_from_bytes(raw, policy=email.policy.SMTP)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "tlsrpt"
    assert message["TLS-Report-Domain"] == "far.test" and message["Auto-Submitted"]
    assert message["TLS-Report-Submitter"] == "shop.example"
    assert message["Subject"].startswith(
        "Report Domain: far.test Submitter: shop.example Report-ID: <"
    )
    text, report = message.iter_parts()  # type: ignore[attr-defined]
    assert (
        report.get_content_type() == "application/tlsrpt+gzip" and "RFC 8460" in text.get_content()
    )
    document = unpack(report.get_content())
    found = json.loads(document)
    assert found["date-range"]["start-datetime"] == f"{YESTERDAY}T00:00:00Z"
    (none, sts) = found["policies"]
    assert sts["policy"]["policy-string"][:2] == ["version: STSv1", "mode: enforce"]
    assert sts["policy"]["mx-host"] == ["mx.far.test"]
    assert sts["summary"] == {"total-successful-session-count": 5, "total-failure-session-count": 3}
    assert sts["failure-details"][0]["result-type"] == "certificate-expired"
    assert none["policy"]["policy-type"] == "no-policy-found"
    assert read_tls_report(document).policies[1].failures == 3


def test_our_own_box_reads_what_we_write(dns_server: DnsServer, cast: Cast) -> None:
    """The other account's domain asks for reports: what we send is what we take."""
    box = f"tlsrpt@b{cast.other_account.pk}.stranger.example"
    ask(dns_server, f"mailto:{box}", "stranger.example")
    counted("stranger.example")
    assert send_due(NOW) == 1
    raw = bytes(Body.objects.get().raw or b"")
    found = reports.box_of(box)
    assert found is not None and reports.take(raw, found) == "TLS report"


@pytest.mark.parametrize(
    "record",
    [
        "v=TLSRPTv1; rua=https://far.test/r", "v=TLSRPTv1", "v=TLSRPTv1; rua=mailto:not an address",
        "v=TLSRPTv1; rua=mailto:a@[127.0.0.1]", "nonsense", "v=TLSRPTv1; rua=mailto:",
    ],
)  # fmt: skip
def test_who_names_no_mailbox_gets_nothing(dns_server: DnsServer, cast: Cast, record: str) -> None:
    dns_server.publish("_smtp._tls.far.test", "TXT", f'"{record}"')
    counted()
    assert send_due(NOW) == 0 and not Message.objects.exists()
    assert TlsReportSent.objects.get().error and not TlsCount.objects.exists()


def test_without_a_sender_of_ours_nothing_piles_up(settings: Any, cast: Cast) -> None:
    settings.PLATFORM_FROM = ""
    counted(day=YESTERDAY - timedelta(days=1))
    assert send_due(NOW) == 0 and not TlsCount.objects.exists()


def test_days_long_gone_are_given_up(dns_server: DnsServer, cast: Cast) -> None:
    ask(dns_server, "mailto:tls@far.test")
    counted(day=datetime(2020, 1, 1, tzinfo=UTC).date())
    assert send_due(NOW) == 0 and not TlsCount.objects.exists()
