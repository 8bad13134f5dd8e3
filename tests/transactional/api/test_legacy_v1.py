"""The first version's calls: single send with lists of properties, SMTP tokens with dates in milliseconds."""

import uuid
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.errors import PostinoError
from config.v1 import APP_ID, milliseconds
from tests.transactional.api.conftest import Api
from tokens import auth
from tokens.models import Account, SmtpCredential
from transactional.models import Campaign, Contact, Email, Event, Message, Recipient

SEND = "/email/public/v1/singleEmail/send"
TOKENS = "/email/public/v1/smtpapi/tokens"


def send(api: Api, email: Email, *, slash: str = "", **fields: Any) -> Any:
    body = {
        "emailId": email.pk,
        "message": {"to": "anna@x.example", **fields.pop("message", {})},
        "contactProperties": [{"name": "firstname", "value": "Anna"}],
        "customProperties": [{"name": "order_id", "value": "7"}],
        **fields,
    }
    return api("POST", SEND + slash, body)


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_send_is_queued_and_names_its_event(
    api: Api, email: Email, account: Account, slash: str
) -> None:
    answer = send(api, email, slash=slash)
    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"sendResult", "message", "eventId"}
    assert (body["sendResult"], body["message"]) == ("QUEUED", "")
    event = Event.objects.of(account).get(pk=uuid.UUID(body["eventId"]["id"]))
    assert body["eventId"]["created"] == milliseconds(event.at)
    message = Message.objects.of(account).get()
    assert (message.subject, message.pk) == ("Order 7", event.message_id)
    assert Contact.objects.of(account).get().properties == {"firstname": "Anna"}


def test_the_event_is_one_that_the_feed_tells(api: Api, email: Email) -> None:
    named = send(api, email).json()["eventId"]
    found = api("GET", f"/email/public/v1/events/{named['created']}/{named['id']}")
    assert (found.status_code, found.json()["type"]) == (200, "SENT")


def test_everything_in_the_message_is_taken(api: Api, email: Email, account: Account) -> None:
    message = {
        "from": "Billing <billing@shop.example>",
        "replyTo": "help@shop.example",
        "replyToList": ["desk@shop.example", "help@shop.example"],
        "cc": ["carl@x.example"],
        "bcc": ["dora@x.example"],
        "sendId": "order-7",
    }
    assert send(api, email, message=message).json()["sendResult"] == "QUEUED"
    row = Message.objects.of(account).get()
    assert row.from_address == "billing@shop.example"
    kinds = dict(Recipient.objects.of(account).values_list("address", "kind"))
    assert kinds == {"anna@x.example": "to", "carl@x.example": "cc", "dora@x.example": "bcc"}
    again = send(api, email, message=message).json()
    assert again["sendResult"] == "IDEMPOTENT_IGNORE"
    assert Message.objects.count() == 1


def test_both_ways_to_name_reply_addresses_are_one_list() -> None:
    from transactional.api.legacy_v1 import LegacyReader

    reader = LegacyReader({})
    message = {"replyTo": "a@x.example", "replyToList": ["b@x.example", "c@x.example"]}
    assert reader._texts(message, "replyTo", 20) == ("a@x.example", "b@x.example", "c@x.example")
    assert reader._texts({"replyTo": "a@x.example"}, "replyTo", 20) == ("a@x.example",)
    many = [f"{n}@x.example" for n in range(20)]
    assert len(reader._texts({"replyTo": "a@x.example", "replyToList": many}, "replyTo", 20)) == 20
    assert not reader.faults


def test_what_is_refused_says_why(api: Api, email: Email) -> None:
    refused = send(api, email, message={"to": "postmaster@x.example"})
    assert (refused.status_code, refused.json()["sendResult"]) == (200, "INVALID_TO_ADDRESS")
    assert refused.json()["message"]
    missing = send(api, email, customProperties=[])
    assert missing.json()["sendResult"] == "MISSING_TEMPLATE_PROPERTIES"
    assert api("POST", SEND, {"emailId": 10**12, "message": {"to": "a@x.example"}}).json()[
        "sendResult"
    ] == ("MISSING_CONTENT")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"customProperties": [{"value": 1}]}, "customProperties[0]"),
        ({"customProperties": ["a"]}, "customProperties[0]"),
        ({"contactProperties": [{"name": "a", "value": "b"}, {"name": 3}]}, "contactProperties[1]"),
        ({"contactProperties": [{"name": "a", "value": 7}]}, "contactProperties.a"),
        ({"message": {"to": "a@x.example", "replyTo": 7}}, "message.replyTo"),
        ({"message": {"to": "a@x.example", "replyToList": "x"}}, "message.replyToList"),
        ({"emailId": "7"}, "emailId"),
    ],
)
def test_what_is_no_request_is_named(api: Api, email: Email, fields: Any, pointer: str) -> None:
    answer = send(api, email, **fields)
    assert answer.status_code == 400
    assert pointer in [fault["in"] for fault in answer.json()["errors"]]
    assert not Message.objects.exists()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["name", "value", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(contact=json_values, custom=json_values, reply=json_values, many=json_values)
def test_whatever_comes_is_answered(
    api: Api, email: Email, contact: Any, custom: Any, reply: Any, many: Any
) -> None:
    body = {
        "emailId": email.pk,
        "message": {"to": "anna@x.example", "replyTo": reply, "replyToList": many},
        "contactProperties": contact,
        "customProperties": custom,
    }
    assert api("POST", SEND, raw=orjson.dumps(body)).status_code in (200, 400)


def test_strangers_and_keys_without_the_scope_send_nothing(
    foreign: Api, email: Email, with_scopes: Any
) -> None:
    assert send(foreign, email).json()["sendResult"] == "MISSING_CONTENT"
    assert send(with_scopes("content"), email).status_code == 403
    assert send(Api(""), email).status_code == 401
    assert not Message.objects.filter(refusal="").exists()


def test_a_new_token_shows_its_password_once(api: Api, account: Account) -> None:
    answer = api("POST", TOKENS, {"campaignName": "Receipts", "createdBy": "bob@shop.example"})
    assert answer.status_code == 200
    made = answer.json()
    row = SmtpCredential.objects.of(account).get()
    expected = {
        "portalId": account.pk,
        "userName": row.username,
        "emailCampaignId": Campaign.objects.get(smtp_credential=row).pk,
        "createdAt": milliseconds(row.created_at),
        "deleted": False,
        "createdBy": "bob@shop.example",
        "appId": APP_ID,
        "campaignName": "Receipts",
    }
    assert made == {**expected, "password": made["password"]}
    assert auth.authenticate_smtp(made["userName"], made["password"]).account_id == account.pk
    assert api("GET", TOKENS).json() == [expected]
    assert row.expires_at is not None and (row.expires_at - timezone.now()).days > 360
    assert row.create_contact is False


def test_without_a_maker_it_is_the_keys(api: Api) -> None:
    made = api("POST", TOKENS, {"campaignName": "Receipts"}).json()
    assert made["createdBy"] == "alice@shop.example"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "campaignName"),
        ({"campaignName": 7}, "campaignName"),
        ({"campaignName": "a", "createdBy": 7}, "createdBy"),
        ({"campaignName": "a", "createdBy": "x" * 255}, "createdBy"),
        ([], "body"),
    ],
)
def test_a_token_that_cannot_be_made_says_why(api: Api, body: Any, pointer: str) -> None:
    answer = api("POST", TOKENS, body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["in"] == pointer
    assert not SmtpCredential.objects.exists()


def test_a_reset_ends_the_old_password_at_once(api: Api) -> None:
    made = api("POST", TOKENS, {"campaignName": "Receipts"}).json()
    reset = api("POST", f"{TOKENS}/{quote(made['userName'], safe='')}/password-reset").json()
    assert reset == {**made, "password": reset["password"], "passwordHash": None}
    with pytest.raises(PostinoError):
        auth.authenticate_smtp(made["userName"], made["password"])
    assert auth.authenticate_smtp(made["userName"], reset["password"])


def test_tokens_of_others_are_not_there(api: Api, foreign: Api) -> None:
    made = api("POST", TOKENS, {"campaignName": "Receipts"}).json()
    assert foreign("GET", TOKENS).json() == []
    path = f"{TOKENS}/{quote(made['userName'], safe='')}/password-reset"
    assert foreign("POST", path).status_code == 404
    assert auth.authenticate_smtp(made["userName"], made["password"])
