"""API calls go their short way with the same checks and headers as pages, and without sessions."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast

STATUS = "/marketing/v3/email/send-statuses/x"


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


def test_every_header_of_a_page_is_on_a_calls_answer(client: Client, db: None) -> None:
    page, call = client.get("/login/"), client.get(STATUS)
    assert call.status_code == 401
    ours = {name: call.headers.get(name) for name in page.headers if name.startswith(("X-", "Con"))}
    theirs = {name: page.headers[name] for name in ours}
    for name in ("Content-Type", "Content-Length"):
        ours.pop(name), theirs.pop(name)
    assert ours == theirs
    for name in ("Referrer-Policy", "Cross-Origin-Opener-Policy", "Permissions-Policy"):
        assert call.headers[name] == page.headers[name]


def test_a_foreign_host_is_refused(client: Client) -> None:
    answer = client.get(STATUS, HTTP_HOST="evil.example")
    assert answer.status_code == 400


def test_a_signed_in_browser_costs_no_look_up_and_gets_no_cookie(
    cast: Cast, client: Client
) -> None:
    client.force_login(cast.alice)
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(STATUS)
    assert answer.status_code == 401
    assert not asked.captured_queries and not answer.cookies


@pytest.mark.parametrize(("asked", "told"), [({"HTTP_ACCEPT_LANGUAGE": "it"}, "it"), ({}, "en")])
def test_a_call_is_told_in_its_own_language_and_not_the_last_pages(
    client: Client, db: None, asked: dict[str, Any], told: str
) -> None:
    assert client.get("/login/", HTTP_ACCEPT_LANGUAGE="it").headers["Content-Language"] == "it"
    assert client.get(STATUS, **asked).headers["Content-Language"] == told


def test_an_unknown_address_is_not_remembered(client: Client, db: None) -> None:
    from config import api_calls

    client.get("/marketing/v3/transactional/single-email/send")
    before = len(api_calls._fixed)
    for number in range(5):
        assert client.get(f"/marketing/nothing/{number}").status_code == 404
        assert client.get(f"/marketing/v3/email/send-statuses/{number}").status_code == 401
    assert len(api_calls._fixed) == before
