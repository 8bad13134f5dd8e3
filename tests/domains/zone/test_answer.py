"""What our DNS answers: its own zones with the right absences, and nothing of anybody else's."""

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.zone import Zone, answer, respond
from domains.zone.answer import truncated

SOA = "ns1.dns.test. hostmaster.test. 1 3600 600 604800 60"
ZONE = Zone(
    {
        "dns.test": {"SOA": (SOA,), "NS": ("ns1.dns.test.", "ns2.dns.test.")},
        "ns1.dns.test": {"A": ("192.0.2.1",)},
        "p1r1.d7.dns.test": {"TXT": ('"v=DKIM1; k=rsa; p=AAAA"',)},
        "b.d7.dns.test": {"MX": ("10 mx.platform.test.",), "TXT": ('"v=spf1 -all"',)},
        "t.d7.dns.test": {"CNAME": ("www.platform.test.",)},
        "in.d7.dns.test": {"CNAME": ("ns1.dns.test.",)},
        "big.dns.test": {"TXT": tuple(f'"{i}{"x" * 240}"' for i in range(20))},
        "_domainkey.shop.test": {"SOA": (SOA,), "NS": ("a7.ns.dns.test.",)},
        "p1r1._domainkey.shop.test": {"TXT": ('"v=DKIM1; p=BBBB"',)},
    },
    origins=("dns.test", "_domainkey.shop.test"),
    ttl=300,
    inner=frozenset({"d7.dns.test"}),
    resolves=False,
)


def ask(name: str, kind: str) -> dns.message.Message:
    return answer(dns.message.make_query(name, kind), ZONE)


def texts(section: list[object]) -> list[str]:
    return [rdata.to_text() for rrset in section for rdata in rrset]  # type: ignore[attr-defined]


def test_records_are_answered_with_authority_and_without_recursion() -> None:
    response = ask("P1R1.d7.DNS.test", "TXT")
    assert texts(response.answer) == ['"v=DKIM1; k=rsa; p=AAAA"']
    assert response.flags & dns.flags.AA and not response.flags & dns.flags.RA
    assert response.question[0].name.to_text() == "P1R1.d7.DNS.test."  # as it was asked (0x20)
    assert response.answer[0].ttl == 300
    assert texts(ask("p1r1._domainkey.shop.test", "TXT").answer) == ['"v=DKIM1; p=BBBB"']


@pytest.mark.parametrize(
    "name",
    ["example.org", ".", "shop.test", "xdns.test", "test", "b7.shop.test", "other.shop.test"],
)
def test_what_is_not_ours_is_refused(name: str) -> None:
    response = ask(name, "A")
    assert response.rcode() == dns.rcode.REFUSED
    assert not response.flags & dns.flags.AA and not response.answer


@pytest.mark.parametrize(
    ("name", "kind", "rcode"),
    [
        ("nobody.dns.test", "TXT", dns.rcode.NXDOMAIN),
        ("x.p1r1.d7.dns.test", "TXT", dns.rcode.NXDOMAIN),
        ("p1r2._domainkey.shop.test", "TXT", dns.rcode.NXDOMAIN),
        ("p1r1.d7.dns.test", "A", dns.rcode.NOERROR),
        ("d7.dns.test", "TXT", dns.rcode.NOERROR),  # exists, for something lies below
        ("dns.test", "A", dns.rcode.NOERROR),
    ],
)
def test_absences_carry_the_soa(name: str, kind: str, rcode: int) -> None:
    response = ask(name, kind)
    assert response.rcode() == rcode and not response.answer
    assert [rrset.rdtype for rrset in response.authority] == [dns.rdatatype.SOA]
    assert response.flags & dns.flags.AA


def test_aliases_are_followed_within_our_zones_alone() -> None:
    assert texts(ask("in.d7.dns.test", "A").answer) == ["ns1.dns.test.", "192.0.2.1"]
    out = ask("t.d7.dns.test", "A")
    assert texts(out.answer) == ["www.platform.test."]
    assert out.rcode() == dns.rcode.NOERROR and not out.authority


@pytest.mark.parametrize("kind", ["AXFR", "IXFR", "MAILA", "TKEY"])
def test_transfers_and_their_like_are_refused(kind: str) -> None:
    query = dns.message.make_query("dns.test", dns.rdatatype.from_text(kind))
    assert answer(query, ZONE).rcode() == dns.rcode.REFUSED


def test_any_gets_a_word_instead_of_everything() -> None:
    assert texts(ask("b.d7.dns.test", "ANY").answer) == ['"RFC8482" ""']


def test_other_operations_classes_and_versions() -> None:
    update = dns.message.make_query("dns.test", "SOA")
    update.set_opcode(dns.opcode.UPDATE)
    assert answer(update, ZONE).rcode() == dns.rcode.NOTIMP
    chaos = dns.message.make_query("version.bind", "TXT", rdclass=dns.rdataclass.CH)
    assert answer(chaos, ZONE).rcode() == dns.rcode.REFUSED
    future = dns.message.make_query("dns.test", "SOA", use_edns=1)
    response = answer(future, ZONE)
    assert response.rcode() == dns.rcode.BADVERS and not response.answer


def test_sizes_follow_what_the_client_can_take() -> None:
    def cut(query: dns.message.Message) -> bool:
        reply = respond(query.to_wire(), ZONE, limit=1232)
        assert reply is not None and len(reply) <= min(1232, max(512, query.payload))
        return bool(dns.message.from_wire(reply).flags & dns.flags.TC)

    assert cut(dns.message.make_query("big.dns.test", "TXT"))
    assert cut(dns.message.make_query("big.dns.test", "TXT", use_edns=0, payload=65000))
    assert not cut(dns.message.make_query("b.d7.dns.test", "TXT", use_edns=0, payload=100))
    edns = respond(dns.message.make_query("dns.test", "SOA", use_edns=0).to_wire(), ZONE)
    assert edns is not None and dns.message.from_wire(edns).payload == 1232
    plain = respond(dns.message.make_query("dns.test", "SOA").to_wire(), ZONE)
    assert plain is not None and dns.message.from_wire(plain).edns == -1


@given(st.binary(max_size=90))
def test_any_packet_is_answered_or_ignored(packet: bytes) -> None:
    for reply in (respond(packet, ZONE, limit=1232), truncated(packet)):
        assert reply is None or (reply[:2] == packet[:2] and reply[2] & 0x80 and len(reply) <= 1232)


@given(st.integers(2, 45), st.integers(0, 255))
def test_damaged_queries_get_an_answer(at: int, value: int) -> None:
    packet = bytearray(dns.message.make_query("p1r1.d7.dns.test", "TXT", use_edns=0).to_wire())
    packet[min(at, len(packet) - 1)] = value
    reply = respond(bytes(packet), ZONE, limit=1232)
    assert reply is None or reply[:2] == packet[:2]
