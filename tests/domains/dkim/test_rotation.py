"""The turns of keys: next → active → retiring → retired, each only when it hurts nobody."""

from datetime import timedelta

import pytest
from django.utils import timezone

from domains import dkim
from domains.checks import check_domain
from domains.dkim import rotation
from domains.models import DkimKey, Domain, KeyState
from domains.records import key_record, required
from tests.cast import Cast
from tests.dns_server import DnsServer
from tests.domains.publish import publish_domain, publish_record

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Turns = dict[str, str]


@pytest.fixture
def domain(cast: Cast, few_rsa_keys: None) -> Domain:
    dkim.forget()
    domain: Domain = Domain.objects.of(cast.account).get()
    return domain


def states(domain: Domain) -> dict[str, str]:
    prefix = f"p{domain.account_id}"
    rows = domain.dkim_keys.order_by("pk").values_list("selector", "state")
    return {selector.removeprefix(prefix): state for selector, state in rows}


def turns(domain: Domain, at: timedelta) -> Turns:
    return {turn.algorithm: turn.code for turn in rotation.tend(domain, timezone.now() + at)}


def signing(domain: Domain) -> list[str]:
    dkim.forget()
    return [key.selector[-2:] for key in dkim.signing_keys(domain.account_id, domain.name)]


def seen(domain: Domain, ago: timedelta = 2 * HOUR) -> None:
    domain.dkim_keys.update(published=True, seen_at=timezone.now() - ago)


def test_the_next_keys_wait_until_they_are_seen_and_old_answers_have_ended(domain: Domain) -> None:
    rotation.ask(domain)
    assert turns(domain, HOUR * 0) == {"rsa": rotation.NOT_SEEN, "ed25519": rotation.NOT_SEEN}
    assert states(domain) == {"r1": "active", "e1": "active", "r2": "next", "e2": "next"}
    seen(domain, ago=HOUR / 2)
    assert turns(domain, HOUR * 0) == {"rsa": rotation.SETTLING, "ed25519": rotation.SETTLING}
    assert signing(domain) == ["r1", "e1"]
    assert turns(domain, HOUR) == {"rsa": rotation.ROTATED, "ed25519": rotation.ROTATED}
    assert states(domain) == {"r1": "retiring", "e1": "retiring", "r2": "active", "e2": "active"}
    assert signing(domain) == ["r2", "e2"]
    domain.refresh_from_db()
    assert domain.rotation_asked_at is None
    assert turns(domain, 2 * HOUR) == {}  # nothing is due any more


def test_an_algorithm_turns_alone_where_the_other_is_not_published(domain: Domain) -> None:
    rotation.ask(domain)
    rotation.tend(domain)
    domain.dkim_keys.filter(algorithm="rsa").update(
        published=True, seen_at=timezone.now() - 2 * HOUR
    )
    assert turns(domain, HOUR * 0) == {"rsa": rotation.ROTATED, "ed25519": rotation.NOT_SEEN}
    assert signing(domain) == ["r2", "e1"]
    domain.refresh_from_db()
    assert domain.rotation_asked_at is not None  # the other one still waits


def test_a_key_that_signed_stays_then_is_revoked_then_its_selector_is_used_again(
    domain: Domain, settings: object
) -> None:
    rotation.ask(domain)
    rotation.tend(domain)
    seen(domain)
    rotation.tend(domain)
    turns(domain, 6 * DAY)
    assert states(domain)["r1"] == "retiring"
    turns(domain, 8 * DAY)
    assert states(domain) == {"r1": "retired", "e1": "retired", "r2": "active", "e2": "active"}
    old = DkimKey.objects.get(domain=domain, state=KeyState.RETIRED, algorithm="rsa")
    assert bytes(old.private_key) == b"" and key_record(old) == "v=DKIM1; k=rsa; p="
    turns(domain, 8 * DAY + HOUR)  # for a day the selector says that it is revoked
    assert KeyState.NEXT not in states(domain).values()
    turns(domain, 9 * DAY + HOUR)
    new = DkimKey.objects.get(domain=domain, state=KeyState.NEXT, algorithm="rsa")
    assert new.selector == old.selector and new.public_key != old.public_key


def test_the_schedule_turns_keys_and_may_be_off(domain: Domain, settings: object) -> None:
    rotation.tend(domain)
    seen(domain)
    assert turns(domain, 89 * DAY) == {}
    due = rotation.due_at(domain)
    assert due is not None and due - timezone.now() < 90 * DAY
    domain.rotates = False
    assert turns(domain, 91 * DAY) == {} and rotation.due_at(domain) is None
    domain.rotates = True
    settings.DKIM_ROTATE_DAYS = 0  # type: ignore[attr-defined]
    assert turns(domain, 91 * DAY) == {}
    settings.DKIM_ROTATE_DAYS = 90  # type: ignore[attr-defined]
    assert set(turns(domain, 91 * DAY).values()) == {rotation.ROTATED}


def test_a_second_rotation_waits_for_the_first_to_end(domain: Domain) -> None:
    rotation.ask(domain)
    rotation.tend(domain)
    seen(domain)
    rotation.tend(domain)
    rotation.ask(domain)
    said = rotation.tend(domain, timezone.now() + HOUR)
    assert {turn.code for turn in said} == {rotation.NO_NEXT}
    assert all(turn.until and turn.until > timezone.now() + 7 * DAY for turn in said)


def test_a_pending_domain_is_left_in_peace(domain: Domain) -> None:
    domain.state = "pending"
    assert rotation.tend(domain) == () and len(states(domain)) == 2


def test_checks_tell_when_the_next_key_is_published(domain: Domain, dns_server: DnsServer) -> None:
    publish_domain(dns_server, domain)
    rotation.tend(domain)
    shown = [r for r in required(domain) if r.role == KeyState.NEXT]
    assert [r.required for r in shown] == [False, False]
    assert check_domain(domain).passed
    assert not domain.dkim_keys.filter(state=KeyState.NEXT, published=True).exists()
    for record in shown:
        publish_record(dns_server, record)
    check_domain(domain)
    following = domain.dkim_keys.get(state=KeyState.NEXT, algorithm="rsa")
    assert following.published and following.seen_at is not None
    since = following.seen_at
    check_domain(domain)
    following.refresh_from_db()
    assert following.seen_at == since
    dns_server.publish(following.host, "TXT")
    check_domain(domain)
    following.refresh_from_db()
    assert (following.published, following.seen_at) == (False, None)


def test_a_leaked_key_is_revoked_where_another_signs(domain: Domain) -> None:
    rotation.tend(domain)
    active = domain.dkim_keys.get(selector__endswith="r1")
    domain.dkim_keys.update(published=False)
    assert not rotation.revoke(active)  # nothing would sign
    domain.dkim_keys.filter(selector__endswith="r2").update(published=True)
    assert rotation.revoke(active)
    assert states(domain)["r1"] == "retired" and states(domain)["r2"] == "active"
    assert "r1" not in signing(domain)
