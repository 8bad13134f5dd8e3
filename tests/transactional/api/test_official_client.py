"""The official client for Python, over a real socket."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from hubspot import HubSpot
from hubspot.marketing.transactional import (
    PublicSingleSendEmail,
    PublicSingleSendRequestEgg,
    SmtpApiTokenRequestEgg,
)
from hubspot.marketing.transactional.exceptions import (
    ApiException,
    ForbiddenException,
    NotFoundException,
    ServiceException,
    UnauthorizedException,
)

from tests.transactional.api.conftest import SEND, Api
from transactional.models import Email, Message, SendIdentity

pytestmark = pytest.mark.django_db(transaction=True)


def client(url: str, key: str) -> Any:
    return HubSpot(access_token=key, host=url, base_url=url)


def egg(email_id: int, **message: Any) -> PublicSingleSendRequestEgg:
    return PublicSingleSendRequestEgg(
        email_id=email_id,
        message=PublicSingleSendEmail(**{"to": "anna@x.example", **message}),
        contact_properties={"firstname": "Anna"},
        custom_properties={"order_id": "7"},
    )


@pytest.fixture
def official(live_server: Any, api: Api) -> Any:
    return client(live_server.url, api.key)


def test_it_sends_and_asks_for_the_status(official: Any, email: Email) -> None:
    send = official.marketing.transactional.single_send_api.send_email
    view = send(public_single_send_request_egg=egg(email.pk, send_id="7", cc=["carl@x.example"]))
    assert view.status == "PENDING"
    assert view.requested_at.utcoffset() is not None
    again = send(public_single_send_request_egg=egg(email.pk, send_id="7"))
    assert (again.send_result, again.status_id) == ("IDEMPOTENT_IGNORE", view.status_id)
    path = f"/marketing/v3/email/send-statuses/{view.status_id}"
    status = official.api_request({"path": path}).json()
    assert (status["statusId"], status["status"]) == (view.status_id, "PENDING")
    refused = send(public_single_send_request_egg=egg(email.pk + 1000))
    assert (refused.status, refused.send_result) == ("COMPLETE", "MISSING_CONTENT")


def test_it_keeps_tokens(official: Any) -> None:
    calls = official.marketing.transactional.public_smtp_tokens_api
    wanted = SmtpApiTokenRequestEgg(campaign_name="Receipts", create_contact=True)
    made = calls.create_token(smtp_api_token_request_egg=wanted)
    assert made.password
    other = calls.create_token(smtp_api_token_request_egg=wanted)
    shown = calls.get_token_by_id(made.id)
    assert (shown.id, shown.campaign_name, shown.password) == (made.id, "Receipts", None)
    page = calls.get_tokens_page(campaign_name="Receipts", limit=1)
    assert [one.id for one in page.results] == [other.id]
    after = page.paging.next.after
    rest = calls.get_tokens_page(email_campaign_id=None, after=after, limit=1)
    assert [one.id for one in rest.results] == [made.id]
    assert rest.paging is None
    reset = calls.reset_password(made.id)
    assert (reset.id, reset.password != made.password) == (made.id, True)
    assert calls.archive_token(made.id) is None
    with pytest.raises(NotFoundException) as gone:
        calls.get_token_by_id(made.id)
    assert "OBJECT_NOT_FOUND" in str(gone.value.body)


def test_it_raises_its_own_errors(
    live_server: Any, official: Any, with_scopes: Any, email: Email, monkeypatch: Any
) -> None:
    def send(one: Any, body: Any) -> Any:
        calls = one.marketing.transactional.single_send_api
        return calls.send_email(public_single_send_request_egg=body)

    with pytest.raises(UnauthorizedException):
        send(client(live_server.url, "pk_no"), egg(email.pk))
    marketing = client(live_server.url, with_scopes("marketing-email").key)
    with pytest.raises(ForbiddenException) as forbidden:
        send(marketing, egg(email.pk))
    assert "MISSING_SCOPES" in str(forbidden.value.body)
    with pytest.raises(ApiException) as invalid:
        send(official, {"emailId": "x", "message": {"to": 7}})
    assert invalid.value.status == 400
    assert "message.to" in str(invalid.value.body)

    def gone(batch: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("transactional.submission.together.accept_many", gone)
    with pytest.raises(ServiceException):
        send(official, egg(email.pk))


def test_fifty_identical_calls_at_once_are_one_message(
    live_server: Any, api: Api, email: Email
) -> None:
    body = {
        "emailId": email.pk,
        "message": {"to": "anna@x.example", "sendId": "once"},
        "customProperties": {"order_id": "7"},
    }
    headers = {"Authorization": f"Bearer {api.key}"}
    with (
        httpx.Client(base_url=live_server.url, headers=headers, timeout=60) as http,
        ThreadPoolExecutor(10) as threads,
    ):
        answers = list(threads.map(lambda _: http.post(SEND, json=body).json(), range(50)))
    assert Message.objects.filter(refusal="").count() == 1
    assert SendIdentity.objects.count() == 1
    assert sorted(one["status"] for one in answers) == ["COMPLETE"] * 49 + ["PENDING"]
    assert {one.get("sendResult") for one in answers} == {None, "IDEMPOTENT_IGNORE"}
    assert len({one["statusId"] for one in answers}) == 1
