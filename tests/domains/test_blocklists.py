"""Blocklists against a real DNS server: listings, refusals to answer, dead lists, quotas."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from domains import blocklists, dns
from domains.blocklists import Asked, lists_for, look, stopping
from domains.blocklists_table import BLOCKLISTS, BY_CODE
from domains.models import BlocklistChoice, EgressSource, Listing, SourceChange, SourceState
from domains.source_checks import check_source
from domains.source_states import IN_USE
from tests.cast import Cast
from tests.dns_server import DnsServer
from tests.domains.publish import publish_source, publish_spf

IP, DIGITS = "11.22.33.44", "44.33.22.11"
SIX = "2a01:4f8::1"
NIBBLES = "1." + "0." * 23 + "8.f.4.0.1.0.a.2"
ZEN = Asked(BY_CODE["spamhaus_zen"], "zen.spamhaus.org", True)


@pytest.fixture(autouse=True)
def _asked(settings: Any, dns_server: DnsServer) -> Iterator[None]:
    """Lists are asked, and every list with a test entry has it."""
    settings.SANDBOX, settings.EGRESS, settings.BLOCKLISTS = False, "mx", True
    blocklists.forget()
    for one in BLOCKLISTS:
        if one.probe:
            dns_server.publish(f"{one.probe}.{one.zone or one.names}", "A", _an_answer(one.code))
    yield
    blocklists.forget()


def _an_answer(code: str) -> str:
    one = BY_CODE[code]
    if one.codes:
        return next(iter(one.codes))
    return f"127.0.0.{next(iter(one.bits), 2)}"


def said(subject: str) -> dict[str, str]:
    return dict(Listing.objects.filter(subject=subject).values_list("code", "state"))


def again() -> None:
    """As if every answer were due anew."""
    Listing.objects.update(next_at=timezone.now() - timedelta(seconds=1))


def test_there_are_lists_for_every_kind(db: None) -> None:
    numbers = {kind: len(lists_for(kind)) for kind in ("4", "6", "name")}
    assert numbers["4"] >= 12 and numbers["6"] >= 3 and numbers["name"] >= 4
    assert len(BY_CODE) == len(BLOCKLISTS)


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_a_listing_is_found_on_every_list(db: None, dns_server: DnsServer, code: str) -> None:
    one = BY_CODE[code]
    for subject, place, zone in (
        (IP, DIGITS, one.zone),
        (SIX, NIBBLES, one.zone6),
        ("shop.example", "shop.example", one.names),
    ):
        if zone:
            dns_server.publish(f"{place}.{zone}", "A", _an_answer(code))
            look([subject])
            found = said(subject)
            assert found.pop(code) == "listed"
            assert set(found.values()) == {"clear"}


@pytest.mark.parametrize(
    ("answers", "state", "why"),
    [
        (["127.0.0.2", "127.0.0.9"], "listed", ""),
        (["127.255.255.254"], "unknown", "declined"),
        (["127.255.255.252"], "unknown", "declined"),
        (["127.0.0.2", "127.255.255.255"], "unknown", "declined"),
        (["203.0.113.80"], "unknown", "not_a_list"),
        (["127.0.0.99"], "clear", ""),
    ],
)
def test_an_answer_that_is_no_listing_is_told_from_one(
    db: None, dns_server: DnsServer, answers: list[str], state: str, why: str
) -> None:
    dns_server.publish(f"{DIGITS}.zen.spamhaus.org", "A", *answers)
    seen = dns.run(blocklists.ask(ZEN, IP))
    assert (seen.state, seen.why) == (state, why)
    if state == "listed":
        assert seen.words == "SBL, DROP"


def test_domain_lists_decline_in_their_own_way(db: None, dns_server: DnsServer) -> None:
    dns_server.publish("shop.example.multi.uribl.com", "A", "127.0.0.1")
    dns_server.publish("shop.example.dbl.spamhaus.org", "A", "127.0.1.255")
    dns_server.publish("shop.example.multi.surbl.org", "A", "127.0.0.24")
    look(["shop.example"])
    rows = {row.code: row for row in Listing.objects.all()}
    assert (rows["uribl"].state, rows["uribl"].why) == ("unknown", "declined")
    assert (rows["spamhaus_dbl"].state, rows["spamhaus_dbl"].why) == ("unknown", "declined")
    assert (rows["surbl"].state, rows["surbl"].words) == ("listed", "phishing, malware")


def test_a_list_that_lists_everything_is_not_believed(db: None, dns_server: DnsServer) -> None:
    dns_server.publish(f"{DIGITS}.zen.spamhaus.org", "A", "127.0.0.2")
    dns_server.publish("1.0.0.127.zen.spamhaus.org", "A", "127.0.0.2")
    assert dns.run(blocklists.ask(ZEN, IP)).why == "lists_all"


def test_silence_of_a_list_that_forgot_its_test_entry_is_no_all_clear(
    db: None, dns_server: DnsServer
) -> None:
    dns_server.publish("2.0.0.127.zen.spamhaus.org", "A")
    assert dns.run(blocklists.ask(ZEN, IP)).why == "no_test"


def test_a_list_that_fails_takes_back_nothing(db: None, dns_server: DnsServer) -> None:
    name = f"{DIGITS}.bl.spamcop.net"
    dns_server.publish(name, "A", "127.0.0.2")
    look([IP])
    since = Listing.objects.get(code="spamcop").since
    dns_server.fail(name, "A")
    again()
    look([IP])
    row = Listing.objects.get(code="spamcop")
    assert (row.state, row.why, row.since) == ("listed", "servfail", since)


def test_what_a_list_said_is_kept_and_asked_again_after_hours(
    db: None, dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = dns.a

    async def counted(name: str) -> dns.Answer:
        asked.append(name)
        return await real(name)

    monkeypatch.setattr(dns, "a", counted)
    look([IP])
    first = len(asked)
    look([IP])
    assert len(asked) == first
    now = timezone.now()
    for row in Listing.objects.all():
        assert timedelta(hours=5) < row.next_at - now < timedelta(hours=7)
    again()
    look([IP])
    # The second time without the test entries
    assert len(asked) - first == len(lists_for("4"))


def test_a_list_that_is_silent_is_soon_left_alone(
    db: None, dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    subjects = [f"11.22.33.{n}" for n in range(8)]
    for n in range(8):
        dns_server.fail(f"{n}.33.22.11.psbl.surriel.com", "A")
    look(subjects)
    assert Listing.objects.filter(code="psbl").count() == blocklists.GIVEN_UP
    assert Listing.objects.filter(code="spamcop").count() == 8


def test_private_ips_and_sandboxes_are_never_asked_about(db: None, settings: Any) -> None:
    look(["127.0.0.2", "10.0.0.1", "fe80::1"])
    assert not Listing.objects.exists()
    settings.SANDBOX = True
    look([IP, "shop.example"])
    settings.SANDBOX, settings.BLOCKLISTS = False, False
    look([IP])
    assert not Listing.objects.exists()


def test_the_operator_chooses_lists_their_zones_and_their_weight(
    db: None, dns_server: DnsServer
) -> None:
    own = "k3y.zen.dq.spamhaus.test"
    BlocklistChoice.objects.create(code="spamhaus_zen", zone=own, stops=False)
    BlocklistChoice.objects.create(code="psbl", stops=True)
    BlocklistChoice.objects.create(code="spamcop", enabled=False)
    dns_server.publish(f"2.0.0.127.{own}", "A", "127.0.0.2")
    for zone in (own, "psbl.surriel.com", "bl.spamcop.net"):
        dns_server.publish(f"{DIGITS}.{zone}", "A", "127.0.0.2")
    look([IP])
    found = said(IP)
    assert (found["spamhaus_zen"], found["psbl"]) == ("listed", "listed")
    assert "spamcop" not in found
    assert stopping([IP]) == {IP: ("PSBL",)}


def test_a_listed_ip_is_not_used_and_comes_back_by_itself(
    cast: Cast, dns_server: DnsServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domains.hosts.refusal", lambda address: None)
    source = EgressSource.objects.of(cast.account).get()
    EgressSource.objects.filter(pk=source.pk).update(address=IP)
    source.refresh_from_db()
    publish_source(dns_server, source)
    publish_spf(dns_server, cast.account.domains.get())
    dns_server.publish(f"{DIGITS}.psbl.surriel.com", "A", "127.0.0.2")  # tells, does not stop
    assert check_source(source).passed and source.state == SourceState.READY
    dns_server.publish(f"{DIGITS}.bl.spamcop.net", "A", "127.0.0.2")
    again()
    check_source(source)
    assert source.state == SourceState.LISTED and source.state not in IN_USE
    change = SourceChange.objects.latest("pk")
    assert (change.event, change.data) == ("listed", {"lists": "SpamCop"})
    dns_server.publish(f"{DIGITS}.bl.spamcop.net", "A")
    check_source(source)  # within the hour the list is not asked again
    assert source.state == SourceState.LISTED
    again()
    check_source(source)
    assert source.state == SourceState.READY
    assert SourceChange.objects.latest("pk").event == "cleared"
