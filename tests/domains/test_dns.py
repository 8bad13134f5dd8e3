"""Asking DNS: every status from a real server, route facts, hostile zones, a uvloop loop."""

import asyncio
import socket

import pytest
import uvloop

from domains import dns
from domains.zone import Zone
from tests.dns_server import DnsServer


def test_records_come_as_text(dns_server: DnsServer) -> None:
    dns_server.publish("a.test", "TXT", '"one " "two"', '"\\255x"')
    dns_server.publish("a.test", "MX", "10 MX.A.test.")
    dns_server.publish("10.0.0.127.in-addr.arpa", "PTR", "Mail.A.test.")
    found = dns.run(dns.txt("a.test"))
    assert found.status == dns.OK
    assert set(found.records) == {"one two", "\ufffdx"}
    assert dns.run(dns.mx("a.test")).records == ("10 mx.a.test",)
    assert dns.run(dns.ptr("127.0.0.10")).records == ("mail.a.test",)


def test_what_is_missing_has_a_status(dns_server: DnsServer) -> None:
    dns_server.publish("a.test", "MX", "10 b.test.")
    assert dns.run(dns.txt("a.test")).status == dns.NODATA
    assert dns.run(dns.txt("b.test")).status == dns.NXDOMAIN


@pytest.mark.parametrize("name", ["x" * 64 + ".test", "a..test", "a." * 130 + "test", "é" * 70])
def test_an_impossible_name_does_not_exist(dns_server: DnsServer, name: str) -> None:
    assert dns.run(dns.txt(name)).status == dns.NXDOMAIN


def test_an_endless_chain_of_aliases_ends(dns_server: DnsServer) -> None:
    for i in range(40):
        dns_server.publish(f"c{i}.test", "CNAME", f"c{(i + 1) % 40}.test.")
    assert dns.run(dns.txt("c0.test")).status in (dns.SERVFAIL, dns.NODATA)


def test_silence_is_a_timeout(settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns, "LIFETIME", 0.3)
    monkeypatch.setattr(dns, "ONE_TRY", 0.1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        asked = dns.query("a.test", "A", servers=("127.0.0.1",), port=mute.getsockname()[1])
        assert dns.run(asked).status == dns.TIMEOUT


def test_a_long_answer_comes_over_tcp(dns_server: DnsServer) -> None:
    dns_server.publish("many.test", "TXT", *(f'"{i} {"x" * 200}"' for i in range(100)))
    assert len(dns.run(dns.txt("many.test")).records) == 100


def test_mail_hosts_by_preference_with_addresses(dns_server: DnsServer) -> None:
    dns_server.publish("shop.test", "MX", "20 b.test.", "10 a.test.", "20 c.test.")
    dns_server.publish("a.test", "A", "192.0.2.1")
    dns_server.publish("b.test", "A", "192.0.2.2")
    dns_server.publish("b.test", "AAAA", "2001:db8::2")
    dns_server.publish("c.test", "CNAME", "b.test.")
    orders = set()
    for _ in range(40):
        found = dns.run(dns.mail_hosts("shop.test"))
        assert found.status == dns.OK
        assert found.hosts[0] == dns.MailHost("a.test", ("192.0.2.1",))
        assert {h.addresses for h in found.hosts[1:]} == {("192.0.2.2", "2001:db8::2")}
        orders.add(tuple(h.name for h in found.hosts))
    assert orders == {("a.test", "b.test", "c.test"), ("a.test", "c.test", "b.test")}


def test_mail_hosts_of_other_domains(dns_server: DnsServer) -> None:
    dns_server.publish("null.test", "MX", "0 .")
    dns_server.publish("plain.test", "A", "192.0.2.9")
    dns_server.publish("empty.test", "TXT", '"x"')
    dns_server.publish("dangling.test", "MX", "10 gone.test.")
    dns_server.publish("many.test", "MX", *(f"{i} m{i}.test." for i in range(100)))
    ask = dns.mail_hosts
    assert dns.run(ask("null.test")) == dns.MailHosts(dns.NULL_MX)
    assert dns.run(ask("plain.test")).hosts == (dns.MailHost("plain.test", ("192.0.2.9",)),)
    assert dns.run(ask("empty.test")).status == dns.NODATA
    assert dns.run(ask("gone.test")) == dns.MailHosts(dns.NXDOMAIN)
    assert dns.run(ask("dangling.test")).hosts == (dns.MailHost("gone.test", ()),)
    assert len(dns.run(ask("many.test")).hosts) == dns.MAX_HOSTS


def test_answers_are_kept_for_their_ttl(dns_server: DnsServer) -> None:
    dns_server.zone = Zone(ttl=300)
    dns_server.publish("a.test", "A", "192.0.2.1")
    assert dns.run(dns.host_addresses("a.test")) == ("192.0.2.1",)
    dns_server.publish("a.test", "A", "192.0.2.2")
    assert dns.run(dns.host_addresses("a.test")) == ("192.0.2.1",)
    assert dns.run(dns.a("a.test")).records == ("192.0.2.2",)
    dns.forget()
    assert dns.run(dns.host_addresses("a.test")) == ("192.0.2.2",)


def test_it_works_inside_uvloop(dns_server: DnsServer) -> None:
    dns_server.publish("plain.test", "A", "192.0.2.9")

    async def ask() -> list[dns.MailHosts]:
        return await asyncio.gather(*(dns.mail_hosts("plain.test") for _ in range(20)))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert {found.status for found in runner.run(ask())} == {dns.OK}
