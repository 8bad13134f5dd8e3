"""The performance pages: the numbers people read, and who may read them."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from analytics import stats
from analytics.models import CampaignDay
from tests.analytics.conftest import Sent
from tests.cast import Cast
from tokens.models import SmtpCredential, User

SignedIn = Callable[[User], Client]


@pytest.fixture
def counted(sent: Sent) -> Sent:
    CampaignDay.objects.create(
        account=sent.campaign.account, campaign=sent.campaign, day=timezone.now().date(),
        sent=9, delivered=7, bounced=1, expired=1, opens=3, clicks=2, open_hits=8,
    )  # fmt: skip
    return sent


@pytest.fixture
def token(counted: Sent) -> SmtpCredential:
    credential = SmtpCredential.objects.create(
        account=counted.campaign.account, username="x7@1.smtp", secret_hash=b"x",
        campaign_name="Shop <system>", created_by="gone@shop.example",
    )  # fmt: skip
    counted.campaign.smtp_credential = credential
    counted.campaign.save()
    return credential


def figures(page: str) -> dict[str, str]:
    found = re.findall(r'data-metric="(\w+)">([^<]*)<', page)
    return {name: value.strip() for name, value in found}


def email_page(sent: Sent) -> str:
    return f"/a/{sent.campaign.account_id}/emails/{sent.email.pk}/performance/"


def test_the_page_shows_every_number_with_its_meaning(
    counted: Sent, cast: Cast, signed_in: SignedIn
) -> None:
    page = signed_in(cast.bob).get(email_page(counted)).content.decode()
    assert figures(page) == {
        "sent": "9", "delivered": "7", "opens": "3", "clicks": "2", "openratio": "42.9 %",
        "clickratio": "28.6 %", "clickthroughratio": "66.7 %", "deliveredratio": "77.8 %",
        "bounces": "2", "bounceratio": "22.2 %", "pending": "0", "dropped": "0",
        "complaints": "0", "unsubscribes": "0", "unknown": "0",
    }  # fmt: skip
    for metric in stats.METRICS:
        assert str(metric.definition).replace("'", "&#x27;") in page
    assert 'hx-trigger="every 3s"' in page and "<rect" in page
    assert "style=" not in page and "onclick" not in page


def test_machines_are_told_beside_the_numbers_and_counted_where_the_account_says_so(
    counted: Sent, cast: Cast, signed_in: SignedIn
) -> None:
    CampaignDay.objects.update(machine_opens=2, machine_clicks=1)
    page = signed_in(cast.alice).get(email_page(counted)).content.decode()
    assert (figures(page)["opens"], figures(page)["clicks"]) == ("1", "1")
    assert (figures(page)["openratio"], figures(page)["clickratio"]) == ("14.3 %", "14.3 %")
    assert "Left out, as machines alone made them: 2 opens, 1 clicks." in page
    seen = re.search(r"\?seen=(\w+)", page)
    settings = f"/a/{cast.account.pk}/settings/"
    assert seen and settings in page.split('id="figures"')[1]
    cast.account.filter_machines = False
    cast.account.save()
    answer = signed_in(cast.bob).get(
        email_page(counted), {"seen": seen[1]}, headers={"HX-Request": "true"}
    )
    page = answer.content.decode()
    assert answer.status_code == 200  # an open page notices that the switch was changed
    assert (figures(page)["opens"], figures(page)["clicks"]) == ("3", "2")
    assert "Made by machines alone: 2 opens, 1 clicks." in page
    assert settings not in page  # a viewer cannot change it


def test_one_open_and_click_are_a_hundred_percent(
    sent: Sent, cast: Cast, signed_in: SignedIn
) -> None:
    CampaignDay.objects.create(
        account=sent.campaign.account, campaign=sent.campaign, day=timezone.now().date(),
        sent=1, delivered=1, opens=1, clicks=1,
    )  # fmt: skip
    found = figures(signed_in(cast.alice).get(email_page(sent)).content.decode())
    assert (found["opens"], found["clicks"]) == ("1", "1")
    assert (found["openratio"], found["clickratio"]) == ("100 %", "100 %")


def test_nothing_sent_yet(sent: Sent, cast: Cast, signed_in: SignedIn) -> None:
    page = signed_in(cast.alice).get(email_page(sent)).content.decode()
    assert figures(page)["openratio"] == "–" and figures(page)["sent"] == "0"
    assert '<rect class="sent" x=' not in page


def test_polling_fetches_only_what_has_changed(
    counted: Sent, cast: Cast, signed_in: SignedIn
) -> None:
    client = signed_in(cast.alice)
    page = client.get(email_page(counted)).content.decode()
    (seen,) = re.findall(r'hx-get="\?seen=(\w+)"', page)
    again = client.get(f"{email_page(counted)}?seen={seen}", HTTP_HX_REQUEST="true")
    assert (again.status_code, again.content) == (204, b"")
    CampaignDay.objects.update(clicks=3)
    news = client.get(f"{email_page(counted)}?seen={seen}", HTTP_HX_REQUEST="true")
    part = news.content.decode()
    assert figures(part)["clicks"] == "3"
    assert part.lstrip().startswith('<div id="figures"') and "<html" not in part


def test_a_tokens_page_outlives_the_token(
    token: SmtpCredential, cast: Cast, signed_in: SignedIn
) -> None:
    url = f"/a/{cast.account.pk}/keys/smtp/{token.pk}/performance/"
    token.deleted_at = timezone.now()
    token.save()
    page = signed_in(cast.bob).get(url).content.decode()
    assert figures(page)["sent"] == "9"
    assert "Shop &lt;system&gt;" in page and "<system>" not in page
    assert "Deleted" in page


def test_strangers_see_nothing(
    counted: Sent, token: SmtpCredential, cast: Cast, signed_in: SignedIn
) -> None:
    charlie = signed_in(cast.charlie)
    mine = cast.other_account.pk
    for account, expected in ((cast.account.pk, 404), (mine, 404)):
        for path in (
            f"/a/{account}/emails/{counted.email.pk}/performance/",
            f"/a/{account}/keys/smtp/{token.pk}/performance/",
        ):
            assert charlie.get(path).status_code == expected
            assert Client().get(path).status_code == 302


def test_the_page_costs_few_queries(
    counted: Sent, cast: Cast, signed_in: SignedIn, django_assert_max_num_queries: Any
) -> None:
    client = signed_in(cast.alice)
    with django_assert_max_num_queries(8):
        client.get(email_page(counted))
