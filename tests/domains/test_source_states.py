"""The states of an IP: every event in every state, and a history that tells each change."""

import pytest

from domains import pools, why
from domains.models import EgressSource, SourceChange, SourceEvent, SourceState
from domains.source_checks import check_source
from domains.source_states import FROM, IN_USE, Why, move
from tests.cast import Cast
from tests.dns_server import DnsServer
from tests.domains.publish import publish_source, publish_spf
from transactional.submission import facts


@pytest.fixture
def source(cast: Cast, settings: object) -> EgressSource:
    settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8"]  # type: ignore[attr-defined]
    return EgressSource.objects.of(cast.account).get()


def put(source: EgressSource, **fields: object) -> EgressSource:
    EgressSource.objects.filter(pk=source.pk).update(**fields)
    source.refresh_from_db()
    return source


@pytest.mark.parametrize("event", SourceEvent.values)
@pytest.mark.parametrize("state", SourceState.values)
def test_an_event_changes_only_the_states_it_may(
    source: EgressSource, event: str, state: str
) -> None:
    started = event == SourceEvent.WARM_UP_STARTED
    put(source, state=state, warm_up=not started)
    allowed = event in FROM and state in FROM[event]
    assert move(source.pk, SourceEvent(event)) is allowed
    source.refresh_from_db()
    told = list(SourceChange.objects.filter(source=source).values_list("event", "was", "state"))
    if allowed:
        assert told == [(event, state, source.state)]
    else:
        assert (told, source.state) == ([], state)
    # A pause, a listing or waiting for DNS ends by its own event alone
    ends = {"paused": {"resumed"}, "listed": {"cleared"}, "pending": {"dns_right"}}
    if state in ends and event not in ends[state]:
        assert source.state not in IN_USE


def test_the_way_from_dns_to_use_and_back(source: EgressSource) -> None:
    put(source, state="pending")
    steps = [
        (SourceEvent.DNS_RIGHT, "ready"),
        (SourceEvent.FIRST_MAIL, "active"),
        (SourceEvent.LISTED, "listed"),
        (SourceEvent.CLEARED, "active"),
        (SourceEvent.WARM_UP_STARTED, "warming"),
        (SourceEvent.PAUSED, "paused"),
        (SourceEvent.RESUMED, "pending"),
        (SourceEvent.DNS_RIGHT, "warming"),
        (SourceEvent.WARMED, "active"),
        (SourceEvent.DNS_WRONG, "pending"),
    ]
    for event, state in steps:
        assert move(source.pk, event, Why("no_ptr", {"name": "m"}, "alice"))
        source.refresh_from_db()
        assert source.state == state
    told = SourceChange.objects.filter(source=source).order_by("pk")
    assert [(change.event, change.state) for change in told] == steps
    assert {(change.why, change.by) for change in told} == {("no_ptr", "alice")}


def test_a_new_ip_with_a_warm_up_warms_from_its_first_mail(source: EgressSource) -> None:
    put(source, state="ready", used_at=None, warm_up=True)
    assert move(source.pk, SourceEvent.FIRST_MAIL)
    source.refresh_from_db()
    assert source.state == SourceState.WARMING and source.used_at is not None
    assert not move(source.pk, SourceEvent.FIRST_MAIL)


def test_what_is_started_already_is_not_told_again(source: EgressSource) -> None:
    assert not move(source.pk, SourceEvent.WARM_UP_SKIPPED)
    assert move(source.pk, SourceEvent.WARM_UP_STARTED)
    assert not move(source.pk, SourceEvent.WARM_UP_STARTED)
    assert not move(source.pk + 999, SourceEvent.PAUSED)
    assert SourceChange.objects.count() == 1


def test_a_failed_check_is_told_with_its_finding(
    dns_server: DnsServer, cast: Cast, source: EgressSource
) -> None:
    publish_source(dns_server, source)
    publish_spf(dns_server, cast.account.domains.get())
    assert check_source(source).passed
    dns_server.publish("10.0.0.127.in-addr.arpa", "PTR")
    check_source(source)
    change = SourceChange.objects.get(source=source)
    assert (change.event, change.was, change.state) == ("dns_wrong", "ready", "pending")
    assert (change.why, change.data["name"]) == ("no_ptr", "mail.shop.example")
    publish_source(dns_server, source)
    check_source(source)
    assert SourceChange.objects.latest("pk").event == SourceEvent.DNS_RIGHT


@pytest.mark.parametrize("state", ["pending", "paused", "listed"])
def test_the_refusal_says_what_the_ips_wait_for(
    dns_server: DnsServer, cast: Cast, source: EgressSource, state: str
) -> None:
    check_source(source)  # nothing is in DNS
    put(source, state="ready")
    if state == "listed":
        move(source.pk, SourceEvent.LISTED, Why("listed", {"lists": "SpamCop"}))
    put(source, state=state)
    facts.forget()
    said = facts.accounts([cast.account.pk])[cast.account.pk].waits_for
    assert (
        said
        == {
            "pending": "127.0.0.10 waits for DNS: 127.0.0.10 has no reverse record (PTR). Ask whoever "
            "gave you the IP to set it to mail.shop.example",
            "paused": "127.0.0.10 is paused",
            "listed": "127.0.0.10 is on a blocklist (SpamCop)",
        }[state]
    )
    assert why.of_pool(pools.dedicated_pool(cast.account).pk) == said


def test_an_account_without_an_ip_is_told_so(cast: Cast, source: EgressSource) -> None:
    source.delete()
    assert why.of_accounts([cast.account.pk]) == {cast.account.pk: why.NONE_CONNECTED}
