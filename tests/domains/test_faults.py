"""Every broken zone gets its name, and no right one does, however odd it is."""

import pytest

from domains import authority, dns
from domains.checks import DomainReport, check_domain
from domains.models import Domain, DomainState
from domains.sentences_table import SENTENCES
from tests.cast import Cast
from tests.dns_server import DnsServer
from tests.domains.faults_table import FAULTS
from tests.domains.odd_zones_table import ODD
from tests.domains.publish import publish_domain, quoted
from tests.domains.zones import Change

UNDECIDED = {"servfail", "dnssec", "alias_loop", "spf_unanswered"}
NOTHING_THERE = {"missing", "mx_missing", "delegated"}


@pytest.fixture
def domain(cast: Cast) -> Domain:
    Domain.objects.of(cast.account).update(state=DomainState.PENDING, verified_at=None)
    return Domain.objects.of(cast.account).get()


def codes(report: DomainReport, purpose: str) -> list[str]:
    return [f.code for f in report.findings if f.purpose == purpose]


def test_the_tables_are_large_enough() -> None:
    assert len({code for _, code, _ in FAULTS.values()}) >= 55
    assert len(ODD) >= 10


@pytest.mark.parametrize("name", FAULTS)
def test_a_broken_zone_is_named(dns_server: DnsServer, domain: Domain, name: str) -> None:
    purpose, code, change = FAULTS[name]
    wanted = publish_domain(dns_server, domain)
    change(dns_server, wanted)
    report = check_domain(domain)
    assert code in codes(report, purpose)
    finding = next(f for f in report.findings if f.code == code)
    expected = "unknown" if code in UNDECIDED else "missing" if code in NOTHING_THERE else "wrong"
    assert finding.status == expected
    assert finding.sentence.endswith(".") and "%" not in finding.sentence
    # Nothing else is blamed
    rest = [f for f in report.findings if f.required and f.host != wanted[purpose].host]
    assert {f.code for f in rest} == {"ok"}
    domain.refresh_from_db()
    required = purpose not in ("tracking", "tls_reports")
    assert domain.state == (DomainState.PENDING if required else DomainState.VERIFIED)


@pytest.mark.parametrize("name", ODD)
def test_an_odd_zone_is_right(dns_server: DnsServer, domain: Domain, name: str) -> None:
    change: Change = ODD[name]
    change(dns_server, publish_domain(dns_server, domain))
    report = check_domain(domain)
    assert {(f.host, f.code) for f in report.findings if f.required and f.code != "ok"} == set()
    assert report.passed


@pytest.fixture
def own_servers(
    dns_server: DnsServer, domain: Domain, settings: object, monkeypatch: pytest.MonkeyPatch
) -> DnsServer:
    """The zone's own name server, another one than the resolver that is asked first."""
    settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8"]  # type: ignore[attr-defined]
    server = DnsServer()
    monkeypatch.setattr(authority, "PORT", server.port)
    dns_server.publish("shop.example", "NS", "ns1.provider.test.")
    dns_server.publish("ns1.provider.test", "A", "127.0.0.1")
    return server


def test_a_record_that_resolvers_do_not_see_yet(
    dns_server: DnsServer, own_servers: DnsServer, domain: Domain
) -> None:
    publish_domain(own_servers, domain)
    wanted = publish_domain(dns_server, domain)
    dns_server.publish(wanted["dkim"].host, "TXT", '"v=DKIM1; p="')
    dns_server.publish(wanted["return_path"].host, "MX")
    report = check_domain(domain)
    own_servers.close()
    assert codes(report, "dkim") == ["stale", "ok"]
    assert codes(report, "return_path") == ["stale"]
    finding = next(f for f in report.findings if f.code == "stale")
    assert finding.status == "unknown" and "1 more minutes" in finding.sentence
    assert report.undecided  # a verified domain stays so while caches clear


def test_name_servers_that_do_not_answer_for_the_domain(
    dns_server: DnsServer, own_servers: DnsServer, domain: Domain
) -> None:
    wanted = publish_domain(dns_server, domain)
    for server in (dns_server, own_servers):
        server.fail(wanted["spf"].host, "TXT")
    report = check_domain(domain)
    own_servers.close()
    assert codes(report, "spf") == ["lame"]
    finding = next(f for f in report.findings if f.code == "lame")
    assert finding.status == "unknown" and "ns1.provider.test" in finding.sentence


def test_a_wrong_answer_says_how_long_it_may_be_kept(dns_server: DnsServer, domain: Domain) -> None:
    wanted = publish_domain(dns_server, domain)
    dns_server.publish(wanted["dmarc"].host, "TXT", '"x"')
    finding = next(f for f in check_domain(domain).findings if f.purpose == "dmarc")
    assert finding.ttl == 2 and finding.stored()["ttl"] == 2


def test_name_servers_on_our_own_network_are_not_asked(
    dns_server: DnsServer, own_servers: DnsServer, settings: object
) -> None:
    settings.EGRESS_PRIVATE_NETS = []  # type: ignore[attr-defined]
    own_servers.publish("shop.example", "TXT", '"x"')
    assert dns.run(authority.ask("shop.example", "TXT")) is None
    settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8"]  # type: ignore[attr-defined]
    found = dns.run(authority.ask("shop.example", "TXT"))
    own_servers.close()
    assert found and found.answer.records == ("x",) and found.silent == ()


def test_every_sentence_has_its_broken_zone() -> None:
    """The others are shown by the tests of checks, of SPF, of IPs, of complaints and refusals, of our own DNS."""
    shown = {code for _, code, _ in FAULTS.values()} | {"timeout", "lame", "stale", "inherited"}
    shown |= {"ip_waits", "too_many_hosts", "no_https", "other_server"}
    ips = {"private", "no_ptr", "awaits_ptr", "not_confirmed", "ehlo_unresolved", "ehlo_elsewhere"}
    ips |= {"generic_name", "not_bindable", "bind_refused", "spf_not_covered"}
    ips |= {"not_on_host", "host_silent", "host_unasked", "listed"}
    mail = {"complaints", "complaints_fell", "complaints_answered", "refused_unauthenticated"}
    ours = {"ours_awaits", "ours_lags", "direct", "other_instead"}
    ours |= {"more_ns", "ns_suffix", "wrong_ns"}
    assert set(SENTENCES) - shown - ips - mail - ours == set()


def test_text_that_is_no_record_is_quoted_whole() -> None:
    assert quoted('a"é', piece=20) == '"a\\"\\195\\169"'
