"""An IP is ready the moment its names are right, and never before."""

from datetime import timedelta

import pytest

from domains import connect, dns, hosts, pools, source_checks
from domains.models import Domain, EgressSource, PoolMember, SourceState
from domains.source_checks import SourceReport, check_source
from tests.cast import Cast
from tests.dns_server import DnsServer
from tests.domains.publish import publish_source, publish_spf


@pytest.fixture
def source(cast: Cast, settings: object) -> EgressSource:
    settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8"]  # type: ignore[attr-defined]
    return EgressSource.objects.create(
        account=cast.account, address="127.0.0.20", ehlo_name="mail2.shop.example"
    )


def publish(server: DnsServer, source: EgressSource) -> None:
    """The IP's names, and the SPF of the domain that sends already."""
    publish_source(server, source)
    publish_spf(server, Domain.objects.of(source.account_id).get())


def codes(report: SourceReport) -> dict[str, str]:
    return {f.purpose: f.code for f in report.findings}


def test_right_names_make_it_ready_and_used(dns_server: DnsServer, source: EgressSource) -> None:
    publish(dns_server, source)
    assert check_source(source).passed
    source.refresh_from_db()
    assert source.state == SourceState.READY and source.ready_at is not None
    pool = pools.dedicated_pool(source.account)
    assert source.pk in {usable.id for usable in pools.usable(pool.pk)}


def test_a_check_that_ends_late_does_not_undo_what_a_later_one_found(
    dns_server: DnsServer, source: EgressSource
) -> None:
    bound = hosts.binding(source)
    early = dns.run(source_checks.observe(source.address, source.ehlo_name, bound))
    publish(dns_server, source)
    assert check_source(EgressSource.objects.get(pk=source.pk)).passed
    source_checks.apply(source, early, ())
    assert source.state == SourceState.READY
    assert {finding["code"] for finding in source.findings} == {"ok"}


def test_whoever_takes_the_next_turn_does_not_void_the_check_under_way(
    dns_server: DnsServer, source: EgressSource
) -> None:
    publish(dns_server, source)
    bound = hosts.binding(source)
    found = dns.run(source_checks.observe(source.address, source.ehlo_name, bound))
    assert connect.take_turn(source, timedelta(0))
    source_checks.apply(source, found, ())
    assert source.state == SourceState.READY


def test_nothing_in_dns(dns_server: DnsServer, source: EgressSource) -> None:
    found = codes(check_source(source))
    assert (found["ptr"], found["forward"]) == ("no_ptr", "awaits_ptr")
    assert found["ehlo"] == "ehlo_unresolved"
    source.refresh_from_db()
    assert source.state == SourceState.PENDING
    assert not PoolMember.objects.filter(source=source).exists()


def test_a_reverse_record_that_does_not_lead_back(
    dns_server: DnsServer, source: EgressSource
) -> None:
    publish(dns_server, source)
    dns_server.publish("20.0.0.127.in-addr.arpa", "PTR", "host.provider.test.")
    dns_server.publish("host.provider.test", "A", "192.0.2.5")
    assert codes(check_source(source))["forward"] == "not_confirmed"


def test_an_ehlo_name_that_leads_elsewhere(dns_server: DnsServer, source: EgressSource) -> None:
    publish(dns_server, source)
    dns_server.publish(source.ehlo_name, "A", "192.0.2.5")
    assert codes(check_source(source))["ehlo"] == "ehlo_elsewhere"


@pytest.mark.parametrize(
    ("name", "generic"),
    [
        ("host-127-0-0-20.isp.test", True),
        ("20.0.0.127.dyn.isp.test", True),
        ("ip127000000020.isp.test", True),
        ("mail20.shop.example", False),
        ("mx127.shop.example", False),
    ],
)
def test_a_generic_name(
    dns_server: DnsServer, source: EgressSource, name: str, generic: bool
) -> None:
    source.ehlo_name = name
    publish(dns_server, source)
    assert (codes(check_source(source))["generic"] == "generic_name") is generic


def test_repeated_octets_are_not_generic_by_themselves(
    dns_server: DnsServer, source: EgressSource
) -> None:
    source.address, source.ehlo_name = "127.127.127.127", "mx127.shop.example"
    assert codes(check_source(source))["generic"] == "ok"


def test_a_private_address_outside_the_sandbox(
    dns_server: DnsServer, source: EgressSource, settings: object
) -> None:
    publish(dns_server, source)
    settings.EGRESS_PRIVATE_NETS = []  # type: ignore[attr-defined]
    settings.SANDBOX, settings.EGRESS = False, "mx"  # type: ignore[attr-defined]
    assert codes(check_source(source))["range"] == "private"
    settings.SANDBOX = True  # type: ignore[attr-defined]
    assert codes(check_source(source))["range"] == "ok"


def test_an_address_this_host_does_not_have(dns_server: DnsServer, source: EgressSource) -> None:
    source.address = "198.51.100.7"
    assert codes(check_source(source))["bind"] == "not_bindable"


def test_a_ready_ip_whose_names_vanish_is_not_used(
    dns_server: DnsServer, source: EgressSource
) -> None:
    publish(dns_server, source)
    check_source(source)
    dns_server.publish("20.0.0.127.in-addr.arpa", "PTR")
    check_source(source)
    assert EgressSource.objects.get(pk=source.pk).state == SourceState.PENDING


def test_a_paused_ip_stays_paused(dns_server: DnsServer, source: EgressSource) -> None:
    EgressSource.objects.filter(pk=source.pk).update(state=SourceState.PAUSED)
    publish(dns_server, source)
    assert check_source(source).passed
    assert source.state == SourceState.PAUSED


def test_when_dns_fails_a_ready_ip_stays_ready(
    dns_server: DnsServer, source: EgressSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(dns_server, source)
    check_source(source)

    async def fail(name: str, rdtype: str, **_: object) -> dns.Answer:
        return dns.Answer(dns.SERVFAIL)

    monkeypatch.setattr(dns, "query", fail)
    report = check_source(source)
    assert codes(report)["ptr"] == "servfail"
    assert EgressSource.objects.get(pk=source.pk).state == SourceState.READY


def test_an_ip_waits_for_the_spf_of_domains_that_send(
    dns_server: DnsServer, source: EgressSource
) -> None:
    domain = Domain.objects.of(source.account_id).get()
    publish_source(dns_server, source)
    dns_server.publish(domain.return_path_host, "TXT", '"v=spf1 ip4:127.0.0.10 -all"')
    report = check_source(source)
    assert codes(report)["spf"] == "spf_not_covered" and not report.passed
    assert source.state == SourceState.PENDING
    dns_server.publish(domain.return_path_host, "TXT", '"v=spf1 ip4:127.0.0.0/24 -all"')
    check_source(source)
    assert source.state == SourceState.READY
    # From then on a broken SPF is the domain's fault, and stops no other domain's mail
    dns_server.publish(domain.return_path_host, "TXT")
    assert check_source(source).passed
