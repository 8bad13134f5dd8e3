"""SPF as receivers evaluate it: what a published policy makes of our IPs, named in findings."""

import asyncio

import pytest

from domains import dns, spf
from domains.checks import check_domain
from domains.findings import Finding
from domains.models import Domain, DomainState
from domains.spf import Verdict
from tests.cast import Cast
from tests.dns_server import DnsServer
from tests.domains.publish import publish_domain


@pytest.fixture
def domain(cast: Cast) -> Domain:
    Domain.objects.of(cast.account).update(state=DomainState.PENDING, verified_at=None)
    return Domain.objects.of(cast.account).get()


def found(server: DnsServer, domain: Domain, policy: str) -> Finding:
    publish_domain(server, domain)
    server.publish(domain.return_path_host, "TXT", f'"{policy}"')
    return next(f for f in check_domain(domain).findings if f.purpose == "spf")


def _txt(server: DnsServer, **policies: str) -> None:
    for name, policy in policies.items():
        server.publish(f"{name}.test", "TXT", f'"{policy}"')


@pytest.mark.parametrize(
    "policy",
    [
        "v=spf1 include:one.test -all",
        "v=spf1 a:host.test -all",
        "v=spf1 mx:mail.test ~all",
        "v=spf1 redirect=one.test",
        "v=spf1 a:host.test/24 ?all",
        "v=spf1 exists:%{ir}.list.test -all",
        # The IP passes before the eleventh term that asks is reached
        "v=spf1 ip4:127.0.0.10 " + "a:none.test " * 12 + "-all",
    ],
)
def test_terms_that_lead_to_the_ip_are_followed(
    dns_server: DnsServer, domain: Domain, policy: str
) -> None:
    _txt(dns_server, one="v=spf1 include:two.test -all", two="v=spf1 ip4:127.0.0.10 -all")
    dns_server.publish("host.test", "A", "127.0.0.10")
    dns_server.publish("mail.test", "MX", "10 host.test.")
    dns_server.publish("10.0.0.127.list.test", "A", "127.0.0.2")
    finding = found(dns_server, domain, policy)
    assert (finding.code, finding.sentence) == ("ok", "")


BROKEN = [
    ("too_many_lookups", "v=spf1 " + "a:host.test " * 11 + "ip4:127.0.0.10 -all"),
    ("too_many_lookups", "v=spf1 include:chain0.test -all"),
    ("void_lookups", "v=spf1 a:x.test a:y.test a:z.test ip4:127.0.0.10 -all"),
    ("too_many_hosts", "v=spf1 mx:many.test ip4:127.0.0.10 -all"),
    ("include_missing", "v=spf1 include:nothing.test ip4:127.0.0.10 -all"),
    ("redirect_missing", "v=spf1 redirect=nothing.test"),
    ("two_spf_below", "v=spf1 include:double.test ip4:127.0.0.10 -all"),
    ("spf_syntax", "v=spf1 ipv4:127.0.0.10 -all"),
    ("spf_syntax", "v=spf1 ip4:127.0.0.10, -all"),
    ("spf_syntax", "v=spf1 ip4:127.0.0.300 -all"),
    ("open_spf", "v=spf1 include:open.test -all"),
    ("open_spf", "v=spf1 ip4:0.0.0.0/0 -all"),
    ("ip_not_covered", "v=spf1 ip4:127.0.0.0/29 ~all"),
    ("ip_not_covered", "v=spf1 ?ip4:127.0.0.10 -all"),
]


@pytest.mark.parametrize(("code", "policy"), BROKEN)
def test_what_receivers_refuse_is_named(
    dns_server: DnsServer, domain: Domain, code: str, policy: str
) -> None:
    for i in range(12):
        _txt(dns_server, **{f"chain{i}": f"v=spf1 include:chain{i + 1}.test -all"})
    _txt(dns_server, open="v=spf1 +all")
    dns_server.publish("double.test", "TXT", '"v=spf1 -all"', '"v=spf1 a -all"')
    dns_server.publish("host.test", "A", "192.0.2.1")
    dns_server.publish("many.test", "MX", *(f"{i} host.test." for i in range(11)))
    finding = found(dns_server, domain, policy)
    assert finding.code == code
    assert finding.status == "wrong" and finding.sentence.endswith(".")
    assert domain.state == DomainState.PENDING


def test_a_term_that_dns_fails_for_decides_nothing(dns_server: DnsServer, domain: Domain) -> None:
    dns_server.fail("broken.test", "TXT")
    finding = found(dns_server, domain, "v=spf1 include:broken.test -all")
    assert (finding.status, finding.code) == ("unknown", "spf_unanswered")
    assert "broken.test" in finding.sentence


def test_an_evaluation_ends(dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(name: str, rdtype: str, **_: object) -> dns.Answer:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(spf, "LONGEST", 0.05)
    monkeypatch.setattr(dns, "query", never)
    verdict = dns.run(spf.verdict_for("192.0.2.1", "slow.test", {}))
    assert verdict.result == spf.TEMPERROR


def test_a_policy_that_leads_ever_further_is_asked_about_within_bounds(
    dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def endless(name: str, rdtype: str, **_: object) -> dns.Answer:
        asked.append(name)
        if rdtype == "MX":
            return dns.Answer(dns.OK, tuple(f"10 h{i}.{name}" for i in range(10)), 60)
        if rdtype == "TXT":
            return dns.Answer(dns.OK, ("v=spf1 " + "mx:%{d}.test " * 500 + "-all",), 60)
        return dns.Answer(dns.OK, ("192.0.2.9",), 60)

    monkeypatch.setattr(dns, "query", endless)
    verdict = dns.run(spf.verdict_for("192.0.2.1", "a.test", {}))
    assert verdict.result == spf.PERMERROR and len(asked) <= spf.MOST


def test_the_ips_of_a_domain_share_the_answers(
    dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _txt(dns_server, one="v=spf1 include:two.test -all", two="v=spf1 ip4:192.0.2.0/24 -all")
    real, asked = dns.query, []

    async def counted(name: str, rdtype: str, **_: object) -> dns.Answer:
        asked.append((name, rdtype))
        return await real(name, rdtype)

    monkeypatch.setattr(dns, "query", counted)
    known: spf.Answers = {}
    results = [
        dns.run(spf.verdict_for(f"192.0.{net}.1", "one.test", known)).result for net in (2, 3)
    ]
    assert results == ["pass", "fail"] and len(asked) == 2


def test_judging_is_pure() -> None:
    known = {("a.test", "TXT"): dns.Answer(dns.OK, ("v=spf1 ip6:2001:db8::/32 -all",))}
    asked = {"sender": "b@a.test", "helo": "a.test", "answers": known}
    verdict, missing = spf.judge("2001:db8::1", **asked)  # type: ignore[arg-type]
    assert missing is None and verdict.result == spf.PASSED
    assert spf.judge("192.0.2.1", sender="b@b.test", helo="", answers=known) == (
        Verdict(spf.TEMPERROR),
        ("b.test", "TXT"),
    )
