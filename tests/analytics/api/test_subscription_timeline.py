"""The timeline of subscriptions: its words, its filters, its pages, and what it refuses."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.v1 import milliseconds
from tests.analytics.conftest import Sent, make_sent
from tests.cast import Cast
from tests.transactional.api.conftest import Api, make_key
from tests.transactional.test_subscriptions import make_type
from transactional import subscriptions
from transactional.models import (
    Event,
    EventType,
    Subscribed,
    SubscriptionChange,
    SubscriptionSource,
)
from transactional.subscriptions import Origin, Wanted

pytestmark = pytest.mark.django_db
PATH = "/email/public/v1/subscriptions/timeline"
BY_HAND = Origin(source=SubscriptionSource.MEMBER, by="alice@shop.example")


@pytest.fixture
def api(cast: Cast) -> Api:
    return Api(make_key(cast.account, "content"))


@pytest.fixture
def mail(cast: Cast) -> Sent:
    return make_sent(cast.account, ("ann@reader.example", "ben@reader.example"))


def told(api: Api, **asked: Any) -> dict[str, Any]:
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    answer = api("GET", f"{PATH}?{query}")
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def say(cast: Cast, email: str, *answers: tuple[int | None, Subscribed]) -> None:
    wanted = [Wanted(email=email, type_id=one, status=status) for one, status in answers]
    subscriptions.record(cast.account.pk, wanted, BY_HAND)


def test_what_one_person_says_at_once_is_one_item(api: Api, cast: Cast) -> None:
    news, offers = make_type(cast.account, "News").pk, make_type(cast.account, "Offers").pk
    say(
        cast, "Ann@reader.example", (news, Subscribed.SUBSCRIBED), (offers, Subscribed.UNSUBSCRIBED)
    )
    say(cast, "ben@reader.example", (None, Subscribed.UNSUBSCRIBED))
    page = told(api)
    assert page["hasMore"] is False
    ben, ann = page["timeline"]
    row = SubscriptionChange.objects.get(contact__email="ben@reader.example")
    at = milliseconds(row.at)
    portal = cast.account.pk
    assert ben == {
        "timestamp": at,
        "portalId": portal,
        "recipient": "ben@reader.example",
        "changes": [
            {
                "change": "UNSUBSCRIBED",
                "changeType": "PORTAL_STATUS",
                "source": "SOURCE_HUBSPOT_CUSTOMER",
                "portalId": portal,
                "timestamp": at,
            }
        ],
    }
    assert ann["recipient"] == "ann@reader.example"
    said = {(one["subscriptionId"], one["change"], one["changeType"]) for one in ann["changes"]}
    assert said == {
        (news, "SUBSCRIBED", "SUBSCRIPTION_STATUS"),
        (offers, "UNSUBSCRIBED", "SUBSCRIPTION_STATUS"),
    }


@pytest.mark.parametrize(
    ("source", "change", "kind", "by"),
    [
        (SubscriptionSource.LINK, "UNSUBSCRIBED", "PORTAL_STATUS", "SOURCE_RECIPIENT"),
        (SubscriptionSource.COMPLAINT, "REPORTED_SPAM", "PORTAL_SPAM_REPORT", "SOURCE_SPAM_REPORT"),
    ],
)
def test_what_came_through_a_mail_names_its_event(
    api: Api, mail: Sent, source: SubscriptionSource, change: str, kind: str, by: str
) -> None:
    reader = mail.recipients[0]
    assert subscriptions.leave_all(reader.pk, source=source, data={})
    (item,) = told(api)["timeline"]
    (found,) = item["changes"]
    event = Event.objects.get(type=EventType.UNSUBSCRIBED)
    assert found == {
        "change": change,
        "changeType": kind,
        "source": by,
        "portalId": reader.account_id,
        "causedByEvent": {"id": str(event.pk), "created": milliseconds(event.at)},
    }
    named = found["causedByEvent"]
    seen = api("GET", f"/email/public/v1/events/{named['created']}/{named['id']}")
    assert (seen.status_code, seen.json()["type"]) == (200, "STATUSCHANGE")


def test_pages_hold_everything_once(api: Api, cast: Cast) -> None:
    for number in range(7):
        say(cast, f"{number}@reader.example", (None, Subscribed.UNSUBSCRIBED))
    found, offset = [], ""
    while True:
        page = told(api, limit=3, offset=offset)
        found += [item["recipient"] for item in page["timeline"]]
        offset = page["offset"]
        if not page["hasMore"]:
            break
    assert found == [f"{number}@reader.example" for number in reversed(range(7))]
    assert told(api, limit=3, offset=offset)["timeline"] == []


def test_a_page_takes_few_queries(api: Api, mail: Sent) -> None:
    for reader in mail.recipients:
        subscriptions.leave_all(reader.pk, source=SubscriptionSource.LINK, data={})
    told(api)
    with CaptureQueriesContext(
        connection,
    ) as one:
        told(api, limit=1)
    with CaptureQueriesContext(connection) as both:
        assert len(told(api)["timeline"]) == 2
    assert len(one) == len(both)


def test_kinds_and_times_narrow(api: Api, cast: Cast) -> None:
    news = make_type(cast.account, "News").pk
    say(cast, "ann@reader.example", (news, Subscribed.UNSUBSCRIBED))
    say(cast, "ben@reader.example", (None, Subscribed.UNSUBSCRIBED))
    for kind, expected in (
        ("SUBSCRIPTION_STATUS", ["ann@reader.example"]),
        ("PORTAL_STATUS", ["ben@reader.example"]),
        ("PORTAL_SPAM_REPORT", []),
        ("SUBSCRIPTION_SPAM_REPORT", []),
        ("PORTAL_BOUNCE", []),
    ):
        page = told(api, changeType=kind)
        assert [item["recipient"] for item in page["timeline"]] == expected, kind
    now = datetime.now(UTC)
    before, after = (milliseconds(now + timedelta(minutes=n)) for n in (-5, 5))
    assert len(told(api, startTimestamp=before, endTimestamp=after)["timeline"]) == 2
    assert told(api, startTimestamp=after)["timeline"] == []
    assert told(api, endTimestamp=before)["timeline"] == []
    assert len(told(api, startTimestamp=0, endTimestamp=253_370_764_800_000)["timeline"]) == 2
    exactly = SubscriptionChange.objects.get(contact__email="ben@reader.example")
    exactly.at = exactly.at.replace(microsecond=0)
    exactly.save(update_fields=["at"])
    moment = milliseconds(exactly.at)
    page = told(api, startTimestamp=moment, endTimestamp=moment)
    assert [item["recipient"] for item in page["timeline"]] == ["ben@reader.example"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("changeType", "portal_status"),
        ("limit", "0"),
        ("limit", "1001"),
        ("offset", "x"),
        ("startTimestamp", "-1"),
        ("endTimestamp", "9" * 17),
    ],
)
def test_what_is_wrong_is_named(api: Api, name: str, value: str) -> None:
    answer = api("GET", f"{PATH}?{name}={value}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["in"] == name


def test_strangers_see_nothing(cast: Cast) -> None:
    say(cast, "ann@reader.example", (None, Subscribed.UNSUBSCRIBED))
    assert told(Api(make_key(cast.other_account, "content")))["timeline"] == []
    assert Api("")("GET", PATH).status_code == 401
    assert Api(make_key(cast.account, "domains"))("GET", PATH).status_code == 403
