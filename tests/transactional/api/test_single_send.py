import re
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from domains.models import EgressSource
from tests.cast import make_email
from tests.transactional.api.conftest import SEND, Api
from tokens import auth
from tokens.models import Account, ApiKey
from transactional.compose import versions
from transactional.models import Contact, Email, Message, QueueRow, Recipient
from transactional.submission import facts

PATHS = (
    SEND,
    "/marketing/transactional/2025-09/single-email/send",
    "/marketing/transactional/2026-03/single-email/send",
    "/marketing/transactional/2026-09/single-email/send",
    "/marketing/v4/email/single-send",
    "/marketing/email-campaigns/2026-03/single-send",
)
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def test_a_send_is_pending_and_has_a_status_id(api: Api, email: Email, account: Account) -> None:
    answer = api.send(email)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    body = answer.json()
    assert body.keys() == {"requestedAt", "statusId", "status"}
    assert body["status"] == "PENDING"
    assert ISO.fullmatch(body["requestedAt"])
    assert datetime.fromisoformat(body["requestedAt"]).tzinfo is not None
    message = Message.objects.of(account).get(pk=uuid.UUID(body["statusId"]))
    assert (message.source, message.subject) == ("api", "Order 7")


@pytest.mark.parametrize("path", [f"{path}{slash}" for path in PATHS for slash in ("", "/")])
def test_every_name_of_the_call_answers_without_redirect(api: Api, email: Email, path: str) -> None:
    answer = api.send(email, path)
    assert (answer.status_code, answer.json()["status"]) == (200, "PENDING")


def test_everything_in_the_message_is_taken(api: Api, email: Email, account: Account) -> None:
    message = {
        "from": "Billing <billing@shop.example>",
        "replyTo": ["help@shop.example"],
        "cc": ["carl@x.example"],
        "bcc": ["dora@x.example"],
        "sendId": "order-7",
    }
    properties = {"firstname": "Anna"}
    answer = api.send(email, message=message, contactProperties=properties, unknown={"a": [1]})
    assert answer.json()["status"] == "PENDING"
    assert Message.objects.of(account).get().from_address == "billing@shop.example"
    kinds = dict(Recipient.objects.of(account).values_list("address", "kind"))
    assert kinds == {"anna@x.example": "to", "carl@x.example": "cc", "dora@x.example": "bcc"}
    assert Contact.objects.of(account).get().properties == properties


def test_nulls_are_as_good_as_absent(api: Api, email: Email) -> None:
    names = ("from", "replyTo", "cc", "bcc", "sendId")
    answer = api.send(email, message=dict.fromkeys(names), contactProperties=None)
    assert answer.json()["status"] == "PENDING"


def test_a_send_id_is_used_once_and_points_at_the_first(api: Api, email: Email) -> None:
    first = api.send(email, message={"sendId": "order-7"}).json()
    again = api.send(email, message={"sendId": "order-7"}).json()
    assert (again["status"], again["sendResult"]) == ("COMPLETE", "IDEMPOTENT_IGNORE")
    assert again["statusId"] == first["statusId"]
    assert Message.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({"emailId": 999_999_999}, "MISSING_CONTENT"),
        ({"message": {"from": "ceo@elsewhere.example"}}, "INVALID_FROM_ADDRESS"),
        ({"message": {"to": "postmaster@x.example"}}, "INVALID_TO_ADDRESS"),
        ({"message": {"to": "x@y.example\r\nBcc: z@evil.example"}}, "INVALID_TO_ADDRESS"),
        ({"message": {"to": ""}}, "INVALID_TO_ADDRESS"),
        ({"message": {"cc": ["=?utf-8?q?a=0d=0ab?= <x@y"]}}, "INVALID_TO_ADDRESS"),
        ({"customProperties": {}}, "MISSING_TEMPLATE_PROPERTIES"),
    ],
)
def test_what_cannot_be_sent_is_a_complete_send_with_its_reason(
    api: Api, email: Email, fields: dict[str, Any], result: str
) -> None:
    answer = api.send(email, **fields)
    body = answer.json()
    assert answer.status_code == 200
    assert (body["status"], body["sendResult"]) == ("COMPLETE", result)
    assert body["message"]
    assert Message.objects.get(pk=body["statusId"]).refusal == result
    assert not QueueRow.objects.exists()


def test_a_reason_the_contract_has_no_word_for_is_kept_in_the_message(
    api: Api, email: Email, account: Account
) -> None:
    EgressSource.objects.of(account).update(state="pending")
    facts.forget()
    body = api.send(email).json()
    assert body["sendResult"] == "UNCONFIGURED_SENDING_DOMAIN"
    assert body["message"].startswith("NO_READY_IP: ")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ([], ["body"]),
        ("text", ["body"]),
        (7, ["body"]),
        ({}, ["message", "emailId"]),
        ({"emailId": "7", "message": {"to": "a@x.example"}}, ["emailId"]),
        ({"emailId": True, "message": {"to": "a@x.example"}}, ["emailId"]),
        ({"emailId": 7.5, "message": {"to": "a@x.example"}}, ["emailId"]),
        ({"emailId": 2**63, "message": {"to": "a@x.example"}}, ["emailId"]),
        ({"emailId": -1, "message": {"to": "a@x.example"}}, ["emailId"]),
        ({"emailId": 7, "message": "a@x.example"}, ["message"]),
        ({"emailId": 7, "message": {}}, ["message.to"]),
        ({"emailId": 7, "message": {"to": ["a@x.example"]}}, ["message.to"]),
        ({"emailId": 7, "message": {"to": "a" * 1001}}, ["message.to"]),
        ({"emailId": 7, "message": {"to": "a", "from": {}}}, ["message.from"]),
        ({"emailId": 7, "message": {"to": "a", "sendId": 7}}, ["message.sendId"]),
        ({"emailId": 7, "message": {"to": "a", "sendId": "7" * 256}}, ["message.sendId"]),
        ({"emailId": 7, "message": {"to": "a", "cc": "b"}}, ["message.cc"]),
        ({"emailId": 7, "message": {"to": "a", "bcc": ["b", 1]}}, ["message.bcc[1]"]),
        ({"emailId": 7, "message": {"to": "a", "replyTo": ["b"] * 21}}, ["message.replyTo"]),
        ({"emailId": 7, "message": {"to": "a"}, "contactProperties": []}, ["contactProperties"]),
        (
            {"emailId": 7, "message": {"to": "a"}, "contactProperties": {"age": 7}},
            ["contactProperties.age"],
        ),
        ({"emailId": 7, "message": {"to": "a"}, "customProperties": [1]}, ["customProperties"]),
    ],
)
def test_a_body_of_wrong_types_names_the_fields(api: Api, body: Any, where: list[str]) -> None:
    answer = api("POST", SEND, body)
    assert answer.status_code == 400
    told = answer.json()
    assert (told["status"], told["category"]) == ("error", "VALIDATION_ERROR")
    assert uuid.UUID(told["correlationId"])
    assert [one["in"] for one in told["errors"]] == where
    assert all(one["message"] and one["code"] for one in told["errors"])
    assert not Message.objects.exists()


def test_a_draft_that_was_never_published_is_sent_as_it_stands(api: Api, account: Account) -> None:
    draft = make_email(account)
    assert api.send(draft).json()["status"] == "PENDING"


def test_a_strangers_email_does_not_exist(foreign: Api, email: Email) -> None:
    assert foreign.send(email).json()["sendResult"] == "MISSING_CONTENT"


def test_a_strangers_send_ids_are_their_own(
    api: Api, foreign: Api, email: Email, cast: Any
) -> None:
    theirs = make_email(cast.other_account)
    versions.publish(theirs, by="charlie@stranger.example")
    first = api.send(email, message={"sendId": "1"}).json()
    second = foreign.send(theirs, message={"sendId": "1"}).json()
    assert (first["status"], second["status"]) == ("PENDING", "PENDING")


@pytest.mark.parametrize(("path", "allowed"), [(PATHS[0], False), (PATHS[4], True)])
def test_the_marketing_scope_opens_the_marketing_calls_alone(
    with_scopes: Callable[..., Api], email: Email, path: str, allowed: bool
) -> None:
    answer = with_scopes("marketing-email").send(email, path)
    assert (answer.status_code == 200) is allowed
    if not allowed:
        assert answer.status_code == 403
        body = answer.json()
        assert body["category"] == "MISSING_SCOPES"
        assert body["errors"][0]["context"] == {"requiredScopes": ["transactional-email"]}
        assert body["links"]["scopes"].endswith("/keys/")


def test_sends_look_their_key_up_once_a_second(api: Api, email: Email) -> None:
    api.send(email)  # writes `last used`, which it then leaves alone for a minute
    auth.forget()
    for looked_up in (1, 0):
        with CaptureQueriesContext(connection) as asked:
            api.send(email)
        sent = [query["sql"] for query in asked.captured_queries]
        assert sum("tokens_apikey" in one for one in sent) == looked_up
        assert not any("session" in one for one in sent)


def test_no_secret_is_stored(api: Api, account: Account) -> None:
    *_, secret = api.key.split("_", 2)  # it may hold "_" itself
    row = ApiKey.objects.of(account).values().get()
    assert secret not in orjson.dumps(row, default=lambda value: bytes(value).hex()).decode()
    assert secret.encode() not in bytes(row["secret_hash"])


def test_what_does_not_keep_the_contract_is_refused_with_its_place(
    api: Api, account: Account
) -> None:
    fields = [{"name": "price", "type": "number"}]
    contract = [{"name": "order_id"}, {"name": "items", "type": "list", "fields": fields}]
    email = make_email(account, contract=contract)
    versions.publish(email, by="alice")
    answer = api.send(email, customProperties={"items": [{"price": 1}, {"price": "2"}]})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["sendResult"]) == ("COMPLETE", "MISSING_TEMPLATE_PROPERTIES")
    assert "/customProperties/order_id: is required" in body["message"]
    assert "/customProperties/items/1/price: must be a number" in body["message"]
    assert not QueueRow.objects.exists()
    kept = api.send(email, customProperties={"order_id": "7", "items": []})
    assert kept.json()["status"] == "PENDING"


def test_a_million_entries_are_refused_in_time(api: Api, account: Account) -> None:
    email = make_email(account, contract=[{"name": "order_id"}, {"name": "items", "type": "list"}])
    versions.publish(email, by="alice")
    answer = api.send(email, customProperties={"order_id": "7", "items": [1] * 1_000_000})
    assert answer.json()["sendResult"] == "MISSING_TEMPLATE_PROPERTIES"
    assert "50000 entries" in answer.json()["message"]


def test_a_message_may_say_how_long_it_is_of_use(api: Api, email: Email) -> None:
    assert api.send(email, message={"deliverWithin": 300}).json()["status"] == "PENDING"
    row = QueueRow.objects.get()
    assert (row.deliver_by - row.due_at).total_seconds() == 300


@pytest.mark.parametrize("value", [0, -5, "300", 2.5, True, 10**9, [300]])
def test_a_deadline_that_makes_no_sense_is_refused(api: Api, email: Email, value: Any) -> None:
    answer = api.send(email, message={"deliverWithin": value})
    assert answer.status_code == 400
    assert "message.deliverWithin" in answer.json()["message"]
    assert not QueueRow.objects.exists()


def test_the_callers_own_words_are_kept_and_told(api: Api, email: Email) -> None:
    given = {"order": "7", "shop": "Größe"}
    answer = api.send(email, message={"sendId": "order-7", "metadata": given}).json()
    found = api("GET", f"/api/v1/messages/{answer['statusId']}/explain").json()
    assert (found["sendId"], found["metadata"]) == ("order-7", given)
    plain = Message.objects.get(pk=api.send(email).json()["statusId"])
    assert plain.labels is None
    refused = api.send(email, message={"from": "x@stranger.example", "metadata": given}).json()
    assert Message.objects.get(pk=refused["statusId"]).labels == {"sendId": "", "metadata": given}


@pytest.mark.parametrize(
    "value",
    [
        [], "x", 7, {"a": 1}, {"a": None}, {"": "x"}, {"n" * 41: "x"}, {"a": "x" * 501},
        {str(n): "x" for n in range(21)},
    ],
)  # fmt: skip
def test_metadata_that_is_none_is_refused_with_its_place(
    api: Api, email: Email, value: Any
) -> None:
    answer = api.send(email, message={"metadata": value})
    assert answer.status_code == 400 and "message.metadata" in answer.json()["message"]


def test_metadata_with_a_nul_is_refused_before_it_is_read(api: Api, email: Email) -> None:
    for value in ({"a": "\0"}, {"a\0": "x"}):
        assert api.send(email, message={"metadata": value}).status_code == 400
