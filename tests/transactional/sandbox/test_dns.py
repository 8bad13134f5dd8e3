"""The sandbox's DNS: what it answers for rows, for other names, and for hostile packets."""

import asyncio
import socket

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdataclass
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.checks import check_domain
from domains.models import Domain, DomainState, EgressSource, SourceState
from domains.source_checks import check_source
from domains.zone import Zone, answer, respond
from tests.cast import Cast
from tests.dns_server import DnsServer
from transactional.sandbox.dns import Rows, to_the_sink, zone_of_rows

ZONE = Zone(
    {
        "shop.example": {"MX": ("10 mx.sandbox.test.",)},
        "t1.shop.example": {"CNAME": ("platform.test.",)},
        "platform.test": {"A": ("127.0.0.1",)},
        "big.test": {"TXT": tuple(f'"{i}{"x" * 240}"' for i in range(20))},
    },
    fallback=to_the_sink,
)


def ask(name: str, kind: str, zone: Zone = ZONE) -> dns.message.Message:
    return answer(dns.message.make_query(name, kind), zone)


def texts(response: dns.message.Message) -> list[str]:
    return [rdata.to_text() for rrset in response.answer for rdata in rrset]


def test_names_answer_whatever_their_case() -> None:
    response = ask("Shop.EXAMPLE", "MX")
    assert texts(response) == ["10 mx.sandbox.test."]
    assert response.flags & dns.flags.AA


def test_aliases_are_followed() -> None:
    assert texts(ask("t1.shop.example", "A")) == ["platform.test.", "127.0.0.1"]
    assert texts(ask("t1.shop.example", "CNAME")) == ["platform.test."]


def test_any_other_name_leads_to_the_sink() -> None:
    for name in ("x.sandbox.test", "gmail.com", "deep.er.example.org"):
        assert texts(ask(name, "MX")) == ["10 mx.sandbox.test."]
        response = ask(name, "A")
        assert (response.rcode(), texts(response)) == (dns.rcode.NOERROR, [])


@pytest.mark.parametrize(
    "name",
    ["shop.unset.example", "unset.example", "x.invalid", "9.9.9.9.in-addr.arpa", "_dmarc.x.test"],
)
def test_what_does_not_exist(name: str) -> None:
    assert ask(name, "MX").rcode() == dns.rcode.NXDOMAIN


def test_queries_of_other_kinds_are_refused() -> None:
    query = dns.message.make_query("a.test", "A")
    query.set_opcode(dns.opcode.NOTIFY)
    assert answer(query, ZONE).rcode() == dns.rcode.NOTIMP
    chaos = dns.message.make_query("version.bind", "TXT", rdclass=dns.rdataclass.CH)
    assert answer(chaos, ZONE).rcode() == dns.rcode.REFUSED
    empty = dns.message.Message()
    assert answer(empty, ZONE).rcode() == dns.rcode.FORMERR


def test_long_answers_are_truncated_over_udp_alone() -> None:
    packet = dns.message.make_query("big.test", "TXT").to_wire()
    short = respond(packet, ZONE, limit=512)
    assert short is not None and len(short) <= 512
    assert dns.message.from_wire(short).flags & dns.flags.TC
    whole = respond(packet, ZONE)
    assert whole is not None and len(dns.message.from_wire(whole).answer[0]) == 20


@given(st.binary(max_size=80))
def test_any_packet_is_answered_or_ignored(packet: bytes) -> None:
    reply = respond(packet, ZONE)
    if reply is not None:
        assert reply[:2] == packet[:2] and reply[2] & 0x80


@given(st.integers(12, 60), st.integers(0, 255))
def test_damaged_queries_get_an_error(at: int, value: int) -> None:
    packet = bytearray(dns.message.make_query("a.shop.example", "TXT").to_wire())
    packet[min(at, len(packet) - 1)] = value
    reply = respond(bytes(packet), ZONE)
    assert reply is not None and reply[:2] == bytes(packet[:2])


def test_the_server_outlives_hostile_packets(dns_server: DnsServer) -> None:
    dns_server.zone = ZONE
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        for packet in (b"", b"x", bytes(12), b"\xff" * 500):
            client.sendto(packet, ("127.0.0.1", dns_server.port))
        query = dns.message.make_query("platform.test", "A")
        client.sendto(query.to_wire(), ("127.0.0.1", dns_server.port))
        while True:
            reply = client.recv(4096)
            if reply[:2] == query.id.to_bytes(2, "big") and len(reply) > 12:
                break
    assert texts(dns.message.from_wire(reply)) == ["127.0.0.1"]


def test_rows_are_published(cast: Cast, settings: object) -> None:
    zone = zone_of_rows()
    number = cast.account.pk
    assert texts(ask(f"b{number}.shop.example", "TXT", zone)) == ['"v=spf1 ip4:127.0.0.10 -all"']
    assert texts(ask("10.0.0.127.in-addr.arpa", "PTR", zone)) == ["mail.shop.example."]
    assert texts(ask("mail.shop.example", "A", zone)) == ["127.0.0.10"]
    key = ask(f"p{number}r1._domainkey.shop.example", "TXT", zone)
    assert "v=DKIM1; k=rsa; p=" in texts(key)[0]
    policy = f'"v=DMARC1; p=none; rua=mailto:dmarc@b{number}.shop.example;"'
    assert texts(ask("_dmarc.shop.example", "TXT", zone)) == [policy]
    assert ask(f"t{number}.shop.example", "A", zone).rcode() == dns.rcode.NOERROR


def test_what_it_publishes_passes_every_check(
    cast: Cast, settings: object, dns_server: DnsServer
) -> None:
    settings.SANDBOX = True  # type: ignore[attr-defined]
    EgressSource.objects.update(state=SourceState.PENDING)
    Domain.objects.update(state=DomainState.PENDING)
    dns_server.zone = zone_of_rows()
    domain = Domain.objects.of(cast.account).get()
    source = EgressSource.objects.of(cast.account).get()
    assert check_source(source).passed and source.state == SourceState.READY
    assert check_domain(domain).passed and domain.state == DomainState.VERIFIED
    absent = Domain.objects.create(account=cast.account, name="shop.unset.example")
    assert not check_domain(absent).passed and absent.state == DomainState.PENDING


def test_names_below_unset_example_are_left_out(cast: Cast) -> None:
    Domain.objects.create(account=cast.account, name="shop.unset.example")
    EgressSource.objects.create(
        account=cast.account, address="127.0.0.77", ehlo_name="mail.unset.example"
    )
    zone = zone_of_rows()
    assert ask("_dmarc.shop.unset.example", "TXT", zone).rcode() == dns.rcode.NXDOMAIN
    assert ask("77.0.0.127.in-addr.arpa", "PTR", zone).rcode() == dns.rcode.NXDOMAIN


def test_rows_that_cannot_be_read_keep_the_last_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> Zone:
        raise ConnectionError("the database is away")

    monkeypatch.setattr("transactional.sandbox.dns._read", lambda: ZONE)
    monkeypatch.setattr("transactional.sandbox.dns.FRESH", 0.0)

    async def twice() -> tuple[Zone, Zone]:
        rows = Rows()
        first = await rows()
        monkeypatch.setattr("transactional.sandbox.dns._read", away)
        return first, await rows()

    assert asyncio.run(twice()) == (ZONE, ZONE)
