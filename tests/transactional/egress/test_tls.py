"""How much TLS each receiver gets: one engine, real servers of every kind (S10, A4, A5)."""

import hashlib
import re
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.dns_server import DnsServer
from tests.transactional.egress.test_engine import engine, eventually, token
from tests.transactional.egress.tls_peers import Authority, Peers, serving
from tokens.models import Account
from transactional.egress.mta_sts import CROWDED, UNKNOWN
from transactional.egress.tls import without_policy
from transactional.models import (
    BrokenTls,
    DeliveryAttempt,
    Recipient,
    Stream,
    StsPolicy,
    TlsCount,
)
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, RawSubmission
from transactional.wire.session import client_context

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1 is deprecated"),
]

RAW = b"From: orders@shop.example\r\nTo: a@x.test\r\nSubject: Hi\r\n\r\nHello\r\n"
STS = "version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: 86400\r\n"
# Under an anchor a certificate must be for a name by which one came to the host (RFC 7672 §3.2.2)
NAMED = {
    "dane-nexthop": "dane-nexthop.test",
    "dane-other": "mx.elsewhere.test",
    "dane-alias": "real.dane-alias.test",
    "dane-named": "mx.dane-named.test",
    "dane-domain": "real.dane-domain.test",
}
REAL = {"dane-alias", "dane-named"}  # their exchanger's name is an alias
ENFORCED = ("sts-good", "sts-hidden", "sts-expired", "sts-name", "sts-foreign", "sts-mx")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def peers(tmp_path: Path) -> Iterator[Peers]:
    """Every server by name; the exchanger of <name>.test is mx.<name>.test."""
    authority = Authority(tmp_path)
    policies = {
        f"{name}.test": STS.format(mode="enforce", mx=f"mx.{name}.test") for name in ENFORCED
    }
    policies["sts-mx.test"] = STS.format(mode="enforce", mx="*.elsewhere.test")
    policies["sts-testing.test"] = STS.format(mode="testing", mx="mx.sts-testing.test")
    web, _ = authority.context(*(f"mta-sts.{name}" for name in (*policies, "sts-gone.test")))
    made = Peers(policies, web)
    made.pem = authority.pem  # type: ignore[attr-defined]
    for name in ("good", "sts-good", "sts-mx", "required"):
        made.add(name, authority.context(f"mx.{name}.test")[0])
    for name in ("expired", "sts-expired", "sts-testing"):
        made.add(name, authority.context(f"mx.{name}.test", expired=True)[0])
    for name in ("name", "sts-name"):
        made.add(name, authority.context("mx.other.test")[0])
    for name in ("foreign", "sts-foreign", "sts-gone"):
        made.add(name, authority.context(f"mx.{name}.test", self_signed=True)[0])
    for name in ("none", "sts-hidden", "provider"):
        made.add(name)
    old, _ = authority.context("mx.old.test")
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1
    made.add("old", old)
    made.spoil("closes")
    made.spoil("injects", b"250-AUTH\r\n250 OK\r\n")
    made.tlsa = {}  # type: ignore[attr-defined]
    for name in ("dane-ee", "dane-ta", "dane-wrong", "dane-lookup", "dane-unsigned", "dane-odd"):
        context, leaf = authority.context(f"mx.{name}.test", self_signed=name != "dane-ta")
        made.add(name, context)
        key = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        made.tlsa[name] = f"3 1 1 {sha256(key)}"  # type: ignore[attr-defined]
    anchor = sha256(authority.certificate.public_bytes(Encoding.DER))
    made.tlsa["dane-ta"] = f"2 0 1 {anchor}"  # type: ignore[attr-defined]
    made.tlsa["dane-wrong"] = f"3 1 1 {'ab' * 32}"  # type: ignore[attr-defined]
    made.tlsa["dane-odd"] = f"0 0 1 {anchor}"  # type: ignore[attr-defined]
    for name, shown in NAMED.items():
        made.add(name, authority.context(shown)[0])
        made.tlsa[name] = f"2 0 1 {anchor}"  # type: ignore[attr-defined]
    made.add("dane-strip")
    made.tlsa["dane-strip"] = f"3 1 1 {'ab' * 32}"  # type: ignore[attr-defined]
    with serving(made):
        yield made


@pytest.fixture
def world(
    peers: Peers, dns_server: DnsServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Peers]:
    """Their DNS, and an installation that delivers to them."""
    settings.EGRESS, settings.EGRESS_PORT = "mx", peers.port
    settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8"]
    settings.MTA_STS_PORT, settings.DNS_VALIDATES = peers.web_port, True
    monkeypatch.setenv("SSL_CERT_FILE", str(peers.pem))  # type: ignore[attr-defined]
    client_context.cache_clear()
    for name, address in peers.addresses.items():
        host = "mx1.mail.icloud.com" if name == "provider" else f"mx.{name}.test"
        domain = f"{name}.test"
        if name == "dane-domain":  # the domain's name is
            dns_server.publish(domain, "CNAME", f"real.{domain}.")
            domain = f"real.{domain}"
        dns_server.publish(domain, "MX", f"10 {host}.")
        if name in REAL:
            dns_server.publish(host, "CNAME", f"real.{domain}.")
            host = f"real.{domain}"
        dns_server.publish(host, "A", address)
        dns_server.publish(f"_smtp._tls.{name}.test", "TXT", '"v=TLSRPTv1; rua=mailto:t@x.test"')
        if name.startswith("sts-"):
            dns_server.publish(f"_mta-sts.{name}.test", "TXT", '"v=STSv1; id=1;"')
            dns_server.publish(f"mta-sts.{name}.test", "A", "127.0.0.1")
    for name, record in peers.tlsa.items():  # type: ignore[attr-defined]
        host = f"real.{name}.test" if name == "dane-alias" else f"mx.{name}.test"
        dns_server.publish(f"_{peers.port}._tcp.{host}", "TLSA", record)
    dns_server.publish("dane-guest.test", "MX", "10 mx.dane-nexthop.test.")
    signed = [f"{name}.test" for name in (*peers.tlsa, "dane-guest") if name != "dane-unsigned"]  # type: ignore[attr-defined]
    dns_server.zone = replace(dns_server.zone, secure=frozenset(signed))
    dns_server.fail(f"_{peers.port}._tcp.mx.dane-lookup.test", "TLSA")
    yield peers
    client_context.cache_clear()


def deliver(account: Account, *names: str, raw: bytes = RAW) -> dict[str, Recipient]:
    """Hand in a message for each name, let an engine run until each was tried once."""
    principal = token(account)
    to = [f"a@{name}.test" for name in names]
    answers = accept_many(
        [
            RawSubmission(principal=principal, raw=raw, reverse_path=None, recipients=(one,))
            for one in to
        ]
    )
    assert all(isinstance(answer, Accepted) for answer in answers)
    with engine(sessions=40):
        eventually(
            lambda: not Recipient.objects.filter(address__in=to, status="queued").exists(), 40
        )
    return {row.address[2:-5]: row for row in Recipient.objects.filter(address__in=to)}


# What becomes of mail to each: (status, arrived under TLS or None, word in the attempt's TLS)
EXPECTED: dict[str, tuple[str, bool | None, str]] = {
    "good": ("delivered", True, "TLSv1.3"),
    "expired": ("delivered", True, "TLSv1.3"),
    "name": ("delivered", True, "TLSv1.3"),
    "foreign": ("delivered", True, "TLSv1.3"),
    "none": ("delivered", False, "in clear: no TLS offered"),
    "old": ("delivered", False, "in clear: TLS failed there"),
    "closes": ("delivered", False, "in clear: TLS failed there"),
    "injects": ("delivered", False, "in clear: TLS failed there"),
    "provider": ("deferred", None, ""),
    "sts-good": ("delivered", True, "verified"),
    "sts-hidden": ("deferred", None, ""),
    "sts-expired": ("deferred", None, ""),
    "sts-name": ("deferred", None, ""),
    "sts-foreign": ("deferred", None, ""),
    "sts-mx": ("deferred", None, ""),
    "sts-testing": ("delivered", True, "not verified"),
    "sts-gone": ("delivered", True, "TLSv1.3"),
    "dane-ee": ("delivered", True, "DANE"),
    "dane-ta": ("delivered", True, "DANE"),
    "dane-nexthop": ("delivered", True, "DANE"),
    "dane-guest": (
        "deferred",
        None,
        "",
    ),  # at the same host, whose certificate is for another domain
    "dane-other": ("deferred", None, ""),
    "dane-alias": ("delivered", True, "DANE"),
    "dane-named": ("delivered", True, "DANE"),  # the records are at the alias itself
    "dane-domain": ("delivered", True, "DANE"),
    "dane-odd": ("delivered", True, "TLSv1.3"),
    "dane-unsigned": ("delivered", True, "TLSv1.3"),
    "dane-wrong": ("deferred", None, ""),
    "dane-lookup": ("deferred", None, ""),
    "dane-strip": ("deferred", None, ""),
}


def test_each_receiver_gets_the_tls_that_its_policy_asks_for(
    account: Account, world: Peers
) -> None:
    found = deliver(account, *EXPECTED)
    arrived = dict(world.kept.mail)
    attempts = {
        one.recipient.address[2:-5]: one
        for one in DeliveryAttempt.objects.select_related("recipient").order_by("id")
    }
    told = {
        name: (row.status, arrived.get(f"a@{name}.test"), attempts[name].tls)
        for name, row in found.items()
    }
    wrong = {
        name: told[name]
        for name, (status, tls, word) in EXPECTED.items()
        if told[name][:2] != (status, tls) or word not in told[name][2]
    }
    assert wrong == {}
    ciphers = {name: row.tls for name, row in attempts.items() if EXPECTED[name][1]}
    assert {n: t for n, t in ciphers.items() if not re.match(r"TLSv1\.3 TLS_\w+_SHA\d+", t)} == {}
    assert len(world.kept.mail) == len(arrived)  # each once
    for name, (status, _, _) in EXPECTED.items():
        if status == "deferred":
            assert "4.7.5" in found[name].reply, name
            assert {"step": "retry"}.items() <= attempts[name].decisions[-1].items()
    codes = {
        name: [d["code"] for d in one.decisions if d["step"] == "tls"]
        for name, one in attempts.items()
    }
    assert codes["sts-testing"] == ["mta_sts_testing", "mta_sts_would_refuse"]
    assert codes["sts-mx"] == ["mta_sts_host"] and codes["dane-lookup"] == ["dane_lookup"]
    assert codes["provider"] == ["provider"] and codes["dane-odd"] == ["dane_unusable"]
    assert_remembered(world)


def assert_remembered(world: Peers) -> None:
    """Policies and what was counted for reports are stored; broken servers are once they were."""
    stored = dict(StsPolicy.objects.values_list("domain", "mode"))
    assert stored.pop("sts-gone.test") == "" and set(stored.values()) == {"enforce", "testing"}


def test_a_broken_server_is_asked_once_and_spoken_to_in_clear_after_that(
    account: Account, world: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transactional.egress.tls_memory.KEEP_EVERY", 0.2)
    deliver(account, "injects")
    eventually(lambda: BrokenTls.objects.exists())
    row = BrokenTls.objects.get()
    assert (row.host, row.address) == ("mx.injects.test", world.addresses["injects"])
    assert (world.kept.mail, world.kept.starttls) == ([("a@injects.test", False)], 1)
    # Another process: it knows from the table, and does not try STARTTLS again
    deliver(account, "injects")
    attempt = DeliveryAttempt.objects.latest("id")
    assert (len(world.kept.mail), world.kept.starttls) == (2, 1)
    assert "C: STARTTLS" not in attempt.transcript and "failed" in attempt.tls
    BrokenTls.objects.update(until=row.seen_at)
    deliver(account, "injects")
    assert world.kept.starttls == 2
    assert BrokenTls.objects.get().until > row.seen_at


def test_a_stream_that_requires_tls_never_sends_in_clear(account: Account, world: Peers) -> None:
    Stream.objects.default(account, "transactional")
    Stream.objects.update(tls="required")
    found = deliver(account, "required", "none", "old", "closes", "injects", "expired")
    assert {name for name, row in found.items() if row.status == "delivered"} == {
        "required", "expired"
    }  # fmt: skip
    assert all(tls for _, tls in world.kept.mail)
    assert "stream" in found["none"].reply


def test_a_report_about_tls_arrives_whatever_tls_is_like_there_and_is_in_none(
    account: Account, world: Peers, settings: Any
) -> None:
    """Or nobody would hear of it (RFC 8460 §3). The header in anybody else's mail opens nothing."""
    about = RAW.replace(b"\r\n\r\n", b"\r\nTLS-Report-Domain: x.test\r\n\r\n", 1)
    names = ("sts-hidden", "sts-expired", "dane-strip", "provider")
    settings.PLATFORM_FROM = "Postino <reports@elsewhere.example>"
    found = deliver(account, *names, raw=about)
    assert {row.status for row in found.values()} == {"deferred"} and world.kept.mail == []
    counted = set(TlsCount.objects.values_list("domain", "count"))
    Recipient.objects.all().delete()
    settings.PLATFORM_FROM = "Postino <reports@shop.example>"
    found = deliver(account, *names, raw=about)
    assert {row.status for row in found.values()} == {"delivered"}
    assert dict(world.kept.mail)["a@sts-hidden.test"] is False
    assert counted and counted == set(TlsCount.objects.values_list("domain", "count"))


def test_a_policy_that_was_fetched_holds_when_dns_and_web_fall_silent(
    account: Account, world: Peers, dns_server: DnsServer
) -> None:
    """Who strips TLS would silence both: what is stored is enforced until it expires."""
    assert deliver(account, "sts-hidden")["sts-hidden"].status == "deferred"
    assert world.fetched == ["sts-hidden.test"]
    dns_server.publish("_mta-sts.sts-hidden.test", "TXT")
    world.policies.clear()
    assert deliver(account, "sts-hidden")["sts-hidden"].status == "deferred"
    assert world.kept.mail == []
    StsPolicy.objects.update(expires_at="2020-01-01T00:00Z")
    Recipient.objects.all().delete()
    assert deliver(account, "sts-hidden")["sts-hidden"].status == "delivered"


def test_what_is_counted_for_reports(
    account: Account, world: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transactional.egress.tls_memory.KEEP_EVERY", 0.2)
    names = (
        "good",
        "none",
        "closes",
        "sts-good",
        "sts-expired",
        "sts-testing",
        "sts-name",
        "sts-gone",
        "dane-wrong",
    )
    principal = token(account)
    for name in names:
        raw = RawSubmission(
            principal=principal, raw=RAW, reverse_path=None, recipients=(f"a@{name}.test",)
        )
        accept_many([raw])
    with engine(sessions=40):
        eventually(lambda: TlsCount.objects.count() >= len(names), 30)
    rows = TlsCount.objects.values_list("domain", "policy", "result")
    told = {(domain.removesuffix(".test"), policy, result) for domain, policy, result in rows}
    assert told == {
        ("good", "no-policy-found", ""),
        ("none", "no-policy-found", "starttls-not-supported"),
        ("closes", "no-policy-found", "validation-failure"),
        ("sts-good", "sts", ""),
        ("sts-expired", "sts", "certificate-expired"),
        ("sts-testing", "sts", "certificate-expired"),
        ("sts-name", "sts", "certificate-host-mismatch"),
        ("sts-gone", "sts", "sts-policy-fetch-error"),
        ("dane-wrong", "tlsa", "tlsa-invalid"),
    }


@pytest.mark.parametrize(
    ("error", "word"),
    [
        ("mta-sts.a.test could not be reached: timed out", "sts-policy-fetch-error"),
        ("mta-sts.a.test answers 404.", "sts-policy-fetch-error"),
        ("mta-sts.a.test could not be reached: certificate verify failed", "sts-webpki-invalid"),
        ("The policy names no host.", "sts-policy-invalid"),
        (UNKNOWN, ""),
        (CROWDED, ""),
    ],
)
def test_what_a_domain_is_told_of_a_policy_that_was_not_to_be_had(error: str, word: str) -> None:
    assert without_policy(error) == word
