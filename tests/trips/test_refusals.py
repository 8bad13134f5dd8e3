"""What the API refuses, and how it says so, over real HTTP."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.config.stack.process_table import eventually
from tests.installation import Installation
from tests.trips.reader import Reader
from tests.trips.test_simulators import ORDER, SEND
from tokens import secrets

pytestmark = pytest.mark.stack


def call(start: dict[str, Any], *, key: str = "", **body: Any) -> httpx.Response:
    message = {"to": "refused@customer.sandbox.test", **body.pop("message", {})}
    asked = {"emailId": start["email_id"], "customProperties": ORDER, **body, "message": message}
    return httpx.post(
        start["url"] + SEND,
        json=asked,
        headers={"Authorization": f"Bearer {key or start['api_key']}"},
        trust_env=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("change", "result"),
    [
        ({"customProperties": {"order_id": "1"}}, "MISSING_TEMPLATE_PROPERTIES"),
        ({"message": {"from": "orders@elsewhere.example"}}, "INVALID_FROM_ADDRESS"),
        ({"message": {"to": "postmaster@customer.sandbox.test"}}, "INVALID_TO_ADDRESS"),
        ({"message": {"to": "not an address"}}, "INVALID_TO_ADDRESS"),
        ({"message": {"to": "a@b.example\r\nBcc: c@d.example"}}, "INVALID_TO_ADDRESS"),
        ({"emailId": 987654321}, "MISSING_CONTENT"),
    ],
)
def test_a_refusal_is_a_result(
    start: dict[str, Any], reader: Reader, change: dict[str, Any], result: str
) -> None:
    answer = call(start, **change)
    assert answer.status_code == 200
    seen = answer.json()
    assert (seen["status"], seen["sendResult"]) == ("COMPLETE", result)
    assert seen["message"]
    assert reader.all("refused@customer.sandbox.test") == []


def test_what_is_missing_is_named(start: dict[str, Any]) -> None:
    without = {name: value for name, value in ORDER.items() if name != "total"}
    seen = call(start, customProperties=without).json()
    assert seen["sendResult"] == "MISSING_TEMPLATE_PROPERTIES"
    assert "custom.total" in seen["message"]
    seen = call(start, customProperties={**ORDER, "items": [{"name": "no price"}]}).json()
    assert seen["sendResult"] == "MISSING_TEMPLATE_PROPERTIES"


def test_malformed_json_is_pointed_at(start: dict[str, Any]) -> None:
    answer = call(start, emailId="one")
    assert answer.status_code == 400
    body = answer.json()
    assert (body["status"], body["category"]) == ("error", "VALIDATION_ERROR")
    assert [one["in"] for one in body["errors"]] == ["emailId"]


def test_a_revoked_key_and_a_missing_scope(shop: Installation, start: dict[str, Any]) -> None:
    code = (
        "from tokens import credentials; from tokens.models import Account; "
        "a = Account.objects.get(name='Demo shop'); "
        "row, key = credentials.create_api_key(a, name='t', scopes=[{scope}], by='t'); "
    )
    good = "'transactional-email'"
    live = shop.shell(code.format(scope=good) + "print(key)")
    assert call(start, key=live, emailId=0).status_code == 200
    revoke = "from tokens.models import ApiKey; from tokens import credentials; "
    shop.shell(
        revoke + f"credentials.delete(ApiKey.objects.get(prefix={secrets.prefix_of(live)!r}))"
    )
    # Deleted by another process: the copies of the key that the web's processes have are a second old at most
    assert eventually(lambda: call(start, key=live, emailId=0).status_code == 401, 30)
    time.sleep(1.5)
    refused = call(start, key=live)
    assert (refused.status_code, refused.json()["category"]) == (401, "INVALID_AUTHENTICATION")

    other = shop.shell(code.format(scope="'marketing-email'") + "print(key)")
    missing = call(start, key=other)
    assert (missing.status_code, missing.json()["category"]) == (403, "MISSING_SCOPES")


def test_marketing_obeys_what_transactional_need_not(
    start: dict[str, Any], reader: Reader, receipt: Callable[..., int]
) -> None:
    to = "left@customer.sandbox.test"
    news, order = receipt("Offers", "marketing"), receipt("Order for those who left")
    assert call(start, emailId=news, message={"to": to}).json()["status"] == "PENDING"
    mail = reader.wait(to)
    unsubscribe = mail.parsed["List-Unsubscribe"].strip("<>")
    left = httpx.post(unsubscribe, data={"List-Unsubscribe": "One-Click"}, trust_env=False)
    assert left.status_code == 200

    refused = call(start, emailId=news, message={"to": to}).json()
    assert refused["sendResult"].startswith("PREVIOUSLY_UNSUBSCRIBED")
    assert call(start, emailId=order, message={"to": to}).json()["status"] == "PENDING"
    second = reader.wait(to, where=lambda one: one.parsed["List-Unsubscribe"] is None)
    assert "127.0.0.20" in str(second.parsed["Received"])  # the account's own IP
    assert "127.0.0.30" in str(mail.parsed["Received"])  # the shared pool's
