"""Reports about TLS to other domains: once, to whom the record names, as RFC 8460 wants them."""

import email
import email.policy
import gzip
import http.server
import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.cast import Cast
from tests.dns_server import DnsServer
from tests.transactional.egress.tls_peers import Authority
from transactional.inbound import reports
from transactional.models import Body, Message, Recipient, StsPolicy, TlsCount, TlsReportSent
from transactional.submission import tls_reports
from transactional.submission.tls_reports import send_due
from transactional.wire.tls_report import read_tls_report
from transactional.wire.unpack import unpack

NOW = (
    timezone.now().astimezone(UTC).replace(hour=6, minute=0)
)  # so that some hours later is no other day
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
    ask(dns_server, "mailto:tls@far.test,http://far.test/r,mailto:two@far.test")
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
    assert TlsCount.objects.filter(day=YESTERDAY).exists()  # another run may be at it
    assert send_due(NOW + timedelta(hours=2)) == 0 and Message.objects.count() == 2
    late = TlsCount.objects.get()
    assert (late.day, late.count) == ((NOW + timedelta(hours=2)).astimezone(UTC).date(), 10)
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
        "v=TLSRPTv1; rua=http://far.test/r", "v=TLSRPTv1", "v=TLSRPTv1; rua=mailto:not an address",
        "v=TLSRPTv1; rua=mailto:a@[127.0.0.1]", "nonsense", "v=TLSRPTv1; rua=mailto:jürgen@far.test", "v=TLSRPTv1; rua=mailto:",
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


def test_a_look_up_that_fails_is_repeated_while_the_day_is_young(
    dns_server: DnsServer, cast: Cast
) -> None:
    ask(dns_server, "mailto:tls@far.test")
    dns_server.fail("_smtp._tls.far.test", "TXT")
    counted()
    assert send_due(NOW) == 0
    assert "servfail" in TlsReportSent.objects.get().error and TlsCount.objects.exists()
    dns_server.zone = replace(dns_server.zone, failing=frozenset())
    assert send_due(NOW + timedelta(hours=1)) == 0  # not at every turn: others come first
    assert send_due(NOW + timedelta(days=1)) == 1
    assert TlsReportSent.objects.get().to == "tls@far.test" and not TlsCount.objects.exists()


def test_what_could_not_be_handed_over_goes_again_and_to_nobody_twice(
    dns_server: DnsServer, cast: Cast, settings: Any
) -> None:
    ask(dns_server, "mailto:tls@far.test,mailto:two@far.test")
    counted()
    settings.PLATFORM_FROM = "TLS reports <tls@unverified.example>"
    assert send_due(NOW) == 0 and TlsCount.objects.get().count == 5
    TlsReportSent.objects.filter(to="two@far.test").update(error="")  # this one had got it
    settings.PLATFORM_FROM = "TLS reports <tls@shop.example>"
    assert send_due(NOW + timedelta(days=1)) == 1
    assert Recipient.objects.get().address == "tls@far.test"
    assert not TlsCount.objects.exists() and not TlsReportSent.objects.exclude(error="").exists()


def test_failing_domains_do_not_stand_before_the_others(
    dns_server: DnsServer, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_reports, "BATCH", 1)
    dns_server.fail("_smtp._tls.a.test", "TXT")
    ask(dns_server, "mailto:tls@b.test", "b.test")
    counted("a.test")
    counted("b.test")
    assert sum(send_due(NOW) for _ in range(2)) == 1


def test_a_reader_that_no_header_can_name_does_not_stand_before_the_others(
    dns_server: DnsServer, cast: Cast
) -> None:
    ask(dns_server, "mailto:jürgen@a.test", "a.test")
    ask(dns_server, "mailto:tls@b.test", "b.test")
    counted("a.test")
    counted("b.test")
    assert send_due(NOW) == 1
    assert Recipient.objects.get().address == "tls@b.test"


def test_a_report_is_posted_to_an_https_address(
    dns_server: DnsServer,
    cast: Cast,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    authority, took = Authority(tmp_path), []

    class Reader(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            took.append((self.path, self.headers["Content-Type"], body))
            self.send_response(500 if len(took) == 1 else 201)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            return

    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Reader)
    context, _ = authority.context("reports.far.test")
    web.socket = context.wrap_socket(web.socket, server_side=True)
    threading.Thread(target=web.serve_forever, args=[0.05], daemon=True).start()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.pem))
    monkeypatch.setattr(tls_reports, "PORTS", frozenset({web.server_port}))
    dns_server.publish("reports.far.test", "A", "127.0.0.1")
    ask(dns_server, f"https://reports.far.test:{web.server_port}/v1?x=y")
    counted(result="certificate-expired", count=3)
    try:
        settings.EGRESS_PRIVATE_NETS = []
        assert send_due(NOW) == 0 and not took  # a private address is never asked
        assert "forbidden" in TlsReportSent.objects.get().error
        settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8"]
        assert send_due(NOW + timedelta(hours=7)) == 0 and len(took) == 1
        assert "500" in TlsReportSent.objects.get().error
        assert send_due(NOW + timedelta(hours=14)) == 1
    finally:
        web.shutdown()
        web.server_close()
    path, kind, body = took[-1]
    assert (path, kind) == ("/v1?x=y", "application/tlsrpt+gzip")
    assert read_tls_report(gzip.decompress(body)).policies[0].failures == 3
    assert not TlsCount.objects.exists() and not Message.objects.exists()
