"""Domains led to our DNS: by aliases and by delegation, through NSD above us and a resolver below."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from domains import authority, connect, dkim
from domains import dns as resolvers
from domains.checks import DomainReport, check_domain
from domains.dkim import importing, rotation
from domains.models import DnsMode, Domain, DomainState, EgressSource, KeyState
from domains.records import required
from domains.zone.rows import fingerprint, zone_of_rows
from domains.zone_file import zone_file
from tests.cast import Cast
from tests.domains.dkim.test_importing import ED, pem
from tests.domains.zone.parent import OURS, Nsd, OurDns, Resolver, resolving

ZONE = "dns.platform.test"
PARENT = f"dns IN NS ns1.dns\nns1.dns IN A {OURS}\nmx IN A 192.0.2.25\nwww IN A 192.0.2.80\n"


@dataclass
class World:
    """The customer's zone at NSD, our DNS, and a domain that is verified by neither yet."""

    nsd: Nsd
    ours: OurDns
    our_port: int
    resolver_port: int
    domain: Domain

    def customer(self, text: str) -> None:
        """Publish in the customer's zone, at once."""
        self.nsd.write("shop.example", text)
        self.nsd.reload("shop.example")

    def serve(self) -> None:
        """What `dnsd` would read now."""
        self.ours.zone = zone_of_rows(7)

    def check(self) -> DomainReport:
        return check_domain(self.domain)

    def exported(self) -> str:
        """The zone file of the domain's page."""
        wanted = [record for record in required(self.domain) if not record.ours]
        return zone_file(self.domain.name, wanted)


@pytest.fixture
def world(
    cast: Cast,
    settings: object,
    few_rsa_keys: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    given = {
        "DNSD_ZONE": ZONE,
        "DNSD_NS": [f"ns1.{ZONE}"],
        "DNSD_ADDRESSES": [OURS],
        "MAIL_HOST": "mx.platform.test",
        "PUBLIC_URL": "https://www.platform.test",
        "EGRESS_PRIVATE_NETS": ["127.0.0.0/8"],
        "DNS_SERVERS": ["127.0.0.1"],
    }
    for name, value in given.items():
        setattr(settings, name, value)
    domain = Domain.objects.of(cast.account).get()
    domain.state, domain.verified_at = DomainState.PENDING, None
    domain.save()
    nsd, ours = Nsd(tmp_path, ("shop.example", "platform.test")), OurDns()
    nsd.write("platform.test", PARENT)
    monkeypatch.setattr(authority, "PORT", nsd.port)
    with ours.serving() as port, resolving(Resolver(nsd.port, port)) as resolver_port:
        settings.DNS_PORT = resolver_port  # type: ignore[attr-defined]
        resolvers.forget()
        nsd.reload("platform.test")
        yield World(nsd, ours, port, resolver_port, domain)
    nsd.close()


def codes(report: DomainReport) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for finding in report.findings:
        found.setdefault(finding.purpose, set()).add(finding.code)
    return found


def test_aliases_published_once_verify_and_follow_rotations(world: World) -> None:
    domain = world.domain
    connect.set_dns_mode(domain, DnsMode.ALIASES)
    world.serve()
    assert codes(world.check())["dkim"] == {"missing"}
    text = world.exported()
    assert text.count("_domainkey.shop.example. IN CNAME") == 4
    world.customer(text)
    report = world.check()
    assert report.passed and domain.state == DomainState.VERIFIED
    assert codes(report) == {
        "dkim": {"ok"},
        "return_path": {"ok"},
        "spf": {"ok"},
        "dmarc": {"ok"},
        "tracking": {"no_https"},
        "tls_reports": {"ok"},
    }
    ago = timezone.now() - timedelta(hours=1)
    domain.dkim_keys.filter(published=True).update(seen_at=ago)
    rotation.ask(domain)
    assert {turn.code for turn in rotation.tend(domain)} == {rotation.ROTATED}
    world.serve()
    assert world.check().passed
    selectors = [key.selector[-2:] for key in dkim.signing_keys(domain.account_id, domain.name)]
    assert selectors == ["r2", "e2"]
    rotation.tend(domain, timezone.now() + timedelta(days=8))
    world.serve()
    revoked = world.ours.zone.names[f"p{domain.account_id}r1.d{domain.pk}.{ZONE}"]["TXT"]
    assert revoked == ('"v=DKIM1; k=rsa; p="',)
    assert world.check().passed  # nobody has to do anything


def test_a_new_ip_is_covered_without_an_edit(world: World) -> None:
    connect.set_dns_mode(world.domain, DnsMode.ALIASES)
    world.customer(world.exported())
    before = fingerprint()
    EgressSource.objects.create(
        account=world.domain.account, address="192.0.2.9", ehlo_name="mail9.shop.example"
    )
    assert fingerprint() != before
    world.serve()
    assert "ip4:192.0.2.9" in world.ours.zone.names[f"b.d{world.domain.pk}.{ZONE}"]["TXT"][0]
    assert world.check().passed


def test_one_delegation_verifies_and_answers_for_every_key(world: World, cast: Cast) -> None:
    domain = world.domain
    connect.set_dns_mode(domain, DnsMode.DELEGATED)
    world.serve()
    world.customer("")
    assert codes(world.check())["delegation"] == {"missing"}
    assert "_domainkey.shop.example" not in world.ours.zone.origins  # not before it is ours
    world.customer(world.exported())
    report = world.check()
    assert codes(report)["delegation"] == {"ok"} and domain.delegated
    assert codes(report)["dkim"] <= {"ours_lags", "ours_awaits"} and not report.passed
    world.serve()
    report = world.check()
    assert report.passed and domain.state == DomainState.VERIFIED
    key = importing.import_key(domain, selector="mail2026", text=pem(ED))
    world.serve()
    world.check()
    key.refresh_from_db()
    assert key.published  # without an edit
    world.customer("")
    world.check()
    domain.refresh_from_db()
    assert not domain.delegated


def test_nobody_answers_below_a_domain_that_is_delegated_to_another_account(
    world: World, cast: Cast
) -> None:
    domain = world.domain
    other = Domain.objects.create(
        account=cast.other_account, name=domain.name, dns_mode=DnsMode.DELEGATED
    )
    dkim.create_keys(other)
    importing.import_key(other, selector="stolen", text=pem(ED))
    connect.set_dns_mode(domain, DnsMode.DELEGATED)
    world.customer(world.exported())
    world.check()
    report = check_domain(other)
    assert codes(report)["delegation"] == {"wrong_ns"} and not other.delegated
    world.serve()
    assert world.check().passed
    names = [n for n in world.ours.zone.names if n.endswith("._domainkey.shop.example")]
    assert len(names) == 4 and not any("stolen" in name for name in names)
    assert not check_domain(other).passed


def test_what_may_be_wrong_with_aliases_and_delegations(world: World) -> None:
    domain = world.domain
    connect.set_dns_mode(domain, DnsMode.DELEGATED)
    target = f"a{domain.account_id}.ns.{ZONE}"
    for text, code in (
        (f"_domainkey IN NS {target}.\n_domainkey IN NS ns.elsewhere.test.\n", "more_ns"),
        (f"_domainkey IN NS {target}.shop.example.\n", "ns_suffix"),
        ("_domainkey IN NS ns.elsewhere.test.\n", "wrong_ns"),
    ):
        world.customer(text)
        finding = next(f for f in world.check().findings if f.purpose == "delegation")
        assert (finding.code, finding.status) == (code, "wrong")
        assert finding.sentence.endswith(".") and "%" not in finding.sentence
    connect.set_dns_mode(domain, DnsMode.ALIASES)
    world.serve()
    keys = {key.selector: key for key in domain.dkim_keys.all()}
    mine = f"p{domain.account_id}"
    value = world.ours.zone.names[f"{mine}r1.d{domain.pk}.{ZONE}"]["TXT"][0]
    right = f"{mine}e1._domainkey IN CNAME {mine}e1.d{domain.pk}.{ZONE}.\n"
    world.customer(
        f'{mine}r1._domainkey IN TXT {value}\n{mine}r2._domainkey IN TXT "v=DKIM1; p=AAAA"\n'
        f"{right}{mine}e2._domainkey IN CNAME {mine}e2.d{domain.pk}.{ZONE}.shop.example.\n"
    )
    world.ours.zone.names.pop(f"{mine}e1.d{domain.pk}.{ZONE}")  # our own DNS is behind
    found = {
        f.host.partition(".")[0][-2:]: f for f in world.check().findings if f.purpose == "dkim"
    }
    assert {selector: f.code for selector, f in found.items()} == {
        "r1": "direct",
        "r2": "other_instead",
        "e1": "ours_lags",
        "e2": "cname_suffix",
    }
    assert found["r1"].status == "ok" and found["e1"].status == "unknown"
    assert len(keys) == 4


def test_a_domain_that_is_verified_may_change_its_mode_in_peace(world: World) -> None:
    domain = world.domain
    world.customer(world.exported())
    assert world.check().passed
    for mode in (DnsMode.ALIASES, DnsMode.DELEGATED, DnsMode.OWN):
        connect.set_dns_mode(domain, mode)
        world.serve()
        world.check()
        domain.refresh_from_db()
        assert domain.state == DomainState.VERIFIED, mode
        assert not domain.changes.exists()
    assert {k.state for k in domain.dkim_keys.all()} == {KeyState.ACTIVE, KeyState.NEXT}


ASK = """
const dns = require("dns");
const resolver = new dns.Resolver({ tries: 1, timeout: 3000 });
resolver.setServers([process.argv[1]]);
const ask = (name, kind) => new Promise((done) =>
  resolver.resolve(name, kind, (error, found) => done(error ? error.code : found)));
(async () => {
  const all = [];
  for (const [name, kind] of JSON.parse(process.argv[2])) all.push(await ask(name, kind));
  console.log(JSON.stringify(all));
})();
"""


def test_another_implementation_reads_what_we_answer(world: World) -> None:
    """c-ares, by way of Node."""
    connect.set_dns_mode(world.domain, DnsMode.ALIASES)
    world.serve()
    label = f"d{world.domain.pk}.{ZONE}"
    asked = [
        (f"b.{label}", "MX"),
        (f"b.{label}", "TXT"),
        (f"t.{label}", "CNAME"),
        (ZONE, "SOA"),
        (f"p{world.domain.account_id}r1.{label}", "TXT"),
        (f"nobody.{ZONE}", "TXT"),
        (f"b.{label}", "A"),
        ("example.org", "A"),
    ]
    node = shutil.which("node")
    assert node is not None
    told = subprocess.run(
        [node, "-e", ASK, f"{OURS}:{world.our_port}", json.dumps(asked)],
        capture_output=True,
        check=True,
        timeout=30,
    )
    mx, spf, tracking, soa, key, absent, empty, foreign = json.loads(told.stdout)
    assert mx == [{"exchange": "mx.platform.test", "priority": 10}]
    assert spf == [["v=spf1 ip4:127.0.0.10 -all"]] and tracking == ["www.platform.test"]
    assert soa["nsname"] == f"ns1.{ZONE}" and soa["minttl"] == 60
    assert "".join(key[0]).startswith("v=DKIM1; k=rsa; p=MII")
    assert (absent, empty, foreign) == ("ENOTFOUND", "ENODATA", "EREFUSED")
