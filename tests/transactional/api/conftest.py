"""An API key, an email that can be sent, and calls made with them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from django.http import HttpResponse
from django.test import Client

from tests.cast import Cast, make_email
from tokens import credentials, throttle
from tokens.models import Account
from transactional.compose import versions
from transactional.models import Email

SEND = "/marketing/v3/transactional/single-email/send"
TOKENS = "/marketing/v3/transactional/smtp-tokens"
STATUSES = "/marketing/v3/email/send-statuses"


@dataclass(frozen=True)
class Api:
    """Calls with one key."""

    key: str

    def __call__(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **extra: Any
    ) -> HttpResponse:
        data = raw if raw is not None else b"" if body is None else orjson.dumps(body)
        extra.setdefault("content_type", "application/json")
        bearer = {"HTTP_AUTHORIZATION": f"Bearer {self.key}"} if self.key else {}
        return Client(raise_request_exception=False).generic(method, path, data, **bearer, **extra)

    def send(self, email: Email, path: str = SEND, **fields: Any) -> HttpResponse:
        message = {"to": "Anna <anna@x.example>", **fields.pop("message", {})}
        body = {"emailId": email.pk, "message": message, "customProperties": {"order_id": "7"}}
        return self("POST", path, {**body, **fields})


def make_key(account: Account, *scopes: str) -> str:
    _, key = credentials.create_api_key(
        account,
        name="Shop backend",
        scopes=scopes or ("transactional-email",),
        by="alice@shop.example",
    )
    return key


@pytest.fixture(autouse=True)
def _no_failures_yet() -> Iterator[None]:
    throttle.forget()
    yield
    throttle.forget()


@pytest.fixture
def api(account: Account) -> Api:
    return Api(make_key(account))


@pytest.fixture
def foreign(cast: Cast) -> Api:
    """Charlie's key, of another account."""
    return Api(make_key(cast.other_account))


@pytest.fixture
def with_scopes(account: Account) -> Callable[..., Api]:
    return lambda *scopes: Api(make_key(account, *scopes))


@pytest.fixture
def email(account: Account) -> Email:
    email = make_email(account)
    versions.publish(email, by="alice@shop.example")
    return email
