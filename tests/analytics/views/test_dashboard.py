"""The dashboard: the account's numbers, what needs attention, and the first steps' real state."""

import re
import sys
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.models import CampaignDay
from config import attention
from config.attention import Item, Level
from domains.models import Domain, DomainState, EgressSource, SourceState
from tests.analytics.conftest import Sent
from tests.cast import Cast, make_email
from tests.transactional.queue.rows import queue as queue_rows
from tests.transactional.queue.rows import streams
from tokens.models import Account, User
from transactional import queue
from transactional.compose import versions
from transactional.models import Lane
from transactional.submission import facts

SignedIn = Callable[[User], Client]


def page_of(cast: Cast, client: Client, query: str = "") -> str:
    return client.get(f"/a/{cast.account.pk}/{query}").content.decode()


def figures(page: str) -> dict[str, str]:
    found = re.findall(r'data-metric="(\w+)">([^<]*)<', page)
    return {name: value.strip() for name, value in found}


def done(page: str) -> list[bool]:
    block = re.search(r'<ol class="first-steps">(.*?)</ol>', page, re.S)
    return ["done" in li for li in re.findall(r"<li[^>]*>", block[1])] if block else []


def count(mail: Sent, *, days_ago: int = 0, **numbers: int) -> None:
    day = timezone.now().date() - timedelta(days=days_ago)
    row = {"account": mail.campaign.account, "campaign": mail.campaign, "day": day}
    CampaignDay.objects.create(**row, **numbers)


def test_numbers_of_each_period(sent: Sent, cast: Cast, signed_in: SignedIn) -> None:
    count(sent, sent=9, delivered=7, bounced=1, complaints=1)
    count(sent, days_ago=6, sent=10, delivered=10)
    count(sent, days_ago=29, sent=100, delivered=90, expired=2)
    client = signed_in(cast.bob)
    shown = {
        period: figures(page_of(cast, client, f"?period={period}"))
        for period in ("1d", "7d", "30d")
    }
    assert [shown[p]["sent"] for p in shown] == ["9", "19", "119"]
    assert [shown[p]["delivered"] for p in shown] == ["7", "17", "107"]
    assert [shown[p]["bounces"] for p in shown] == ["1", "1", "3"]
    assert figures(page_of(cast, client, "?period=nonsense")) == shown["7d"]


def test_polling_answers_nothing_until_something_changes(
    sent: Sent, cast: Cast, signed_in: SignedIn
) -> None:
    client = signed_in(cast.bob)
    asks = re.search(r'hx-get="([^"]*)"', page_of(cast, client))
    assert asks
    url = f"/a/{cast.account.pk}/{asks[1].replace('&amp;', '&')}"
    assert client.get(url, headers={"HX-Request": "true"}).status_code == 204
    count(sent, sent=3)
    again = client.get(url, headers={"HX-Request": "true"})
    assert figures(again.content.decode())["sent"] == "3"
    assert b"<html" not in again.content


def test_the_queue_is_this_accounts(cast: Cast, signed_in: SignedIn) -> None:
    [mine], [theirs] = (streams(one, 1) for one in (cast.account, cast.other_account))
    queue_rows(cast.account, mine, 2)
    queue_rows(cast.account, mine, 1, lane=Lane.URGENT, held=True)
    assert figures(page_of(cast, signed_in(cast.bob)))["waiting"] == "3"
    other = queue.depth(cast.other_account.pk)
    assert other is not None and (other.rows, other.oldest) == (0, None)
    queue_rows(cast.other_account, theirs, 1, held=True)
    other = queue.depth(cast.other_account.pk)
    assert other is not None and (other.rows, other.oldest) == (1, None)


def test_the_count_of_a_queue_stops_at_its_cap(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    queue_rows(cast.account, streams(cast.account, 1)[0], 3)
    monkeypatch.setattr(sys.modules["transactional.queue.depth"], "DEPTH_CAP", 2)
    found = queue.depth(cast.account.pk)
    assert found is not None and (found.rows, found.capped) == (2, True)


def test_first_steps_follow_what_is_true(cast: Cast, signed_in: SignedIn) -> None:
    account = cast.account
    Domain.objects.of(account).update(state=DomainState.PENDING)
    EgressSource.objects.of(account).update(state=SourceState.PENDING)
    client = signed_in(cast.alice)
    assert done(page_of(cast, client)) == [False] * 5
    Account.objects.filter(pk=account.pk).update(street="Via Roma 1", city="Reggio Emilia")
    assert done(page_of(cast, client)) == [True, False, False, False, False]
    Domain.objects.of(account).update(state=DomainState.VERIFIED)
    EgressSource.objects.of(account).update(state=SourceState.ACTIVE)
    assert done(page_of(cast, client)) == [True, True, True, False, False]
    email = make_email(account)
    versions.publish(email, by="alice")
    page = page_of(cast, client)
    assert done(page) == [True, True, True, True, False]
    assert f"/emails/{email.pk}/send/" in page
    CampaignDay.objects.create(
        account=account, campaign=email.campaign, day=timezone.now().date(), sent=1, delivered=1
    )
    assert "First steps" not in page_of(cast, client)


def test_a_viewer_sees_the_steps_and_no_button(cast: Cast, signed_in: SignedIn) -> None:
    page = page_of(cast, signed_in(cast.bob))
    assert "First steps" in page
    assert "New email" not in page and "/settings/" not in page


def test_what_needs_attention_is_named_with_its_page(
    sent: Sent, cast: Cast, signed_in: SignedIn
) -> None:
    client = signed_in(cast.bob)
    assert "Needs attention" not in page_of(cast, client)
    domain = Domain.objects.of(cast.account).get()
    Domain.objects.of(cast.account).update(state=DomainState.BROKEN)
    EgressSource.objects.of(cast.account).update(state=SourceState.PAUSED)
    Account.objects.filter(pk=cast.account.pk).update(transactional_enabled=False)
    count(sent, sent=1000, delivered=900, bounced=51, complaints=1)
    page = page_of(cast, client)
    assert re.findall(r'data-code="(\w+)"', page) == [
        "BOUNCE_RATE", "COMPLAINT_RATE", "DOMAIN_BROKEN", "TRANSACTIONAL_DISABLED", "SOURCE_PAUSED"
    ]  # fmt: skip
    assert f"/a/{cast.account.pk}/domains/{domain.pk}/" in page
    assert "5.1 % of the mail" in page


def test_few_bounces_are_no_spike(sent: Sent, cast: Cast) -> None:
    count(sent, sent=99, delivered=80, bounced=19)
    assert attention.items(cast.account.pk) == []
    count(sent, days_ago=1, sent=10_000, delivered=9_900, bounced=20, complaints=9)
    assert attention.items(cast.account.pk) == []


def test_a_source_is_cut_to_its_share(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def noisy(account_id: int) -> list[Item]:
        return [
            Item(code=f"N{n}", level=Level.INFO, text="x", link="y", url="/") for n in range(99)
        ]

    monkeypatch.setitem(attention._sources, "noisy", noisy)
    assert len(attention.items(cast.account.pk)) == attention.PER_SOURCE


def test_a_stranger_gets_404(cast: Cast, signed_in: SignedIn) -> None:
    assert signed_in(cast.charlie).get(f"/a/{cast.account.pk}/").status_code == 404
    assert Client().get(f"/a/{cast.account.pk}/").status_code == 302


def test_queries_do_not_grow_with_the_mail(cast: Cast, signed_in: SignedIn) -> None:
    client = signed_in(cast.alice)
    counts = []
    for _round in range(2):
        for _n in range(4):
            email = make_email(cast.account)
            row = {"account": cast.account, "campaign": email.campaign}
            CampaignDay.objects.create(**row, day=timezone.now().date(), sent=5, delivered=5)
        page_of(cast, client)
        facts.forget()  # kept for a second, which a busy machine may take between the two
        with CaptureQueriesContext(
            connection,
        ) as captured:
            page_of(cast, client)
        counts.append(len(captured))
    # The last that came: refused as not authenticated, paused by complaints, one each
    assert counts[0] == counts[1] <= 37
