"""Every finding, from a real zone: right ones pass, broken ones are named."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from config import fetch
from domains import checks, dkim, dns
from domains.checks import DomainReport, check_domain
from domains.models import Domain, DomainState, EgressSource, SourceState
from domains.records import Record
from tests.cast import Cast
from tests.dns_server import DnsServer
from tests.domains.publish import publish_domain

Break = Callable[[DnsServer, dict[str, Record]], None]


@pytest.fixture
def domain(cast: Cast) -> Domain:
    Domain.objects.of(cast.account).update(state=DomainState.PENDING, verified_at=None)
    return Domain.objects.of(cast.account).get()


def codes(report: DomainReport, purpose: str) -> list[str]:
    return [f.code for f in report.findings if f.purpose == purpose]


def test_right_records_verify_at_once(dns_server: DnsServer, domain: Domain) -> None:
    publish_domain(dns_server, domain)
    report = check_domain(domain)
    assert [f.code for f in report.findings if f.required] == ["ok"] * 5
    domain.refresh_from_db()
    assert domain.state == DomainState.VERIFIED
    assert domain.verified_at is not None
    assert domain.next_check_at - timezone.now() > timedelta(minutes=50)


def test_nothing_published_stays_pending(dns_server: DnsServer, domain: Domain) -> None:
    report = check_domain(domain)
    assert {f.code for f in report.findings} == {"missing"}
    assert all("Add this" in f.sentence for f in report.findings)
    domain.refresh_from_db()
    assert domain.state == DomainState.PENDING
    assert domain.next_check_at - timezone.now() < timedelta(seconds=20)


def _txt(purpose: str, change: Callable[[str], tuple[str, ...]]) -> Break:
    def apply(server: DnsServer, wanted: dict[str, Record]) -> None:
        record = wanted[purpose]
        server.publish(record.host, "TXT", *(_quoted(v) for v in change(record.value)))

    return apply


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return " ".join(f'"{escaped[i : i + 200]}"' for i in range(0, len(escaped), 200)) or '""'


def _moved(purpose: str) -> Break:
    def apply(server: DnsServer, wanted: dict[str, Record]) -> None:
        record = wanted[purpose]
        server.publish(record.host, record.type)
        server.publish(f"{record.host}.shop.example", record.type, _quoted(record.value))

    return apply


def _alias(purpose: str) -> Break:
    def apply(server: DnsServer, wanted: dict[str, Record]) -> None:
        record = wanted[purpose]
        server.zone.names[record.host] = {"CNAME": ("elsewhere.test.",)}
        server.publish("elsewhere.test", "A", "192.0.2.1")

    return apply


def _mx(*values: str) -> Break:
    def apply(server: DnsServer, wanted: dict[str, Record]) -> None:
        record = wanted["return_path"]
        server.publish(record.host, "MX", *(v.format(record.value) for v in values))

    return apply


OTHER_KEY = "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0000"
FAULTS: list[tuple[str, str, Break]] = [
    ("dkim", "pasted_twice", _txt("dkim", lambda v: (v + v,))),
    ("dkim", "pasted_twice", _txt("dkim", lambda v: (f"{v} {v}",))),
    ("dkim", "quotes_included", _txt("dkim", lambda v: (f'"{v}"',))),
    ("dkim", "suffix_doubled", _moved("dkim")),
    ("dkim", "cname_instead", _alias("dkim")),
    ("dkim", "revoked", _txt("dkim", lambda v: ("v=DKIM1; k=rsa; p=",))),
    ("dkim", "other_key", _txt("dkim", lambda v: (OTHER_KEY,))),
    ("dkim", "cut_off", _txt("dkim", lambda v: (v[:255],))),
    ("dkim", "not_a_key", _txt("dkim", lambda v: ("hello",))),
    ("dkim", "several_records", _txt("dkim", lambda v: (v, OTHER_KEY))),
    ("dkim", "wrong_key_type", _txt("dkim", lambda v: (v.replace("k=rsa", "k=ed25519"),))),
    ("dkim", "wrong_version", _txt("dkim", lambda v: (v.replace("DKIM1", "DKIM2"),))),
    ("spf", "two_spf", _txt("spf", lambda v: (v, "v=spf1 a -all"))),
    ("spf", "no_spf", _txt("spf", lambda v: ("google-site-verification=1",))),
    ("spf", "ip_not_covered", _txt("spf", lambda v: ("v=spf1 ip4:192.0.2.0/24 -all",))),
    (
        "spf",
        "ip_not_covered",
        _txt("spf", lambda v: ("v=spf1 -ip4:127.0.0.10 ip4:127.0.0.0/8 -all",)),
    ),
    ("spf", "open_spf", _txt("spf", lambda v: (v.replace("-all", "+all"),))),
    ("spf", "quotes_included", _txt("spf", lambda v: (f'"{v}"',))),
    ("spf", "pasted_twice", _txt("spf", lambda v: (f"{v} {v}",))),
    ("dmarc", "two_dmarc", _txt("dmarc", lambda v: (v, "v=DMARC1; p=reject"))),
    ("dmarc", "dmarc_syntax", _txt("dmarc", lambda v: ("v=DMARC1, p none",))),
    ("dmarc", "dmarc_syntax", _txt("dmarc", lambda v: ("p=none; v=DMARC1",))),
    ("dmarc", "dmarc_syntax", _txt("dmarc", lambda v: ("v=DMARC1; p=none; p=reject",))),
    ("dmarc", "dmarc_policy", _txt("dmarc", lambda v: ("v=DMARC1; p=monitor",))),
    ("dmarc", "dmarc_policy", _txt("dmarc", lambda v: ("v=DMARC1; rua=mailto:a@b.test",))),
    ("return_path", "wrong_mx", _mx("10 mx.elsewhere.test.")),
    ("return_path", "more_mx", _mx("{}.", "20 mx.elsewhere.test.")),
    ("return_path", "wrong_mx", _mx("0 .")),
    ("return_path", "cname_instead", _alias("return_path")),
]


@pytest.mark.parametrize(("purpose", "code", "apply"), FAULTS)
def test_a_fault_is_named(
    dns_server: DnsServer, domain: Domain, purpose: str, code: str, apply: Break
) -> None:
    wanted = publish_domain(dns_server, domain)
    apply(dns_server, wanted)
    report = check_domain(domain)
    assert code in codes(report, purpose)
    finding = next(f for f in report.findings if f.code == code)
    assert finding.status == "wrong" and finding.sentence.endswith(".")
    domain.refresh_from_db()
    assert domain.state == DomainState.PENDING
    others = [f for f in report.findings if f.required and f.host != wanted[purpose].host]
    assert {f.code for f in others} == {"ok"}


ODD: list[tuple[str, Callable[[str], tuple[str, ...]]]] = [
    ("dkim", lambda v: (v.replace("v=DKIM1; ", ""),)),
    ("dkim", lambda v: (v.replace("; ", ";").replace("p=", "t=s; p = ") + ";",)),
    ("dkim", lambda v: (v[:100] + " " + v[100:],)),
    ("spf", lambda v: ("v=spf1 ip4:127.0.0.0/24 ~all", "other text")),
    ("spf", lambda v: (v.replace("v=spf1", "V=SPF1").replace("ip4", "+ip4"),)),
    ("dmarc", lambda v: ("v=DMARC1; p=reject; adkim=s; rua=mailto:d@shop.example",)),
    ("dmarc", lambda v: ("v=DMARC1;p=Quarantine", "unrelated")),
]


@pytest.mark.parametrize(("purpose", "change"), ODD)
def test_odd_but_right_is_no_fault(
    dns_server: DnsServer, domain: Domain, purpose: str, change: Callable[[str], tuple[str, ...]]
) -> None:
    wanted = publish_domain(dns_server, domain)
    _txt(purpose, change)(dns_server, wanted)
    assert set(codes(check_domain(domain), purpose)) == {"ok"}


def test_an_alias_that_leads_to_the_record_is_right(dns_server: DnsServer, domain: Domain) -> None:
    record = publish_domain(dns_server, domain)["dkim"]
    dns_server.zone.names[record.host] = {"CNAME": ("keys.test.",)}
    dns_server.publish("keys.test", "TXT", _quoted(record.value))
    assert codes(check_domain(domain), "dkim") == ["ok", "ok"]


def test_the_policy_of_the_organisational_domain_counts(dns_server: DnsServer, cast: Cast) -> None:
    domain = Domain.objects.create(account=cast.account, name="news.shop.example")
    dkim.create_keys(domain)
    record = publish_domain(dns_server, domain)["dmarc"]
    dns_server.publish(record.host, "TXT")
    dns_server.publish("_dmarc.shop.example", "TXT", '"v=DMARC1; p=reject"')
    report = check_domain(domain)
    assert codes(report, "dmarc") == ["inherited"]
    assert report.passed


def test_records_of_another_account_verify_nothing(
    dns_server: DnsServer, domain: Domain, cast: Cast
) -> None:
    publish_domain(dns_server, domain)
    other = Domain.objects.create(account=cast.other_account, name=domain.name)
    dkim.create_keys(other)
    report = check_domain(other)
    assert codes(report, "dkim") == ["missing", "missing"]
    assert codes(report, "return_path") == ["missing"]


def test_records_that_vanish_break_the_domain(dns_server: DnsServer, domain: Domain) -> None:
    wanted = publish_domain(dns_server, domain)
    check_domain(domain)
    dns_server.publish(wanted["dkim"].host, "TXT")
    check_domain(domain)
    domain.refresh_from_db()
    assert domain.state == DomainState.BROKEN
    dkim.forget()
    keys = dkim.signing_keys(domain.account_id, domain.name)
    assert [key.algorithm for key in keys] == ["ed25519"]  # the one still published
    publish_domain(dns_server, domain)
    check_domain(domain)
    domain.refresh_from_db()
    assert domain.state == DomainState.VERIFIED


def test_a_new_ip_does_not_stop_a_verified_domain(dns_server: DnsServer, domain: Domain) -> None:
    publish_domain(dns_server, domain)
    check_domain(domain)
    source = EgressSource.objects.create(
        account=domain.account, address="127.0.0.50", ehlo_name="mail5.shop.example"
    )
    report = check_domain(domain)
    assert codes(report, "spf") == ["ip_waits"] and report.passed
    source.state = SourceState.READY
    source.save()
    assert codes(check_domain(domain), "spf") == ["ip_not_covered"]


@pytest.mark.parametrize("status", [dns.SERVFAIL, dns.TIMEOUT])
def test_when_dns_fails_nothing_is_concluded(
    dns_server: DnsServer, domain: Domain, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    publish_domain(dns_server, domain)
    check_domain(domain)

    async def fail(name: str, rdtype: str, **_: object) -> dns.Answer:
        return dns.Answer(status)

    monkeypatch.setattr(dns, "query", fail)
    report = check_domain(domain)
    assert {f.code for f in report.findings} == {status}
    domain.refresh_from_db()
    assert domain.state == DomainState.VERIFIED
    assert domain.next_check_at - timezone.now() < timedelta(minutes=6)


def test_a_hundred_records_are_cut_in_the_findings(dns_server: DnsServer, domain: Domain) -> None:
    wanted = publish_domain(dns_server, domain)
    many = tuple(f"text {i} " + "x" * 150 for i in range(100))
    _txt("dmarc", lambda v: many)(dns_server, wanted)
    report = check_domain(domain)
    finding = next(f for f in report.findings if f.purpose == "dmarc")
    assert finding.code == "not_dmarc" and len(finding.found) == 5


def test_a_tracking_host_needs_its_https_probe(dns_server: DnsServer, domain: Domain) -> None:
    wanted = publish_domain(dns_server, domain)["tracking"]
    dns_server.publish(wanted.host, "CNAME", f"{wanted.value}.")
    dns_server.publish(wanted.value, "A", "127.0.0.1")
    report = check_domain(domain)
    assert codes(report, "tracking") == ["no_https"]
    assert report.passed and not report.tracking_ready
    domain.refresh_from_db()
    assert (domain.state, domain.tracking_ready) == (DomainState.VERIFIED, False)


@pytest.mark.parametrize(
    ("status", "mine", "ready"), [(200, True, True), (200, False, False), (404, True, False)]
)
def test_only_our_own_answer_passes_the_probe(
    dns_server: DnsServer,
    domain: Domain,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    mine: bool,
    ready: bool,
) -> None:
    wanted = publish_domain(dns_server, domain)["tracking"]
    dns_server.publish(wanted.host, "CNAME", f"{wanted.value}.")
    dns_server.publish(wanted.value, "A", "127.0.0.1")
    asked = []

    def get(url: str, **_: object) -> fetch.Fetched:
        asked.append(url)
        host = wanted.host if mine else "t9.other.example"
        return fetch.Fetched(status, checks.probe_proof(host).encode())

    monkeypatch.setattr(fetch, "get", get)
    assert check_domain(domain).tracking_ready is ready
    assert asked == [f"https://{wanted.host}/.well-known/postino/{wanted.host}"]
    domain.refresh_from_db()
    assert domain.tracking_ready is ready
