"""From addresses over HTTP: ask, list, ask again, remove; strangers and bad input."""

from typing import Any

import orjson
import pytest
from django.test import Client

from tests.cast import Cast
from tests.transactional.submission.test_senders import OUTSIDE, SEEN, later
from tokens import credentials
from tokens.models import Account
from transactional.models import SenderAddress

PATH = "/api/v1/senders"


def call(account: Account, method: str, path: str, body: Any = None, scope: str = "domains") -> Any:
    _, key = credentials.create_api_key(account, name="k", scopes=[scope], by="a")
    client = Client(headers={"authorization": f"Bearer {key}"})
    data = b"" if body is None else orjson.dumps(body)
    return client.generic(method, path, data, content_type="application/json")


def test_an_address_from_asked_to_removed(cast: Cast) -> None:
    made = call(cast.account, "POST", PATH, {"address": OUTSIDE, "sendsAs": SEEN})
    assert made.status_code == 201
    body = made.json()
    assert (body["address"], body["sendsAs"], body["state"]) == (OUTSIDE, SEEN, "pending")
    path = f"{PATH}/{body['id']}"
    assert call(cast.account, "GET", PATH).json()["results"] == [body]
    assert call(cast.account, "POST", f"{path}/resend").status_code == 429
    later()
    assert call(cast.account, "POST", f"{path}/resend").json() == body
    assert (
        call(cast.account, "POST", PATH, {"address": OUTSIDE, "sendsAs": SEEN}).status_code == 409
    )
    for method, at in (("GET", path), ("DELETE", path), ("POST", f"{path}/resend")):
        assert call(cast.other_account, method, at).status_code == 404
        assert call(cast.account, method, at, scope="transactional-email").status_code == 403
    assert call(cast.account, "DELETE", path).status_code == 204
    assert call(cast.account, "GET", path).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {}, [], {"address": OUTSIDE}, {"address": 7, "sendsAs": SEEN},
        {"address": "x" * 999, "sendsAs": SEEN}, {"address": "\u0000@x.test", "sendsAs": SEEN},
        {"address": OUTSIDE, "sendsAs": OUTSIDE},
    ],
)  # fmt: skip
def test_what_cannot_be_is_a_400(cast: Cast, body: Any) -> None:
    assert call(cast.account, "POST", PATH, body).status_code == 400
    assert not SenderAddress.objects.exists()
