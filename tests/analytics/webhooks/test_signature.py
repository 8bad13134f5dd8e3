"""Signatures that the specification's own library takes, and none that it must not."""

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from analytics.webhooks import signature


@given(st.dictionaries(st.text(), st.text()))
def test_the_official_library_takes_it(said: dict[str, str]) -> None:

    body, key = json.dumps(said).encode(), signature.mint()
    headers = signature.headers("019ab", int(time.time()), body, [signature.mint(), key])
    assert Webhook(key).verify(body, headers) == said


@pytest.mark.parametrize("spoilt", ["body", "webhook-id", "webhook-timestamp", "key"])
def test_nothing_of_it_may_change(spoilt: str) -> None:
    body, key, now = b'{"a":1}', signature.mint(), int(time.time())
    headers = signature.headers("019ab", now, body, [key])
    if spoilt in headers:
        headers[spoilt] = str(now - 1) if spoilt == "webhook-timestamp" else "other"
    with pytest.raises(WebhookVerificationError):
        Webhook(signature.mint() if spoilt == "key" else key).verify(
            b'{"a":2}' if spoilt == "body" else body, headers
        )


def test_a_secret_has_256_bits_and_the_usual_form() -> None:

    one, two = signature.mint(), signature.mint()
    assert one != two
    assert one.startswith("whsec_")
    assert len(base64.b64decode(one.removeprefix("whsec_"))) == 32
