"""Communication preferences, driven by the official client and by hand: versions 3 and 4."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from hubspot.communication_preferences import PublicUpdateSubscriptionStatusRequest
from hubspot.communication_preferences.exceptions import ApiException, ForbiddenException

from tests.cast import Cast
from tests.transactional.api.conftest import Api
from tests.transactional.api.test_official_client import client
from tests.transactional.test_subscriptions import make_type, say, status
from transactional import subscriptions
from transactional.models import Contact, Subscribed, SubscriptionChange, SubscriptionType

pytestmark = pytest.mark.django_db(transaction=True)
V3, V4 = "/communication-preferences/v3", "/communication-preferences/v4"
DATED = "/communication-preferences/2026-09"
ANN = "ann@reader.example"
RW = "communication_preferences.read_write"


@pytest.fixture
def preferences(with_scopes: Any) -> Api:
    found: Api = with_scopes(RW)
    return found


@pytest.fixture
def official(live_server: Any, preferences: Api) -> Any:
    return client(live_server.url, preferences.key)


def test_the_official_client_reads_and_changes_subscriptions(official: Any, cast: Cast) -> None:
    offers = make_type(cast.account, description="Once a week")
    calls = official.communication_preferences
    listed = calls.definition_api.get_page().subscription_definitions
    assert [one.name for one in listed] == ["Marketing information", "Offers"]
    assert [one.is_default for one in listed] == [True, False]
    assert listed[1].id == str(offers.pk) and listed[1].created_at.utcoffset() is not None

    found = calls.status_api.get_email_status(ANN)
    assert found.recipient == ANN
    assert [one.status for one in found.subscription_statuses] == ["NOT_SUBSCRIBED"] * 2
    assert not Contact.objects.exists()  # looking makes nobody

    wish = PublicUpdateSubscriptionStatusRequest(
        email_address="Ann@Reader.example",
        subscription_id=str(offers.pk),
        legal_basis="CONSENT_WITH_NOTICE",
        legal_basis_explanation="Ticked the box at the counter",
    )
    done = calls.status_api.subscribe(public_update_subscription_status_request=wish)
    assert (done.status, done.source_of_status) == ("SUBSCRIBED", "SUBSCRIPTION_STATUS")
    assert done.legal_basis_explanation == "Ticked the box at the counter"
    assert status(cast.account, offers, "ann@reader.example") == "subscribed"
    done = calls.status_api.unsubscribe(public_update_subscription_status_request=wish)
    assert done.status == "NOT_SUBSCRIBED"
    with pytest.raises(ApiException) as told:
        calls.status_api.subscribe(public_update_subscription_status_request=wish)
    assert told.value.status == 400 and "because they have unsubscribed" in told.value.body
    log = SubscriptionChange.objects.of(cast.account).order_by("pk")
    assert [(one.status, one.by) for one in log] == [
        ("subscribed", "Shop backend"),
        ("unsubscribed", "Shop backend"),
    ]


def test_the_official_client_is_refused_without_the_scope(
    live_server: Any, with_scopes: Any, cast: Cast
) -> None:
    offers = make_type(cast.account)
    reading = client(live_server.url, with_scopes("communication_preferences.read").key)
    reading.communication_preferences.definition_api.get_page()
    wish = PublicUpdateSubscriptionStatusRequest(email_address=ANN, subscription_id=str(offers.pk))
    with pytest.raises(ForbiddenException) as told:
        reading.communication_preferences.status_api.subscribe(
            public_update_subscription_status_request=wish
        )
    assert "communication_preferences.write" in told.value.body
    other = client(live_server.url, with_scopes("transactional-email").key)
    with pytest.raises(ForbiddenException):
        other.communication_preferences.definition_api.get_page()


def test_the_official_clients_own_requests_reach_version_4(official: Any, cast: Cast) -> None:
    offers = make_type(cast.account)
    path = f"{V4}/statuses/{ANN.replace('@', '%40')}"
    body = {"channel": "EMAIL", "subscriptionId": offers.pk, "statusState": "SUBSCRIBED"}
    done = official.api_request({"path": path, "method": "POST", "body": body}).json()
    assert done["results"][0]["setStatusSuccessReason"] == "REQUESTED_CHANGE_OCCURRED"
    found = official.api_request({"path": f"{path}?channel=EMAIL"}).json()
    assert {one["subscriptionName"]: one["status"] for one in found["results"]} == {
        "Marketing information": "NOT_SPECIFIED",
        "Offers": "SUBSCRIBED",
    }


def one(api: Api, offers: SubscriptionType, state: str, **more: Any) -> Any:
    body = {"channel": "EMAIL", "subscriptionId": offers.pk, "statusState": state, **more}
    answer = api("POST", f"{V4}/statuses/{ANN}", body)
    assert answer.status_code == 200, answer.content
    return answer.json()["results"][0]


def test_a_status_and_why_it_is_so(preferences: Api, cast: Cast) -> None:
    offers = make_type(cast.account)
    first = one(preferences, offers, "SUBSCRIBED", legalBasis="PERFORMANCE_OF_CONTRACT")
    assert first["setStatusSuccessReason"] == "REQUESTED_CHANGE_OCCURRED"
    assert (first["legalBasis"], first["source"]) == ("PERFORMANCE_OF_CONTRACT", "API")
    again = one(preferences, offers, "SUBSCRIBED", legalBasis="PERFORMANCE_OF_CONTRACT")
    assert again["setStatusSuccessReason"] == "NO_STATUS_CHANGE"
    one(preferences, offers, "UNSUBSCRIBED")
    back = one(preferences, offers, "SUBSCRIBED")
    assert back["setStatusSuccessReason"] == "RESUBSCRIBE_OCCURRED"
    assert one(preferences, offers, "NOT_SPECIFIED")["status"] == "NOT_SPECIFIED"


def test_leaving_everything(preferences: Api, cast: Cast) -> None:
    make_type(cast.account)
    path = f"{V4}/statuses/{ANN}/unsubscribe-all?channel=EMAIL"
    before = preferences("GET", path).json()["results"]
    assert [(row["status"], row["wideStatusType"]) for row in before] == [
        ("NOT_SPECIFIED", "PORTAL_WIDE")
    ]
    assert preferences("POST", path).json()["results"] == []
    after = preferences("POST", f"{path}&verbose=true").json()["results"]
    assert {row["status"] for row in after} == {"UNSUBSCRIBED"}
    assert preferences("GET", path).json()["results"][0]["status"] == "UNSUBSCRIBED"
    v3 = preferences("GET", f"{V3}/status/email/{ANN}").json()["subscriptionStatuses"]
    assert {row["sourceOfStatus"] for row in v3} == {"PORTAL_WIDE_STATUS"}


def test_batches_do_what_is_right_and_tell_what_is_not(preferences: Api, cast: Cast) -> None:
    offers = make_type(cast.account)

    def asked(email: Any, **more: Any) -> dict[str, Any]:
        return {
            "subscriberIdString": email,
            "channel": "EMAIL",
            "subscriptionId": offers.pk,
            "statusState": "SUBSCRIBED",
            **more,
        }

    inputs = [asked(f"r{n}@reader.example") for n in range(60)]
    wrong: list[Any] = [
        asked("nobody"), asked(ANN, subscriptionId=1), asked(ANN, statusState="YES"),
        asked(ANN, channel="SMS"), asked(ANN, legalBasis="BECAUSE"), 7, asked(None),
    ]  # fmt: skip
    good = preferences("POST", f"{V4}/statuses/batch/write", {"inputs": inputs})
    assert good.status_code == 200 and len(good.json()["results"]) == 60
    mixed = preferences("POST", f"{V4}/statuses/batch/write", {"inputs": [*wrong, *inputs[:2]]})
    assert mixed.status_code == 207
    told = mixed.json()
    assert (len(told["results"]), told["numErrors"]) == (2, 7)
    assert told["errors"][0]["context"]["in"] == ["inputs[0].subscriberIdString"]

    emails = ["r1@reader.example", "R1@reader.example", "nobody", ANN]
    read = preferences("POST", f"{V4}/statuses/batch/read?channel=EMAIL", {"inputs": emails})
    assert read.status_code == 207
    found = {row["subscriberIdString"]: row["statuses"] for row in read.json()["results"]}
    assert found.keys() == {"r1@reader.example", ANN}
    assert found["r1@reader.example"][1]["status"] == "SUBSCRIBED"

    where = f"{V4}/statuses/batch/unsubscribe-all"
    left = preferences("POST", f"{where}?channel=EMAIL", {"inputs": [ANN]}).json()["results"]
    assert left[0]["statuses"][0]["status"] == "UNSUBSCRIBED"
    wide = preferences("POST", f"{where}/read?channel=EMAIL", {"inputs": [ANN, "b@b.example"]})
    assert [row["wideStatuses"][0]["status"] for row in wide.json()["results"]] == [
        "UNSUBSCRIBED",
        "NOT_SPECIFIED",
    ]


def test_generated_links_work(preferences: Api, cast: Cast) -> None:
    offers = make_type(cast.account)
    body = {"subscriberIdString": ANN, "subscriptionId": offers.pk, "language": "it"}
    made = preferences("POST", f"{V4}/links/generate?channel=EMAIL", body).json()
    reader = Client(enforce_csrf_checks=True)
    for name in ("managePreferencesUrl", "unsubscribeAllUrl", "unsubscribeSingleUrl"):
        url = urlsplit(made[name])
        page = reader.get(f"{url.path}?{url.query}")
        assert page.status_code == 200 and page["Content-Language"] == "it"
    assert status(cast.account, offers) == "unspecified"
    reader.post(urlsplit(made["unsubscribeSingleUrl"]).path)
    assert status(cast.account, offers) == "unsubscribed"
    reader.post(urlsplit(made["unsubscribeAllUrl"]).path)
    assert subscriptions.people(cast.account.pk, [ANN])[ANN].left_all_at is not None
    plain = preferences(
        "POST", f"{V4}/links/generate?channel=EMAIL", {"subscriberIdString": ANN}
    ).json()
    assert "unsubscribeSingleUrl" not in plain


CALLS = (
    ("GET", f"{V3}/definitions", None),
    ("GET", f"{V3}/status/email/{ANN}", None),
    ("POST", f"{V3}/subscribe", {}),
    ("POST", f"{V3}/unsubscribe", {}),
    ("POST", f"{DATED}/resubscribe", {}),
    ("GET", f"{DATED}/status/email/{ANN}", None),
    ("GET", f"{V4}/definitions", None),
    ("GET", f"{V4}/statuses/{ANN}?channel=EMAIL", None),
    ("POST", f"{V4}/statuses/{ANN}", {}),
    ("GET", f"{DATED}/statuses/{ANN}/unsubscribe-all?channel=EMAIL", None),
    ("POST", f"{V4}/statuses/{ANN}/unsubscribe-all?channel=EMAIL", None),
    ("POST", f"{V4}/statuses/batch/read?channel=EMAIL", {"inputs": []}),
    ("POST", f"{V4}/statuses/batch/write", {"inputs": []}),
    ("POST", f"{V4}/statuses/batch/unsubscribe-all?channel=EMAIL", {"inputs": []}),
    ("POST", f"{V4}/statuses/batch/unsubscribe-all/read?channel=EMAIL", {"inputs": []}),
    ("POST", f"{V4}/links/generate?channel=EMAIL", {"subscriberIdString": ANN}),
)


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_each_call_with_and_without_its_slash_and_its_scope(
    preferences: Api, api: Api, cast: Cast, method: str, path: str, body: Any
) -> None:
    bare, _mark, query = path.partition("?")
    slashed = f"{bare}/?{query}" if query else f"{bare}/"
    answers = [preferences(method, one, body) for one in (path, slashed)]
    assert answers[0].status_code == answers[1].status_code in (200, 400)
    assert api(method, path, body).status_code == 403
    assert Api("")(method, path, body).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "pointer"),
    [
        ("GET", f"{V4}/statuses/{ANN}", None, "channel"),
        ("GET", f"{V4}/statuses/{ANN}?channel=SMS", None, "channel"),
        ("GET", f"{V4}/statuses/nobody?channel=EMAIL", None, "email"),
        ("GET", f"{V3}/status/email/a%00@b.example", None, "email"),
        ("POST", f"{V3}/subscribe", [], "body"),
        ("POST", f"{V3}/subscribe", {"emailAddress": 7, "subscriptionId": "1"}, "emailAddress"),
        ("POST", f"{V3}/subscribe", {"emailAddress": ANN}, "subscriptionId"),
        ("POST", f"{V3}/subscribe", {"emailAddress": ANN, "subscriptionId": "9" * 30}, "subscriptionId"),
        ("POST", f"{V3}/subscribe", {"emailAddress": ANN, "subscriptionId": True}, "subscriptionId"),
        ("POST", f"{V4}/statuses/batch/read?channel=EMAIL", {"inputs": "x"}, "inputs"),
        ("POST", f"{V4}/statuses/batch/write", {"inputs": [{}] * 501}, "inputs"),
        ("POST", f"{V4}/links/generate?channel=EMAIL", {"subscriberIdString": ANN, "language": "de"}, "language"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    preferences: Api, cast: Cast, method: str, path: str, body: Any, pointer: str
) -> None:
    answer = preferences(method, path, body)
    assert answer.status_code == 400, answer.content
    told = answer.json()
    assert told["category"] == "VALIDATION_ERROR"
    assert pointer in [fault["in"] for fault in told["errors"]]
    assert not SubscriptionChange.objects.exists()


def test_a_stranger_reaches_nobodys_types_or_answers(
    preferences: Api, with_scopes: Any, cast: Cast
) -> None:
    theirs = make_type(cast.other_account, "Secret")
    say(cast.other_account, theirs, Subscribed.SUBSCRIBED)
    assert "Secret" not in preferences("GET", f"{V4}/definitions").content.decode()
    body = {"emailAddress": ANN, "subscriptionId": str(theirs.pk)}
    for path in (f"{V3}/subscribe", f"{V3}/unsubscribe", f"{DATED}/resubscribe"):
        assert preferences("POST", path, body).status_code == 400
    found = preferences("GET", f"{V4}/statuses/{ANN}?channel=EMAIL").json()["results"]
    assert [row["status"] for row in found] == ["NOT_SPECIFIED"]
    assert status(cast.other_account, theirs) == "subscribed"


def test_an_unknown_call_is_answered_as_one(preferences: Api, cast: Cast) -> None:
    answer = preferences("GET", f"{V4}/nothing")
    assert answer.status_code == 404 and answer.json()["category"] == "OBJECT_NOT_FOUND"
