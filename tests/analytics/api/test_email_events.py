"""HubSpot's events feed: its words, its filters, its paging, and what it refuses."""

import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics import event_feed
from tests.analytics.conftest import NOON, Sent, make_sent
from tests.cast import Cast
from tests.transactional.api.conftest import Api, make_key
from transactional import events
from transactional.events import NewEvent
from transactional.models import Event, EventType, Recipient

pytestmark = pytest.mark.django_db
PATH = "/email/public/v1/events"
START = int(NOON.timestamp() * 1000)


@pytest.fixture
def api(cast: Cast) -> Api:
    return Api(make_key(cast.account, "content"))


@pytest.fixture
def mail(cast: Cast) -> Sent:
    return make_sent(cast.account, ("ann@reader.example", "ben@reader.example"))


def told(api: Api, **asked: Any) -> list[dict[str, Any]]:
    answer = api("GET", f"{PATH}?{_query(asked)}")
    assert answer.status_code == 200, answer.content
    return list(answer.json()["events"])


def _query(asked: dict[str, Any]) -> str:
    return "&".join(f"{name}={value}" for name, value in asked.items())


def happen(mail: Sent, *stories: tuple[str, dict[str, Any]], recipient: int = 0) -> None:
    events.append(
        [
            mail.happened(kind, recipient, at=NOON + timedelta(seconds=second), data=data)
            for second, (kind, data) in enumerate(stories)
        ]
    )


def pages(api: Api, **asked: Any) -> list[dict[str, Any]]:
    """Every event, page after page."""
    found: list[dict[str, Any]] = []
    offset = ""
    while True:
        more = {"offset": offset} if offset else {}
        answer = api("GET", f"{PATH}?{_query({**asked, **more})}").json()
        found += answer["events"]
        if not answer["hasMore"]:
            return found
        assert answer["offset"] != offset
        offset = answer["offset"]


def test_every_type_is_told_in_the_contract_s_words(api: Api, mail: Sent) -> None:
    happen(
        mail,
        (EventType.ACCEPTED, {}),
        (EventType.DEFERRED, {"attempt": 1, "response": "452 4.2.2 full", "category": "soft"}),
        (EventType.DELIVERED, {"attempt": 2, "response": "250 2.0.0 ok"}),
        (EventType.OPENED, {"ip": "192.0.2.1", "user_agent": "Mozilla/5.0 (X11; Linux)"}),
        (EventType.CLICKED, {"ip": "192.0.2.1", "user_agent": "curl/8", "url": "https://a/", "link": 3,
                             "machine": "robot"}),
        (EventType.BOUNCED, {"reason": "userunknown", "status": "5.1.1", "response": "550 no"}),
        (EventType.UNBOUNCED, {"how": "member"}),
        (EventType.COMPLAINED, {"user_agent": "Feedback/1"}),
        (EventType.UNSUBSCRIBED, {"how": "complaint"}),
        (EventType.RESENT, {}),
        (EventType.UNSUBSCRIBED, {"how": "page", "subscriptions": [7]}),
        (EventType.EXPIRED, {"response": "452 4.2.2 full"}),
    )  # fmt: skip
    found = told(api, limit=50)
    assert [one["type"] for one in reversed(found)] == [
        "SENT", "PROCESSED", "DEFERRED", "DELIVERED", "OPEN", "CLICK", "BOUNCE", "UNBOUNCE",
        "SPAMREPORT", "STATUSCHANGE", "STATUSCHANGE", "BOUNCE",
    ]  # fmt: skip
    sent, processed, deferred, delivered, opened, clicked, bounce, lifted, spam, left, one, late = (
        reversed(found)
    )
    recipient = mail.recipients[0]
    common = {
        "recipient": "ann@reader.example", "portalId": mail.campaign.account_id, "appId": 22709,
        "appName": "SmtpApi", "emailCampaignId": mail.campaign.pk, "hmid": str(recipient.pk),
        "smtpId": f"<{mail.message.message_id}>",
    }  # fmt: skip
    assert all(common.items() <= event.items() for event in found)
    assert sent["created"] == START and sent["subject"] == "Order 7"
    assert sent["from"] == "orders@shop.example" and sent["replyTo"] == sent["cc"] == []
    assert uuid.UUID(processed["id"]).version == 8 and "sentBy" not in sent
    by = {"id": sent["id"], "created": START}
    assert all(event["sentBy"] == by for event in found[:-2])
    assert (deferred["attempt"], deferred["response"]) == (1, "452 4.2.2 full")
    assert delivered["response"] == "250 2.0.0 ok"
    assert (opened["ipAddress"], opened["filteredEvent"]) == ("192.0.2.1", False)
    assert (clicked["url"], clicked["linkId"], clicked["filteredEvent"]) == ("https://a/", 3, True)
    assert clicked["filteredReason"] == "robot" and "filteredReason" not in opened
    assert (bounce["category"], bounce["status"]) == ("UNKNOWN_USER", "5.1.1")
    assert lifted["causedBy"]["id"] == bounce["id"]
    assert spam["userAgent"] == "Feedback/1"
    assert left["portalSubscriptionStatus"] == "UNSUBSCRIBED" and left["bounced"] is False
    assert left["source"] == "SOURCE_SPAM_REPORT" and left["causedBy"]["id"] == spam["id"]
    assert one["subscriptions"] == [{"id": 7, "status": "UNSUBSCRIBED"}]
    assert "portalSubscriptionStatus" not in one and one["source"] == "SOURCE_RECIPIENT"
    assert (late["category"], late["response"]) == ("TIMEOUT", "452 4.2.2 full")
    for event in found:
        assert api("GET", f"{PATH}/{event['created']}/{event['id']}/").json() == event


def test_copies_are_told_and_a_refusal_is_found_by_whom_it_was_for(api: Api, mail: Sent) -> None:
    Recipient.objects.create(
        message=mail.message, account_id=mail.campaign.account_id, address="cc@reader.example",
        kind="cc", status="queued",
    )  # fmt: skip
    happen(mail, (EventType.DROPPED, {"reason": "PREVIOUSLY_BOUNCED"}))
    refused = {"reason": "INVALID_TO_ADDRESS", "message": "No.", "to": ["ann@reader.example"]}
    events.append(
        [
            NewEvent(
                account_id=mail.campaign.account_id, message_id=mail.message.pk, recipient_id=None,
                campaign_id=None, type=EventType.DROPPED, at=NOON, data=refused,
            )
        ]
    )  # fmt: skip
    late, early = told(api, recipient="Ann <ann@reader.example>")
    assert {one["dropReason"] for one in (late, early)} == {
        "PREVIOUSLY_BOUNCED",
        "INVALID_TO_ADDRESS",
    }
    refusal = late if late["dropReason"] == "INVALID_TO_ADDRESS" else early
    assert (refusal["dropMessage"], refusal["recipient"]) == ("No.", "ann@reader.example")
    assert late["cc"] == ["cc@reader.example"] and late["type"] == "DROPPED"
    assert told(api, recipient="ben@reader.example") == []


def test_filters_narrow_and_together(api: Api, cast: Cast, mail: Sent) -> None:
    other = make_sent(cast.account, ("ann@reader.example",))
    happen(mail, (EventType.ACCEPTED, {}), (EventType.DELIVERED, {}))
    happen(mail, (EventType.ACCEPTED, {}), recipient=1)
    robot = {"user_agent": "Googlebot/2.1", "machine": "robot"}
    happen(other, (EventType.ACCEPTED, {}), (EventType.CLICKED, robot))
    assert len(told(api, recipient="ann@reader.example")) == 6
    here = {"campaignId": mail.campaign.pk, "appId": 22709}
    assert len(told(api, **here)) == 5
    assert len(told(api, **here, recipient="ann@reader.example")) == 3
    assert [one["type"] for one in told(api, eventType="CLICK")] == ["CLICK"]
    assert told(api, eventType="CLICK", excludeFilteredEvents="true") == []
    assert len(told(api, eventType="PROCESSED")) == 3
    assert told(api, eventType="PRINT") == told(api, appId=1) == []
    late = told(api, startTimestamp=START + 1000, endTimestamp=START + 1000)
    assert {one["type"] for one in late} == {"DELIVERED", "CLICK"}
    assert told(api, startTimestamp=START + 1001) == told(api, endTimestamp=START - 1) == []


@pytest.mark.parametrize("asked", ["", "recipient=ann@reader.example"])
@pytest.mark.parametrize("window", [event_feed.WINDOW, 70])
def test_paging_gives_no_gap_and_no_double_over_2500_events(
    api: Api, mail: Sent, asked: str, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_feed, "WINDOW", window)
    kinds = (EventType.ACCEPTED, EventType.DELIVERED, EventType.OPENED, EventType.RESENT)
    # Many of one moment, so that pages end between events of one moment
    events.append(
        [mail.happened(kinds[n % 4], at=NOON + timedelta(seconds=n // 300)) for n in range(2500)]
    )
    more = dict([asked.split("=")]) if asked else {}
    found = pages(api, limit=1000, **more)
    assert Counter(one["type"] for one in found) == {
        "SENT": 625, "PROCESSED": 625, "DELIVERED": 625, "OPEN": 625,
    }  # fmt: skip
    assert len({one["id"] for one in found}) == 2500
    assert [one["created"] for one in found] == sorted(
        (one["created"] for one in found), reverse=True
    )
    opened = pages(api, limit=97, eventType="OPEN", startTimestamp=START + 1000, **more)
    wanted = Event.objects.filter(type="opened", at__gte=NOON + timedelta(seconds=1))
    assert {one["id"] for one in opened} == {str(pk) for pk in wanted.values_list("pk", flat=True)}
    assert len(opened) == wanted.count()


def test_events_that_come_between_two_pages_change_neither(api: Api, mail: Sent) -> None:
    happen(mail, *[(EventType.OPENED, {})] * 30)
    first = api("GET", f"{PATH}?limit=15").json()
    events.append([mail.happened(EventType.OPENED, at=NOON + timedelta(hours=1))])
    second = api("GET", f"{PATH}?limit=15&offset={first['offset']}").json()
    ids = [one["id"] for one in first["events"] + second["events"]]
    assert len(set(ids)) == 30 and second["hasMore"] is False


def test_the_number_of_queries_does_not_grow(
    api: Api, mail: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    happen(mail, *[(EventType.ACCEPTED, {}), (EventType.OPENED, {})] * 5)
    ran: list[str] = []

    class Counting(psycopg.Cursor[Any]):
        def execute(self, query: Any, *args: Any, **more: Any) -> Any:
            ran.append(str(query))
            return super().execute(query, *args, **more)

    monkeypatch.setattr("analytics.event_feed.psycopg.Cursor", Counting)
    counts = []
    told(api)  # the key is known from here on
    for limit in (2, 15):
        ran.clear()
        with CaptureQueriesContext(connection) as caught:
            assert len(told(api, limit=limit)) == limit
        counts.append((len(caught), len(ran)))
    assert counts[0] == counts[1] and counts[0][1] == 4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"), ("limit", "1001"), ("limit", "x"), ("eventType", "open"),
        ("eventType", "NO"), ("campaignId", "-1"), ("appId", "a"), ("startTimestamp", "now"),
        ("endTimestamp", "9" * 15), ("offset", "!"), ("offset", "AAAA"), ("offset", "%FF" * 9),
        ("offset", "_" * 34), ("recipient", "nobody"), ("recipient", "a%00@b.example"),
        ("excludeFilteredEvents", "yes"), ("eventType", "%00"),
    ],
)  # fmt: skip
def test_a_bad_parameter_is_named(api: Api, name: str, value: str) -> None:
    answer = api("GET", f"{PATH}?{name}={value}")
    assert answer.status_code == 400, answer.content
    body = answer.json()
    assert (body["category"], body["status"]) == ("VALIDATION_ERROR", "error")
    assert [fault["in"] for fault in body["errors"]] == [name]


def test_a_stranger_sees_nothing(cast: Cast, api: Api, mail: Sent) -> None:
    happen(mail, (EventType.ACCEPTED, {}))
    (processed, sent) = told(api)
    charlie = Api(make_key(cast.other_account, "content"))
    for asked in ({}, {"recipient": "ann@reader.example"}, {"campaignId": mail.campaign.pk}):
        assert told(charlie, **asked) == []
    for event in (sent, processed):
        path = f"{PATH}/{event['created']}/{event['id']}"
        assert charlie("GET", path).status_code == 404
        assert api("GET", path).status_code == 200
    assert api("GET", f"{PATH}/{sent['created'] + 1}/{sent['id']}").status_code == 404
    for absent in ("x/y", f"1/{uuid.uuid4()}", f"{sent['created']}/{uuid.UUID(int=0)}"):
        assert api("GET", f"{PATH}/{absent}").status_code == 404


def test_a_key_needs_the_scope_and_the_path_its_own_words(cast: Cast) -> None:
    assert Api("")("GET", PATH).status_code == 401
    answer = Api(make_key(cast.account, "domains"))("GET", PATH)
    assert (answer.status_code, answer.json()["category"]) == (403, "MISSING_SCOPES")
    assert Api(make_key(cast.account))("GET", f"{PATH}/").status_code == 200
    absent = Api(make_key(cast.account))("GET", "/email/public/v1/nothing")
    assert (absent.status_code, absent.json()["category"]) == (404, "OBJECT_NOT_FOUND")
