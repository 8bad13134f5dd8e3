"""The pages of IPs and pools: who may do what, and what is told of warm-ups, lists and history."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from config import attention
from domains import hosts, pools, warmup
from domains.models import (
    EgressSource,
    Listing,
    PoolMember,
    SourceChange,
    SourceState,
    WarmupDay,
    WorkerHost,
)
from domains.models import SourceEvent as Event
from domains.source_states import Why, move
from tests.cast import Cast
from tokens.models import User

SignIn = Callable[[User], Client]


@pytest.fixture
def source(cast: Cast) -> EgressSource:
    return EgressSource.objects.of(cast.account).get()


@pytest.fixture
def page(cast: Cast, source: EgressSource) -> str:
    return f"/a/{cast.account.pk}/domains/ips/{source.pk}/"


def warm_up_at(source: EgressSource, **fields: Any) -> None:
    EgressSource.objects.filter(pk=source.pk).update(
        warm_up=True, state="warming", used_at=timezone.now()
    )
    for ago, cap in ((2, 50), (1, 70), (0, 98)):
        values = {"taken": cap, "sent": cap, "code": "grown", **fields}
        day = warmup.today() - timedelta(days=ago)
        WarmupDay.objects.create(source=source, provider="google", day=day, cap=cap, **values)


def test_the_calendar_shows_todays_budget_its_use_and_the_end(
    cast: Cast, source: EgressSource, page: str, signed_in: SignIn
) -> None:
    warm_up_at(source, taken=40, sent=38, deferred=2)
    text = signed_in(cast.bob).get(page).content.decode()
    (view,) = warmup.calendar(source)
    assert "Google" in text and "if all goes well" in text
    assert "<strong>98</strong>" in text and "<strong>40</strong>" in text
    assert "<strong>58</strong>" in text  # what is left
    assert text.count("<tr><th") >= len(view.coming) + 2
    assert "Skip the warm-up" not in text  # Bob only looks


def test_a_warm_up_is_started_and_skipped_by_who_may(
    cast: Cast, source: EgressSource, page: str, signed_in: SignIn
) -> None:
    alice = signed_in(cast.alice)
    assert alice.post(f"{page}warm-up/").status_code == 302
    source.refresh_from_db()
    assert source.warm_up and "On: the first budgets" in alice.get(page).content.decode()
    assert alice.post(f"{page}warm-up/", {"skip": "1"}).status_code == 302
    source.refresh_from_db()
    assert not source.warm_up
    told = SourceChange.objects.filter(source=source).order_by("pk").values_list("event", "by")
    by = cast.alice.email
    assert list(told) == [("warm_up_started", by), ("warm_up_skipped", by)]


def test_the_history_tells_what_happened_why_and_who(
    cast: Cast, source: EgressSource, page: str, signed_in: SignIn
) -> None:
    move(
        source.pk, Event.DNS_WRONG, Why("no_ptr", {"address": "127.0.0.10", "name": "m.x.example"})
    )
    move(source.pk, Event.PAUSED, Why(by="dora@shop.example"))
    text = signed_in(cast.alice).get(page).content.decode()
    assert "A check failed" in text and "127.0.0.10 has no reverse record (PTR)" in text
    assert "by dora@shop.example" in text


def test_a_listing_is_shown_with_where_to_ask_for_its_removal(
    cast: Cast, source: EgressSource, page: str, signed_in: SignIn, settings: Any
) -> None:
    alice = signed_in(cast.alice)
    settings.SANDBOX = True
    assert "Blocklists are not asked here" in alice.get(page).content.decode()
    settings.SANDBOX, settings.EGRESS, settings.BLOCKLISTS = False, "mx", True
    now = timezone.now()
    Listing.objects.create(
        code="spamcop", subject="127.0.0.10", state="listed", words="SpamCop", since=now,
        checked_at=now, next_at=now,
    )  # fmt: skip
    Listing.objects.create(
        code="psbl",
        subject="127.0.0.10",
        state="unknown",
        why="declined",
        checked_at=now,
        next_at=now,
    )
    move(source.pk, Event.LISTED, Why("listed", {"lists": "SpamCop"}))
    text = alice.get(page).content.decode()
    assert "Ask SpamCop to remove it" in text and "does not answer this resolver" in text
    assert "Listed by SpamCop" in text and "while a blocklist has it" in text


def test_a_stranger_finds_nothing_and_a_viewer_changes_nothing(
    cast: Cast, source: EgressSource, page: str, signed_in: SignIn
) -> None:
    pool = pools.dedicated_pool(cast.account)
    home = f"/a/{cast.account.pk}/domains/pools/"
    posts = (f"{page}warm-up/", f"{page}pause/", f"{home}{pool.pk}/shares/")
    for where in (page, home):
        assert signed_in(cast.charlie).get(where).status_code == 404
        assert signed_in(cast.bob).get(where).status_code == 200
    for where in posts:
        assert signed_in(cast.charlie).post(where).status_code == 404
        assert signed_in(cast.bob).post(where).status_code == 403
        assert signed_in(cast.alice).get(where).status_code == 405
    other = EgressSource.objects.of(cast.other_account).get()
    theirs = f"/a/{cast.account.pk}/domains/ips/{other.pk}/warm-up/"
    assert signed_in(cast.alice).post(theirs).status_code == 404
    their_pool = pools.dedicated_pool(cast.other_account)
    assert signed_in(cast.alice).post(f"{home}{their_pool.pk}/shares/").status_code == 404
    source.refresh_from_db()
    assert source.state == SourceState.READY and not source.warm_up


def test_posts_need_their_token(cast: Cast, page: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.alice)
    assert client.post(f"{page}warm-up/").status_code == 403


@pytest.mark.parametrize("wrong", ["-1", "101", "x", "", "1.5", "9" * 30, "٣"])
def test_a_share_that_is_none_changes_nothing(cast: Cast, signed_in: SignIn, wrong: str) -> None:
    alice, member = signed_in(cast.alice), PoolMember.objects.get(source__account=cast.account)
    where = f"/a/{cast.account.pk}/domains/pools/{member.pool_id}/shares/"
    text = alice.post(where, {f"share-{member.pk}": wrong}, follow=True).content.decode()
    assert "nothing was changed" in text
    member.refresh_from_db()
    assert member.weight == 1


def test_shares_are_set_and_shown(cast: Cast, signed_in: SignIn) -> None:
    two = EgressSource.objects.create(
        account=cast.account, address="127.0.0.70", ehlo_name="n.shop.example", state="ready"
    )
    pool = pools.dedicated_pool(cast.account)
    pools.add(pool, two)
    one, other = pool.members.order_by("pk")
    alice, home = signed_in(cast.alice), f"/a/{cast.account.pk}/domains/pools/"
    shares = {f"share-{one.pk}": "3", f"share-{other.pk}": "1"}
    text = alice.post(f"{home}{pool.pk}/shares/", shares, follow=True).content.decode()
    assert "The shares are saved" in text and "75 %" in text and "25 %" in text
    assert [s.weight for s in pools.usable(pool.pk)] == [3, 1]
    nobody = {f"share-{one.pk}": "0", f"share-{other.pk}": "0"}
    text = alice.post(f"{home}{pool.pk}/shares/", nobody, follow=True).content.decode()
    assert "At least one IP must have a share" in text


def test_an_ip_is_added_with_its_machine_and_its_warm_up(
    cast: Cast, signed_in: SignIn, settings: Any
) -> None:
    settings.SANDBOX = True
    alice, new = signed_in(cast.alice), f"/a/{cast.account.pk}/domains/ips/new/"
    hosts.forget()
    assert "Worker host" not in alice.get(new).content.decode()  # nobody to choose from
    for name in ("one", "two"):
        WorkerHost.objects.create(name=name)
    hosts.forget()
    text = alice.get(new).content.decode()
    assert "Worker host" in text and "Warm it up" in text
    fields = {
        "address": "127.0.0.75",
        "ehlo_name": "n.shop.example",
        "host": "two",
        "warm_up": "on",
    }
    assert alice.post(new, {**fields, "host": "three"}).status_code == 200
    assert alice.post(new, fields).status_code == 302
    row = EgressSource.objects.of(cast.account).get(address="127.0.0.75")
    assert (row.host, row.warm_up, row.state) == ("two", True, SourceState.PENDING)
    hosts.forget()


def test_the_dashboard_is_told_of_ips_that_were_stopped(cast: Cast, source: EgressSource) -> None:
    assert not [one for one in attention.items(cast.account.pk) if one.code.startswith("SOURCE")]
    for state, code in (("listed", "SOURCE_LISTED"), ("pending", "SOURCE_BROKEN")):
        EgressSource.objects.filter(pk=source.pk).update(state=state)
        (item,) = (i for i in attention.items(cast.account.pk) if i.code.startswith("SOURCE"))
        assert item.code == code and "127.0.0.10" in str(item.text)
        assert not [i for i in attention.items(cast.other_account.pk) if i.code == code]
