"""HubSpot's campaigns calls: listed, paged, counted, hidden from strangers."""

from datetime import timedelta

import pytest

from analytics.models import CampaignDay
from tests.analytics.conftest import NOON, make_sent
from tests.cast import Cast
from tests.transactional.api.conftest import Api, make_key
from transactional.models import Campaign

pytestmark = pytest.mark.django_db
PATH = "/email/public/v1/campaigns"


@pytest.fixture
def api(cast: Cast) -> Api:
    return Api(make_key(cast.account, "content"))


def test_campaigns_are_listed_by_number_and_by_what_happened_last(api: Api, cast: Cast) -> None:
    Campaign.objects.filter(account=cast.account).delete()
    made = [Campaign.objects.create(account=cast.account, name=str(one)) for one in range(5)]
    day = (NOON + timedelta(days=900)).date()
    CampaignDay.objects.create(account=cast.account, campaign=made[1], day=day, sent=1)
    ids = [row.pk for row in made]
    first = api("GET", f"{PATH}/by-id?limit=3").json()
    second = api("GET", f"{PATH}/by-id/?limit=3&offset={first['offset']}").json()
    assert [one["id"] for one in first["campaigns"] + second["campaigns"]] == ids[::-1]
    assert (first["hasMore"], second["hasMore"]) == (True, False)
    assert first["campaigns"][0] == {"id": ids[4], "appId": 22709, "appName": "SmtpApi"}
    active = api("GET", PATH).json()["campaigns"]
    assert [one["id"] for one in active] == [ids[1], ids[4], ids[3], ids[2], ids[0]]
    assert active[0]["lastUpdatedTime"] == int(NOON.timestamp() + 900 * 86400 - 12 * 3600) * 1000


def test_a_campaign_has_the_numbers_of_its_page(api: Api, cast: Cast) -> None:
    sent = make_sent(cast.account)
    more = {
        "sent": 9, "delivered": 5, "deferred": 4, "bounced": 1, "expired": 1, "dropped": 2,
        "opens": 3, "clicks": 2, "open_hits": 8, "click_hits": 7, "complaints": 1, "unsubscribes": 2,
    }  # fmt: skip
    for days in (0, 1):
        day = NOON.date() + timedelta(days=days)
        CampaignDay.objects.create(account=cast.account, campaign=sent.campaign, day=day, **more)
    found = api("GET", f"{PATH}/{sent.campaign.pk}?appId=22709").json()
    assert (found["contentId"], found["name"]) == (sent.email.pk, sent.campaign.name)
    assert (found["type"], found["subject"]) == ("SINGLE_SEND_API", sent.email.subject)
    assert (found["numIncluded"], found["numQueued"]) == (22, 4)
    assert {name: count for name, count in found["counters"].items() if count} == {
        "sent": 18, "processed": 18, "delivered": 10, "deferred": 8, "open": 6, "click": 4,
        "bounce": 4, "dropped": 4, "unsubscribed": 4, "statuschange": 4, "spamreport": 2,
    }  # fmt: skip
    token = Campaign.objects.create(account=cast.account, name="Relay")
    found = api("GET", f"{PATH}/{token.pk}").json()
    assert (found["type"], found["contentId"]) == ("SMTP_TOKEN", None)


@pytest.mark.parametrize(("people_only", "opened", "clicked"), [(True, 3, 0), (False, 5, 2)])
def test_counters_follow_the_account_s_switch(
    api: Api, cast: Cast, people_only: bool, opened: int, clicked: int
) -> None:
    sent = make_sent(cast.account)
    cast.account.filter_machines = people_only
    cast.account.save()
    CampaignDay.objects.create(
        account=cast.account, campaign=sent.campaign, day=NOON.date(), sent=9, delivered=9,
        opens=5, clicks=2, machine_opens=2, machine_clicks=2,
    )  # fmt: skip
    counters = api("GET", f"{PATH}/{sent.campaign.pk}").json()["counters"]
    assert (counters["open"], counters["click"]) == (opened, clicked)


def test_a_stranger_and_a_wrong_word_find_nothing(api: Api, cast: Cast) -> None:
    sent = make_sent(cast.account)
    stranger = Api(make_key(cast.other_account, "content"))
    assert stranger("GET", f"{PATH}/{sent.campaign.pk}").status_code == 404
    for path in (PATH, f"{PATH}/by-id"):
        ids = [one["id"] for one in stranger("GET", path).json()["campaigns"]]
        assert sent.campaign.pk not in ids
        for name, value in (("limit", "501"), ("limit", "0"), ("offset", "-1"), ("offset", "x")):
            answer = api("GET", f"{path}?{name}={value}")
            assert answer.status_code == 400
            assert [fault["in"] for fault in answer.json()["errors"]] == [name]
    for absent in (f"{sent.campaign.pk}?appId=1", "0", "x", "9" * 30):
        assert api("GET", f"{PATH}/{absent}").status_code == 404
    assert Api(make_key(cast.account, "domains"))("GET", PATH).status_code == 403
