"""The simulated readers, and the rule of the two kinds, told by what came back from the network."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.installation import Installation
from tests.trips.browser import Browser
from tests.trips.reader import Reader

pytestmark = pytest.mark.stack
SEND = "/marketing/v3/transactional/single-email/send"
ORDER = {"order_id": "S-1", "total": "1 €", "url": "https://shop.example/s", "items": []}


class Api:
    """The HTTP API as a program uses it."""

    def __init__(self, start: dict[str, Any]) -> None:
        self._http = httpx.Client(
            base_url=start["url"],
            headers={"Authorization": f"Bearer {start['api_key']}"},
            trust_env=False,
            timeout=60,
        )

    def send(self, email_id: int, to: str, **custom: object) -> dict[str, Any]:
        body = {"emailId": email_id, "message": {"to": to}, "customProperties": custom or ORDER}
        answer = self._http.post(SEND, json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def settled(self, status_id: str, wanted: str, seconds: float = 60) -> dict[str, Any]:
        """The send's status once its result is the wanted one, or when the time is over."""
        deadline = time.monotonic() + seconds
        while True:
            answer = self._http.get(f"/marketing/v3/email/send-statuses/{status_id}")
            seen: dict[str, Any] = answer.json()
            if seen.get("sendResult") == wanted or time.monotonic() > deadline:
                return seen
            time.sleep(0.2)

    def explained(self, message_id: str) -> dict[str, Any]:
        """Why a message fared as it did."""
        answer = self._http.get(f"/api/v1/messages/{message_id}/explain")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@pytest.fixture(scope="module")
def api(start: dict[str, Any]) -> Api:
    return Api(start)


@pytest.fixture(scope="module")
def email_id(receipt: Callable[..., int]) -> int:
    return receipt("Simulated")


def test_each_address_plays_its_part(
    api: Api, email_id: int, reader: Reader, owner: Browser
) -> None:
    page = f"{owner.home}emails/{email_id}/performance/"
    people = ("delivered", "bounce", "defer", "complaint", "opened", "clicked", "refuse")
    parts = (*people, "prefetched", "scanned")
    sent = {part: api.send(email_id, f"{part}@anything.sandbox.test") for part in parts}
    assert {one["status"] for one in sent.values()} == {"PENDING"}

    results = dict.fromkeys(parts, "SENT") | {"bounce": "UNDELIVERABLE", "refuse": "UNDELIVERABLE"}
    for part, one in sent.items():
        seen = api.settled(one["statusId"], results[part])
        assert (part, seen.get("sendResult")) == (part, results[part])
    for part in ("delivered", "defer", "complaint", "opened", "clicked"):
        assert reader.signatures(reader.wait(f"{part}@anything.sandbox.test")) == [True, True]
    assert reader.all("refuse@anything.sandbox.test") == []

    # who clicks has opened, with or without the pixel; machines have done neither
    wanted = {"sent": "9", "opens": "2", "clicks": "1", "bounces": "2", "complaints": "1"}
    assert owner.figures_within(page, 60, wanted) == wanted


def timeline(shop: Installation, address: str) -> list[str]:
    """What the event log says of the first message to an address, oldest first."""
    said = shop.shell(
        "from transactional.models import *; "
        f"r = Recipient.objects.filter(address={address!r}).order_by('id').first(); "
        "print(*Event.objects.filter(recipient_id=r.pk).order_by('id').values_list('type', flat=True))"
    )
    return said.split()


@pytest.mark.parametrize(
    ("part", "events"),
    [
        ("delivered", ["accepted", "delivered"]),
        ("bounce", ["accepted", "delivered", "bounced"]),
        ("refuse", ["accepted", "bounced"]),
        ("defer", ["accepted", "deferred", "delivered"]),
    ],
)
def test_the_timeline_tells_it_in_order(
    shop: Installation, api: Api, email_id: int, part: str, events: list[str]
) -> None:
    address = f"{part}+{part}@more.sandbox.test"
    sent = api.send(email_id, address)
    api.settled(sent["statusId"], "UNDELIVERABLE" if events[-1] == "bounced" else "SENT")
    assert timeline(shop, address) == events


def test_after_a_complaint_only_transactional_mail_goes(
    shop: Installation, api: Api, email_id: int, reader: Reader, receipt: Callable[..., int]
) -> None:
    address = "complaint+rule@anything.sandbox.test"
    news = receipt("News", "marketing")
    first = api.send(email_id, address)
    assert api.settled(first["statusId"], "SENT")["sendResult"] == "SENT"
    reader.wait(address)
    deadline = time.monotonic() + 60
    while "complained" not in timeline(shop, address):
        assert time.monotonic() < deadline, timeline(shop, address)
        time.sleep(0.5)

    refused = api.send(news, address)
    assert refused["status"] == "COMPLETE"
    assert refused["sendResult"] in ("PREVIOUS_SPAM", "PREVIOUSLY_UNSUBSCRIBED_PORTAL")
    second = api.send(email_id, address)
    assert api.settled(second["statusId"], "SENT")["sendResult"] == "SENT"
    assert len(reader.all(address)) == 2
