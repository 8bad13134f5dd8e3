"""Reports that come by mail: kept once, joined to their domain; hostile ones refused."""

import asyncio
import json
from datetime import timedelta
from email.message import EmailMessage

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from domains.models import DmarcReport, DmarcSource, Domain, TlsReport
from tests.cast import Cast
from tests.transactional.wire.reports import dmarc_xml, gzipped, record, tls_json, zipped
from transactional.inbound import reports
from transactional.inbound.reports import Box, box_of
from transactional.inbound.server import Intake
from transactional.wire.handler import Envelope
from transactional.wire.mime import MimeError
from transactional.wire.unpack import MOST, UnpackError


def now_xml(*records: str, **changed: object) -> bytes:
    end = int(timezone.now().timestamp()) - 3600
    return dmarc_xml(*records, **{"begin": end - 86399, "end": end, **changed})  # type: ignore[arg-type]


def now_json(**changed: object) -> bytes:
    end = timezone.now() - timedelta(hours=1)
    span = {
        "start-datetime": (end - timedelta(days=1)).isoformat(),
        "end-datetime": end.isoformat(),
    }
    return json.dumps(tls_json(**{"date-range": span, **changed})).encode()


def mail(content: bytes, kind: str = "application/gzip", *, words: str = "See the file.") -> bytes:
    message = EmailMessage()
    message["From"] = "noreply@big.test"
    message["To"] = "dmarc@b1.shop.example"
    message["Subject"] = "Report Domain: shop.example"
    message.set_content(words)
    main, sub = kind.split("/")
    message.add_attachment(content, maintype=main, subtype=sub, filename="big.test!shop.example.gz")
    return bytes(message).replace(b"\n", b"\r\n")


@pytest.fixture
def box(cast: Cast) -> Box:
    return Box("dmarc", cast.account.pk, "shop.example")


@pytest.fixture
def tls_box(cast: Cast) -> Box:
    return Box("tlsrpt", cast.account.pk, "shop.example")


def test_a_report_is_kept_once(cast: Cast, box: Box) -> None:
    rows = [record(), record(count=5), record("203.0.113.5", 7, dkim="fail", spf="fail")]
    data = mail(gzipped(now_xml(*rows)))
    assert [reports.take(data, box), reports.take(data, box)] == ["DMARC report", "report again"]
    kept = DmarcReport.objects.of(cast.account).get()
    assert (kept.reporter, kept.messages, kept.policy) == ("Big Mail & Co", 24, "none")
    told = set(kept.sources.values_list("ip", "count", "dkim", "spf"))
    assert told == {("127.0.0.10", 17, True, True), ("203.0.113.5", 7, False, False)}


@pytest.mark.parametrize(
    ("pack", "kind"),
    [
        (gzipped, "application/octet-stream"),
        (lambda data: zipped(("r.xml", data)), "application/zip"),
        (bytes, "application/xml"),
    ],
)
def test_however_it_is_packed(cast: Cast, box: Box, pack: object, kind: str) -> None:
    assert reports.take(mail(pack(now_xml()), kind), box) == "DMARC report"  # type: ignore[operator]


def test_a_report_that_is_the_whole_mail(cast: Cast, box: Box) -> None:
    head = b"From: a@b.test\r\nContent-Type: application/xml\r\n\r\n"
    assert reports.take(head + now_xml().replace(b"\n", b"\r\n"), box) == "DMARC report"


def test_a_tls_report_is_kept_once(cast: Cast, tls_box: Box) -> None:
    data = mail(gzipped(now_json()), "application/tlsrpt+gzip")
    assert [reports.take(data, tls_box) for _ in range(2)] == ["TLS report", "report again"]
    kept = TlsReport.objects.of(cast.account).get()
    assert (kept.successes, kept.failures) == (5326, 303)
    assert kept.details[0]["result"] == "certificate-expired"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (gzipped(b"\0" * (MOST + 1)), "report refused: bomb"),
        (zipped(("r.xml", b"\0" * (MOST + 1))), "report refused: bomb"),
        (b"PK\x03\x04garbage", "report refused: broken"),
        (
            b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><feedback/>',
            "report refused: doctype",
        ),
        (b"just text", "no report"),
        (b"", "no report"),
        (b"\xff\xd8\xff\xe0 a picture", "no report"),
    ],
)
def test_hostile_reports_are_refused(cast: Cast, box: Box, content: bytes, word: str) -> None:
    assert reports.take(mail(content), box) == word
    assert not DmarcReport.objects.exists()


def test_a_report_about_others_or_another_time_is_not_kept(cast: Cast, box: Box) -> None:
    def word(**changed: object) -> str:
        return reports.take(mail(gzipped(now_xml(**changed))), box)

    at = int(timezone.now().timestamp())
    assert word(domain="victim.example") == "report about another domain"
    assert word(begin=at, end=at + 5 * 86400) == "report about the future"
    assert word(begin=at - 90 * 86400, end=at - 89 * 86400) == "stale"
    assert word(domain="news.shop.example") == "DMARC report"  # of the same organisation
    nobody = Box("dmarc", cast.account.pk, "nobody.example")
    assert reports.take(mail(gzipped(now_xml())), nobody) == "report about nobody"
    assert DmarcReport.objects.count() == 1


def test_a_flood_of_reports_is_cut(
    cast: Cast, box: Box, tls_box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "PER_DAY", 3)
    words = [reports.take(mail(gzipped(now_xml(report_id=f"r{i}"))), box) for i in range(5)]
    assert words == ["DMARC report"] * 3 + ["too many reports"] * 2
    assert reports.take(mail(gzipped(now_json())), tls_box) == "TLS report"


@given(st.binary(max_size=600))
def test_any_mail_is_read_or_refused(data: bytes) -> None:
    head = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
    for raw in (data, head + data, head + b"Content-Type: application/gzip\r\n\r\n\x1f\x8b" + data):
        try:
            reports._document(raw)
        except (UnpackError, MimeError):
            pass


def test_the_largest_sources_are_kept(
    cast: Cast, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "SOURCES", 10)
    rows = [record(f"203.0.113.{i}", i + 1) for i in range(50)]
    assert reports.take(mail(gzipped(now_xml(*rows))), box) == "DMARC report"
    assert DmarcSource.objects.count() == 10
    assert min(DmarcSource.objects.values_list("count", flat=True)) == 41


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("dmarc@b7.shop.example", Box("dmarc", 7, "shop.example")),
        ("DMARC@B7.Shop.Example", Box("dmarc", 7, "shop.example")),
        ("tlsrpt@b7.shop.example", Box("tlsrpt", 7, "shop.example")),
        ("dmarc@shop.example", None),
        ("dmarc@b.shop.example", None),
        ("dmarc+x@b7.shop.example", None),
        ("other@b7.shop.example", None),
        ("dmarc@b7.shop.example\n", None),
        (f"dmarc@b{'9' * 30}.shop.example", None),
    ],
)
def test_where_reports_go(address: str, found: Box | None) -> None:
    assert box_of(address) == found


@pytest.mark.django_db(transaction=True)
def test_over_smtp_only_boxes_of_our_domains_are_open(cast: Cast) -> None:
    number = cast.account.pk
    mine, other = f"dmarc@b{number}.shop.example", f"dmarc@b{number}.stranger.example"

    async def main() -> tuple[list[int], dict[str, int]]:
        handler = Intake()
        envelope = Envelope("127.0.0.1", "a", False, None, None, (mine,), mail(gzipped(now_xml())))
        try:
            replies = [await handler.rcpt(envelope, address) for address in (mine, other)]
            done = await handler.message(envelope)
        finally:
            await handler.close()
        return [reply.code if reply else 0 for reply in (*replies, done)], dict(handler.counted)

    assert asyncio.run(main()) == ([0, 550, 250], {"unknown address": 1, "DMARC report": 1})
    assert Domain.objects.of(cast.account).get().dmarc_reports.count() == 1
