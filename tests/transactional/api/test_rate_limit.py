"""429, in the shape by which the official clients know when to try again."""

import uuid
from typing import Any

import orjson
import pytest

from tests.transactional.api.conftest import TOKENS, Api


def told(response: Any) -> dict[str, Any]:
    assert response.status_code == 429
    body: dict[str, Any] = orjson.loads(response.content)
    assert body["status"] == "error" and body["category"] == "RATE_LIMITS"
    assert body["errorType"] == "RATE_LIMIT"
    assert uuid.UUID(body["correlationId"]) == uuid.UUID(body["requestId"])
    assert int(response.headers["Retry-After"]) > 0
    return body


def test_an_account_over_its_limit_is_told_and_others_are_served(
    api: Api, foreign: Api, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RATE_LIMIT_10S = 2
    start = 10.0 * uuid.uuid4().int  # a window that Redis has not seen
    monkeypatch.setattr("tokens.rate.time.time", lambda: start % 10**12)
    assert [api("GET", TOKENS).status_code for _ in range(2)] == [200, 200]
    assert told(api("GET", TOKENS))["policyName"] == "TEN_SECONDLY_ROLLING"
    assert foreign("GET", TOKENS).status_code == 200


def test_a_guesser_is_told_to_wait(api: Api) -> None:
    wrong = Api(f"{api.key[:-4]}zzzz")
    answers = [wrong("GET", TOKENS) for _ in range(11)]
    assert [answer.status_code for answer in answers[:10]] == [401] * 10
    assert told(answers[10])["policyName"] == "FAILED_AUTHENTICATIONS"
