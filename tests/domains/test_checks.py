"""Every finding, from a real zone: right ones pass, broken ones are named."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from config import fetch
from domains import checks, connect, dkim, dns, standing
from domains.checks import DomainReport, check_domain
from domains.models import Domain, DomainChange, DomainState, EgressSource, SourceState
from domains.records import required
from domains.standing import drifting
from tests.cast import Cast
from tests.dns_server import DnsServer
from tests.domains.publish import publish_domain, publish_record, quoted


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


def test_an_alias_that_leads_to_the_record_is_right(dns_server: DnsServer, domain: Domain) -> None:
    record = publish_domain(dns_server, domain)["dkim"]
    dns_server.zone.names[record.host] = {"CNAME": ("keys.test.",)}
    dns_server.publish("keys.test", "TXT", quoted(record.value))
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


def test_a_selector_that_breaks_leaves_the_signing_to_the_others(
    dns_server: DnsServer, domain: Domain
) -> None:
    wanted = publish_domain(dns_server, domain)
    check_domain(domain)
    rsa, ed = [record for record in required(domain) if record.purpose == "dkim"]
    dns_server.publish(ed.host, "TXT")
    check_domain(domain)
    assert (domain.state, drifting(domain)) == (DomainState.VERIFIED, True)
    dns_server.publish(rsa.host, "TXT")
    publish_record(dns_server, ed)
    check_domain(domain)
    domain.refresh_from_db()
    assert domain.state == DomainState.BROKEN  # many receivers read RSA alone
    dkim.forget()
    keys = dkim.signing_keys(domain.account_id, domain.name)
    assert [key.algorithm for key in keys] == ["ed25519"]  # the one still published
    publish_record(dns_server, wanted["dkim"])
    check_domain(domain)
    domain.refresh_from_db()
    assert (domain.state, drifting(domain)) == (DomainState.VERIFIED, False)


def test_a_check_that_ends_late_does_not_undo_what_a_later_one_found(
    dns_server: DnsServer, domain: Domain
) -> None:
    wanted = required(domain)
    early = dns.run(checks.observe(domain, wanted))  # the periodic task's
    publish_domain(dns_server, domain)
    assert check_domain(Domain.objects.get(pk=domain.pk)).passed  # the page's
    standing.apply(domain, wanted, early)
    assert domain.state == DomainState.VERIFIED
    domain.refresh_from_db()
    assert domain.state == DomainState.VERIFIED and domain.verified_at is not None
    assert {key.published for key in domain.dkim_keys.all()} == {True}


def test_whoever_takes_the_next_turn_does_not_void_the_check_under_way(
    dns_server: DnsServer, domain: Domain
) -> None:
    """Pages that are open beside each other, and a DNS server that answers more slowly than they ask."""
    wanted = required(domain)
    publish_domain(dns_server, domain)
    found = dns.run(checks.observe(domain, wanted))
    assert connect.take_turn(domain, timedelta(0))
    standing.apply(domain, wanted, found)
    assert domain.state == DomainState.VERIFIED


def test_records_that_vanish_break_the_domain(dns_server: DnsServer, domain: Domain) -> None:
    wanted = publish_domain(dns_server, domain)
    check_domain(domain)
    dns_server.publish(wanted["return_path"].host, "MX")
    check_domain(domain)
    assert domain.state == DomainState.BROKEN
    publish_domain(dns_server, domain)
    check_domain(domain)
    domain.refresh_from_db()
    assert domain.state == DomainState.VERIFIED


def test_what_changes_is_noted_once(dns_server: DnsServer, domain: Domain) -> None:
    wanted = publish_domain(dns_server, domain)

    def kinds() -> list[str]:
        check_domain(domain)
        return list(domain.changes.order_by("pk").values_list("kind", flat=True))

    assert kinds() == []
    dns_server.publish(wanted["dmarc"].host, "TXT")
    assert kinds() == ["broke"]
    assert kinds() == ["broke"]
    dns_server.fail(wanted["dmarc"].host, "TXT")  # no answer concludes nothing
    assert kinds() == ["broke"]
    dns_server.zone = replace(dns_server.zone, failing=frozenset())
    dns_server.publish(wanted["return_path"].host, "MX")
    assert kinds() == ["broke", "broke"]
    publish_domain(dns_server, domain)
    assert kinds() == ["broke", "broke", "recovered"]
    first = domain.changes.order_by("pk").first()
    assert first is not None and [f["purpose"] for f in first.findings] == ["dmarc"]


def test_a_name_verified_elsewhere_is_told_to_who_had_it(
    dns_server: DnsServer, domain: Domain, cast: Cast
) -> None:
    publish_domain(dns_server, domain)
    check_domain(domain)
    other = Domain.objects.create(account=cast.other_account, name=domain.name)
    dkim.create_keys(other)
    check_domain(other)
    assert not DomainChange.objects.exists()
    publish_domain(dns_server, other)
    check_domain(other)
    assert other.state == DomainState.VERIFIED
    assert [(c.domain_id, c.kind) for c in DomainChange.objects.all()] == [(domain.pk, "elsewhere")]


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
    dns_server.publish(wanted["dmarc"].host, "TXT", *(quoted(text) for text in many))
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
