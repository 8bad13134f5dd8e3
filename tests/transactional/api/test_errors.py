import logging
import re
import uuid
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from typing import Any
from unittest.mock import patch

import orjson
import psycopg
import pytest
from django.db import OperationalError
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import disk
from config.rest import BODY_LIMIT, CallRefused, read_json, write_json
from tests.transactional.api.conftest import SEND, STATUSES, TOKENS, Api
from tokens.models import Account, ApiKey
from transactional.models import Email, Message

CALLS = (
    ("POST", SEND),
    ("GET", f"{STATUSES}/cc359044-e71c-4f68-8c0f-393fe79e3185"),
    ("GET", TOKENS),
    ("POST", TOKENS),
    ("DELETE", f"{TOKENS}/x%401.smtp"),
    ("POST", f"{TOKENS}/x%401.smtp/password-reset"),
)


def error_of(answer: object) -> dict[str, object]:
    body: dict[str, object] = answer.json()  # type: ignore[attr-defined]
    assert body["status"] == "error"
    assert body["message"]
    assert uuid.UUID(str(body["correlationId"]))
    assert answer["X-HubSpot-Correlation-Id"] == body["correlationId"]  # type: ignore[index]
    return body


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize("key", ["", "nonsense", "pk_abcdefghijkm_" + "x" * 32, "Ω\x7f"])
def test_a_call_without_a_valid_key_is_401(db: None, method: str, path: str, key: str) -> None:
    answer = Api(key)(method, path)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert error_of(answer)["category"] == "INVALID_AUTHENTICATION"


@pytest.mark.parametrize("scheme", ["Basic", "Token", "", "Bearer"])
def test_only_a_bearer_key_opens(api: Api, scheme: str) -> None:
    key = api.key if scheme != "Bearer" else f"{api.key} {api.key}"
    answer = Api("")("GET", TOKENS, HTTP_AUTHORIZATION=f"{scheme} {key}")
    assert answer.status_code == 401


def test_the_schemes_name_has_no_case(api: Api) -> None:
    answer = Api("")("GET", TOKENS, HTTP_AUTHORIZATION=f"bearer {api.key}")
    assert answer.status_code == 200


def test_a_deleted_key_is_refused_and_an_expired_one_says_so(api: Api, account: Account) -> None:
    ApiKey.objects.of(account).update(expires_at=timezone.now())
    assert error_of(api("GET", TOKENS))["category"] == "EXPIRED_AUTHENTICATION"
    ApiKey.objects.of(account).update(expires_at=None, deleted_at=timezone.now())
    assert error_of(api("GET", TOKENS))["category"] == "INVALID_AUTHENTICATION"


def test_guessing_is_slowed_down_and_others_are_not(api: Api, foreign: Api) -> None:
    wrong = Api(f"{api.key[:-4]}zzzz")
    codes = [wrong("GET", TOKENS).status_code for _ in range(12)]
    assert codes == [401] * 10 + [429] * 2
    assert error_of(wrong("GET", TOKENS))["category"] == "RATE_LIMITS"
    assert foreign("GET", TOKENS).status_code == 200


@pytest.mark.parametrize(
    "path", ["/marketing", "/marketing/", "/marketing/v3/nothing", f"{SEND}/x", f"{TOKENS}//"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_address_is_404_in_json(db: None, method: str, path: str) -> None:
    answer = Api("")(method, path)
    assert answer.status_code == 404
    assert error_of(answer)["category"] == "OBJECT_NOT_FOUND"


@pytest.mark.parametrize(("method", "path"), [("GET", SEND), ("PUT", TOKENS), ("OPTIONS", SEND)])
def test_a_wrong_method_is_405_and_names_the_right_ones(api: Api, method: str, path: str) -> None:
    answer = api(method, path)
    assert answer.status_code == 405
    assert "POST" in answer["Allow"]
    assert error_of(answer)["category"] == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*;q=0", "", "x" * 9000])
def test_the_answer_is_json_whatever_accept_says(api: Api, accept: str) -> None:
    answer = api("GET", f"{TOKENS}?format=html", HTTP_ACCEPT=accept)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")


HOSTILE = {
    "nothing but a bracket": b"{",
    "deep": b"[" * 100_000,
    "deep and closed": b'{"a":' * 900 + b"1" + b"}" * 900,
    "deeper than allowed": b"[" * 101 + b"]" * 101,
    "not a number": b'{"emailId": NaN}',
    "infinite": b'{"emailId": 1e400}',
    "very long number": b'{"emailId": ' + b"9" * 5000 + b"}",
    "lone surrogate": rb'{"emailId": 1, "message": {"to": "\ud800"}}',
    "NUL": rb'{"emailId": 1, "message": {"to": "a\u0000@x.example"}}',
    "NUL in a name": rb'{"emailId": 1, "message": {"to": "a"}, "customProperties": {"\u0000": 1}}',
    "NUL in a list": rb'{"a": [[["\u0000"]]]}',
    "raw NUL": b'{"a": "\0"}',
    "invalid UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"emailId": 1}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "two values": b"{}{}",
    "Python": b"{'a': 1}",
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_json_is_refused_and_told(api: Api, raw: bytes) -> None:
    answer = api("POST", SEND, raw=raw)
    assert answer.status_code == 400
    body = error_of(answer)
    assert body["category"] == "VALIDATION_ERROR"
    assert isinstance(body["errors"], list)
    assert body["errors"][0]["in"] in ("body", "emailId")


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert read_json(rb'{"a": "\\u0000"}') == {"a": "\\u0000"}
    assert read_json(b"[" * 100 + b"]" * 100)


def test_a_body_that_is_too_large_is_413(api: Api) -> None:
    answer = api("POST", SEND, raw=b'{"a":"' + b"x" * BODY_LIMIT + b'"}')
    assert answer.status_code == 413
    error_of(answer)


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=utf-8", "application/vnd.api+json", "text/json", ""],
)
def test_json_by_any_of_its_names_is_read(api: Api, email: Email, content_type: str) -> None:
    body = {"emailId": email.pk, "message": {"to": "a@x.example"}, "customProperties": {}}
    answer = api("POST", SEND, body, content_type=content_type)
    assert answer.json()["sendResult"] == "MISSING_TEMPLATE_PROPERTIES"


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "application/x-www-form-urlencoded"},
        {"content_type": "multipart/form-data; boundary=x"},
        {"content_type": "text/plain"},
        {"content_type": "\xe9" * 300},
        {"HTTP_CONTENT_ENCODING": "gzip"},
    ],
)
def test_other_content_is_415(api: Api, headers: dict[str, str]) -> None:
    answer = api("POST", SEND, raw=b"emailId=7", **headers)
    assert answer.status_code == 415
    error_of(answer)


def test_an_empty_body_is_an_empty_object(api: Api) -> None:
    for raw in (b"", b" \r\n"):
        answer = api("POST", SEND, raw=raw)
        assert answer.status_code == 400
        assert error_of(answer)["category"] == "VALIDATION_ERROR"


def test_a_chunked_body_is_read_where_the_server_ends_it(api: Api, email: Email) -> None:
    body = {"emailId": email.pk, "message": {"to": "a@x.example"}, "customProperties": {}}
    chunked: dict[str, Any] = {
        "HTTP_TRANSFER_ENCODING": "chunked",
        "CONTENT_LENGTH": "",
        "wsgi.input": BytesIO(orjson.dumps(body)),
    }
    answer = api("POST", SEND, **chunked, **{"wsgi.input_terminated": True})
    assert answer.json()["sendResult"] == "MISSING_TEMPLATE_PROPERTIES"
    chunked["wsgi.input"] = BytesIO(b'"' + b"x" * (BODY_LIMIT + 1))
    assert api("POST", SEND, **chunked, **{"wsgi.input_terminated": True}).status_code == 413
    chunked["wsgi.input"] = BytesIO(orjson.dumps(body))
    assert api("POST", SEND, **chunked).status_code == 400


def test_duplicate_keys_do_not_add_a_recipient(api: Api, email: Email) -> None:
    raw = f'{{"emailId": {email.pk}, "message": {{"to": "a@x.example", "to": "b@x.example"}},'
    answer = api("POST", SEND, raw=(raw + '"customProperties": {"order_id": "7"}}').encode())
    assert answer.json()["status"] == "PENDING"
    assert Message.objects.count() == 1


@pytest.mark.parametrize("error", [OperationalError("gone"), psycopg.OperationalError("gone")])
def test_a_database_that_fails_is_503_and_says_when_to_try_again(
    api: Api, email: Email, error: Exception
) -> None:
    with patch("transactional.submission.together.accept_many", side_effect=error):
        answer = api.send(email)
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0
    assert "gone" not in str(error_of(answer)["message"])


def test_a_fault_of_ours_is_logged_under_the_number_the_caller_has(
    api: Api, email: Email, caplog: pytest.LogCaptureFixture
) -> None:
    with patch("transactional.submission.together.accept_many", side_effect=ZeroDivisionError):
        body = error_of(api.send(email))
    assert body["category"] == "INTERNAL_ERROR"
    assert str(body["correlationId"]) in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_refusals_are_logged_under_their_number_and_without_the_key(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        body = error_of(Api(f"{api.key}x")("GET", TOKENS))
    assert str(body["correlationId"]) in caplog.text
    assert api.key.split("_", 2)[2] not in caplog.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=10), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "emailId": JSON,
        "message": st.fixed_dictionaries(
            {},
            optional=dict.fromkeys(("to", "from", "sendId", "replyTo", "cc", "bcc"), JSON),
        )
        | JSON,
        "contactProperties": JSON,
        "customProperties": JSON,
        "campaignName": JSON,
        "createContact": JSON,
    },
)
SLOW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@SLOW
@given(body=FIELDS | JSON, path=st.sampled_from([SEND, TOKENS]))
def test_no_json_at_all_is_a_fault_of_ours(api: Api, body: object, path: str) -> None:
    answer = api("POST", path, raw=orjson.dumps(body))
    assert answer.status_code in (200, 201, 400)


@SLOW
@given(
    message=st.fixed_dictionaries(
        {"to": st.text(st.characters(codec="utf-8"))},
        optional={
            "from": st.text(st.characters(codec="utf-8")),
            "sendId": st.text(st.characters(codec="utf-8")),
            "cc": st.lists(st.text(st.characters(codec="utf-8")), max_size=3),
            "replyTo": st.lists(st.text(st.characters(codec="utf-8")), max_size=3),
        },
    ),
    properties=st.dictionaries(st.text(), st.text(), max_size=3),
)
def test_no_texts_at_all_are_a_fault_of_ours(
    api: Api, email: Email, message: dict[str, object], properties: dict[str, str]
) -> None:
    try:
        raw = orjson.dumps(
            {
                "emailId": email.pk,
                "message": message,
                "contactProperties": properties,
                "customProperties": {"order_id": "1", **properties},
            }
        )
    except orjson.JSONEncodeError:
        return  # lone surrogates cannot even be written
    assert api("POST", SEND, raw=raw).status_code in (200, 400)


@given(st.binary(max_size=200))
def test_octets_are_read_or_refused(raw: bytes) -> None:
    with suppress(CallRefused):  # nothing else may come out
        read_json(raw)


def test_dates_are_written_in_utc_with_milliseconds() -> None:
    written = write_json({"at": timezone.now()})
    assert re.fullmatch(rb'\{"at":"[-\d]{10}T[:\d]{8}\.\d{3}Z"\}', written)


def test_an_unknown_scope_is_no_door(with_scopes: Callable[..., Api], account: Account) -> None:
    api = with_scopes("transactional-email")
    ApiKey.objects.of(account).update(scopes=["something-else"])
    for method, path in CALLS:
        answer = api(method, path)
        assert error_of(answer)["category"] == "MISSING_SCOPES"


def test_a_full_disk_is_507_and_stores_nothing(
    api: Api, email: Email, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "FRESH", 0.0)
    monkeypatch.setattr(disk, "_seen", disk._seen)  # as it was, when the test is over
    settings.DISK_RESERVE_MB = 10**9
    answer = api.send(email)
    assert answer.status_code == 507
    assert answer.json()["category"] == "INSUFFICIENT_STORAGE"
    assert not Message.objects.exists()
