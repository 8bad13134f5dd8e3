"""Where mail goes, and where it never does (faults S12, S13; security C6)."""

import asyncio
from collections import Counter

import pytest

from config.addresses import is_public
from domains import dns
from tests.dns_server import DnsServer
from transactional.egress.route import (
    MOST,
    NOBODY,
    Own,
    Route,
    find,
    over_smarthost,
)

PUBLIC, PUBLIC6 = "198.41.0.4", "2001:500:200::b"


def route(domain: str, own: Own = NOBODY) -> Route:
    return asyncio.run(find(domain, "mx", own))


def hosts(found: Route) -> list[str]:
    return [target.host for target in found.reachable(ipv4=True, ipv6=True)]


def test_exchangers_by_preference_and_equals_spread(dns_server: DnsServer) -> None:
    dns_server.publish("a.test", "MX", "20 last.test.", *(f"10 m{i}.test." for i in range(4)))
    for name in ("last", "m0", "m1", "m2", "m3"):
        dns_server.publish(f"{name}.test", "A", PUBLIC)
    firsts: Counter[str] = Counter()
    for _ in range(200):
        found = route("a.test")
        assert found.code == "mx" and hosts(found)[-1] == "last.test"
        firsts[hosts(found)[0]] += 1
    assert set(firsts) == {"m0.test", "m1.test", "m2.test", "m3.test"}
    assert min(firsts.values()) > 20


def test_domains_without_mx_and_behind_aliases(dns_server: DnsServer) -> None:
    dns_server.publish("four.test", "A", PUBLIC)
    dns_server.publish("six.test", "AAAA", PUBLIC6)
    dns_server.publish("alias.test", "CNAME", "mail.test.")
    dns_server.publish("mail.test", "MX", "10 alias-host.test.")
    dns_server.publish("alias-host.test", "CNAME", "four.test.")
    assert [t.address for t in route("four.test").targets] == [PUBLIC]
    six = route("six.test")
    assert six.code == "address" and [t.address for t in six.targets] == [PUBLIC6]
    assert six.reachable(ipv4=True, ipv6=False) == ()
    assert hosts(route("alias.test")) == ["alias-host.test"]


def test_both_families_of_two_hosts_and_no_more_than_five(dns_server: DnsServer) -> None:
    dns_server.publish("a.test", "MX", "10 one.test.", "20 two.test.", "30 three.test.")
    many = [f"198.41.0.{i}" for i in range(1, 20)]
    dns_server.publish("one.test", "A", *many)
    dns_server.publish("one.test", "AAAA", *(f"2001:500:200::{i}" for i in range(1, 20)))
    dns_server.publish("two.test", "A", PUBLIC)
    dns_server.publish("two.test", "AAAA", PUBLIC6)
    tried = route("a.test").reachable(ipv4=True, ipv6=True)
    assert len(tried) == MOST and len({t.host for t in tried}) == 2
    four = route("a.test").reachable(ipv4=True, ipv6=False)
    assert [t.host for t in four] == ["one.test"] * 4 + ["two.test"]
    assert all(":" not in t.address for t in four)
    six = route("a.test").reachable(ipv4=False, ipv6=True)
    assert six and all(":" in t.address for t in six)


def test_what_dns_says_of_the_domain(dns_server: DnsServer) -> None:
    dns_server.publish("null.test", "MX", "0 .")
    dns_server.publish("empty.test", "TXT", '"x"')
    dns_server.fail("broken.test", "MX")
    dns_server.publish("lost.test", "MX", "10 lost-host.test.")
    dns_server.fail("lost-host.test", "A")
    dns_server.publish("dangling.test", "MX", "10 nowhere.test.")
    told = {
        name: (found.permanent, found.refusal[:10].rstrip(), found.code)
        for name in ("null", "gone", "empty", "broken", "lost", "dangling")
        if (found := route(f"{name}.test"))
    }
    assert told == {
        "null": (True, "556 5.1.10", "null_mx"),
        "gone": (True, "550 5.1.2", "no_domain"),
        "empty": (True, "550 5.1.2", "no_mail_server"),
        "broken": (False, "451 4.4.3", "dns"),
        "lost": (False, "451 4.4.3", "dns"),
        "dangling": (False, "451 4.4.4", "no_address"),
    }


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.9", "192.168.1.1", "169.254.169.254", "0.0.0.0",
        "100.64.0.1", "224.0.0.1", "::1", "fe80::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::1", "fec0::1", "64:ff9b:1::a00:1", "::ffff:0:10.0.0.1",
        "::10.0.0.1", "::127.0.0.1", "192.0.0.8",
    ],
)  # fmt: skip
def test_no_mail_to_private_addresses(
    dns_server: DnsServer, settings: object, address: str
) -> None:
    kind = "AAAA" if ":" in address else "A"
    dns_server.publish("a.test", "MX", "10 in.test.")
    dns_server.publish("in.test", kind, address)
    found = route("a.test")
    assert (found.permanent, found.refusal[:9], found.targets) == (True, "550 5.4.6", ())
    # A public address beside it is used alone
    dns_server.publish("in.test", "A", *([address, PUBLIC] if kind == "A" else [PUBLIC]))
    dns.forget()
    assert [t.address for t in route("a.test").targets] == [PUBLIC]


def test_the_operator_may_open_a_network(dns_server: DnsServer, settings: object) -> None:
    dns_server.publish("a.test", "MX", "10 in.test.")
    dns_server.publish("in.test", "A", "127.0.0.9")
    settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8"]  # type: ignore[attr-defined]  # the fixture is an object to it
    assert [t.address for t in route("a.test").targets] == ["127.0.0.9"]


def test_mail_never_comes_back_to_ourselves(dns_server: DnsServer) -> None:
    own = Own(frozenset({"mx.postino.test"}), frozenset({PUBLIC}))
    dns_server.publish("mx.postino.test", "A", "198.41.0.9")
    dns_server.publish("loop.test", "MX", "10 mx.postino.test.")
    dns_server.publish("ip.test", "MX", "10 other.test.")
    dns_server.publish("other.test", "A", PUBLIC)
    for name in ("loop.test", "ip.test"):
        found = route(name, own)
        assert (found.permanent, found.refusal[:9], found.code) == (True, "550 5.4.6", "own_host")
    # We are its backup: only the better exchanger is tried, never an equal or a worse one
    better = ["10 good.test.", "20 mx.postino.test.", "20 equal.test.", "30 worse.test."]
    dns_server.publish("backup.test", "MX", *better)
    for name in ("good", "equal", "worse"):
        dns_server.publish(f"{name}.test", "A", "198.41.0.7")
    for _ in range(10):
        assert hosts(route("backup.test", own)) == ["good.test"]


def test_an_address_instead_of_a_host(dns_server: DnsServer) -> None:
    dns_server.publish("a.test", "MX", f"10 {PUBLIC}.")
    found = route("a.test")
    assert (found.permanent, found.refusal[:9], found.code) == (True, "550 5.4.4", "mx_literal")


def test_a_hundred_exchangers_are_no_hundred_tries(dns_server: DnsServer) -> None:
    dns_server.publish("many.test", "MX", *(f"{i} m{i}.test." for i in range(100)))
    for i in range(100):
        dns_server.publish(f"m{i}.test", "A", f"198.41.0.{i + 1}")
    tried = route("many.test").reachable(ipv4=True, ipv6=True)
    assert len(tried) == MOST and len({t.address for t in tried}) == MOST


def test_a_name_that_changes_at_once_is_judged_by_what_is_connected_to(
    dns_server: DnsServer,
) -> None:
    """Rebinding: the route carries addresses that were judged; nothing asks DNS after that."""
    dns_server.publish("in.test", "MX", "10 in.test.")
    dns_server.publish("in.test", "A", PUBLIC)
    found = route("in.test")
    dns_server.publish("in.test", "A", "127.0.0.1")
    assert [t.address for t in found.targets] == [PUBLIC]
    dns.forget()
    assert route("in.test").code == "private_address"
    assert not is_public("127.0.0.1")


def test_domains_on_the_same_servers_are_one_site(dns_server: DnsServer) -> None:
    for name in ("a.test", "b.test"):
        dns_server.publish(name, "MX", "10 mx1.host.test.", "20 mx2.host.test.")
    dns_server.publish("c.test", "A", PUBLIC)
    dns_server.publish("mx1.host.test", "A", PUBLIC)
    dns_server.publish("mx2.host.test", "A", PUBLIC)
    assert route("a.test").site == route("b.test").site
    assert route("a.test").site.key == "(mx1|mx2).host.test"
    assert route("c.test").site.key == "c.test"


def test_a_look_up_that_fails_for_one_exchanger_makes_no_other_site(dns_server: DnsServer) -> None:
    dns_server.publish("a.test", "MX", "10 mx1.host.test.", "20 mx2.host.test.")
    dns_server.publish("mx1.host.test", "A", PUBLIC)
    dns_server.publish("mx2.host.test", "A", PUBLIC)
    for failing in ((), ("mx2",), ("mx1", "mx2")):
        for name in failing:
            dns_server.fail(f"{name}.host.test", "A")
            dns_server.fail(f"{name}.host.test", "AAAA")
        dns.forget()
        assert route("a.test").site.key == "(mx1|mx2).host.test"
    assert route("a.test").code == "dns"


def test_of_more_equal_exchangers_than_are_tried_all_are_the_site(dns_server: DnsServer) -> None:
    dns_server.publish("a.test", "MX", *(f"10 m{i}.test." for i in range(14)))
    for i in range(14):
        dns_server.publish(f"m{i}.test", "A", f"198.41.0.{i + 1}")
    found = [route("a.test") for _ in range(20)]
    assert len({one.site.key for one in found}) == 1
    assert all(len(one.data["hosts"]) == dns.MAX_HOSTS for one in found)  # type: ignore[arg-type]  # a list


def test_we_see_ourselves_among_many_and_without_an_address(dns_server: DnsServer) -> None:
    own = Own(frozenset({"mx.postino.test"}), frozenset({"198.41.0.14"}))
    dns_server.publish("many.test", "MX", *(f"10 m{i}.test." for i in range(14)))
    for i in range(14):
        dns_server.publish(f"m{i}.test", "A", f"198.41.0.{i + 1}")
    for _ in range(10):
        found = route("many.test", own)
        assert (found.code, found.data["own"]) == ("own_host", "m13.test")
    dns_server.publish("a.test", "MX", "10 m0.test.", "10 mx.postino.test.", "5 m1.test.")
    for kind in ("A", "AAAA"):
        dns_server.fail("mx.postino.test", kind)
    assert hosts(route("a.test", own)) == ["m1.test"]
    # Nor does an IPv6 address hide that it leads to us
    for address in ("::ffff:198.41.0.14", "64:ff9b::c629:e", "2002:c629:e::1"):
        dns_server.publish("six.test", "MX", "10 six.test.")
        dns_server.publish("six.test", "AAAA", address)
        dns.forget()
        assert route("six.test", own).code == "own_host"
        theirs = over_smarthost(address, 587, operators=False, own=own)
        assert asyncio.run(theirs).targets == ()


def test_our_inbound_server_under_a_foreign_name_is_ourselves(
    dns_server: DnsServer, settings: object
) -> None:
    own = Own(frozenset({"mx.us.example"}), frozenset(), frozenset({"198.41.0.20"}))
    dns_server.publish("theirs.test", "MX", "10 good.test.", "20 foreign.test.")
    dns_server.publish("good.test", "A", "198.41.0.7")
    dns_server.publish("foreign.test", "A", "198.41.0.20")
    assert hosts(route("theirs.test", own)) == ["good.test"]
    dns_server.publish("alias.test", "MX", "10 foreign.test.")
    found = route("alias.test", own)
    assert (found.code, found.data["own"]) == ("own_host", "foreign.test")
    dns_server.publish("six.test", "AAAA", "64:ff9b::c629:14")  # leads there as well
    assert route("six.test", own).code == "own_host"
    # its other ports may be another machine's: a smarthost behind the same public address
    for port, number in ((25, 0), (587, 1)):
        settings.EGRESS_PORT = 25  # type: ignore[attr-defined]  # the fixture is an object to it
        theirs = asyncio.run(over_smarthost("198.41.0.20", port, operators=False, own=own))
        assert len(theirs.targets) == number
    settings.EGRESS_PRIVATE_NETS = ["198.41.0.20/32"]  # type: ignore[attr-defined]  # the fixture is an object to it
    assert route("alias.test", own).targets  # the operator says that it is another server


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1"])
def test_only_the_operators_smarthost_may_be_at_a_private_address(
    host: str, settings: object
) -> None:
    settings.EGRESS_PRIVATE_NETS = []  # type: ignore[attr-defined]  # the fixture is an object to it
    theirs = asyncio.run(over_smarthost(host, 587, operators=False))
    assert theirs.targets == () and theirs.code == "relay_without_address"
    [target] = asyncio.run(over_smarthost(host, 587, operators=True)).targets
    assert (target.address, target.port) == (host, 587)


def test_an_accounts_smarthost_is_not_ourselves() -> None:
    own = Own(frozenset({"mx.us.example"}), frozenset({"1.1.1.1"}))
    assert not asyncio.run(over_smarthost("1.1.1.1", 587, operators=False, own=own)).targets
    assert asyncio.run(over_smarthost("1.1.1.2", 587, operators=False, own=own)).targets
