"""What comes back, as whole trips: rows 17 to 20, 39 and 40 of the contract's acceptance table."""

import smtplib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
import pytest
from hubspot import HubSpot
from hubspot.marketing.transactional import (
    PublicSingleSendEmail,
    PublicSingleSendRequestEgg,
)

from tests.installation import Installation
from tests.trips.reader import Reader
from tests.trips.test_simulators import ORDER
from transactional.wire.dsn import DsnRecipient, build_dsn

pytestmark = pytest.mark.stack
STATUSES = "/marketing/v3/email/send-statuses"
EVENTS = "/email/public/v1/events"
CONTACT = """
INSERT INTO transactional_contact
    (account_id, email, properties, opt_in, unsubscribed_at, quarantined_at, created_at, updated_at)
SELECT account_id, %s, '{}', 'pending', CASE WHEN %s THEN now() END, CASE WHEN %s THEN now() END,
    now(), now()
FROM transactional_email WHERE name = 'Order receipt'
"""
SCOPE = """
UPDATE tokens_account SET hard_bounce_scope = %s
WHERE id = (SELECT account_id FROM transactional_email WHERE name = 'Order receipt')
"""
STORY = """
SELECT e.type, e.data, e.message_id::text
FROM transactional_event e JOIN transactional_recipient r ON r.id = e.recipient_id
WHERE r.address = %s ORDER BY e.at
"""
ELSEWHERE = """
from config.ids import uuid7
from tokens.models import Account
from transactional import suppressions
for number in range(3):
    other = Account.objects.create(name=f'Elsewhere {{number}}')
    suppressions.add(other.pk, {address!r}, reason='hard_bounce', recipient_id=uuid7())
"""
KEY = """
from tokens import credentials
from transactional.models import Email
owner = Email.objects.get(name='Order receipt').account
scopes = ['communication_preferences.read_write']
print(credentials.create_api_key(owner, name='Consent', scopes=scopes, by='tests')[1])
"""


class Desk:
    """A program with the official client, and what our own API says beside it."""

    def __init__(
        self, shop: Installation, start: dict[str, Any], receipt: Callable[..., int]
    ) -> None:
        self.shop = shop
        self.hubspot = HubSpot(
            access_token=start["api_key"], host=start["url"], base_url=start["url"]
        )
        self.http = httpx.Client(
            base_url=start["url"],
            headers={"Authorization": f"Bearer {start['api_key']}"},
            trust_env=False,
            timeout=60,
        )
        # The log itself, beside what the feed says of it
        self.database = psycopg.connect(shop.joined["DATABASE_URL"], autocommit=True)
        self.receipt, self.news = receipt("Back"), receipt("Back news", "marketing")

    def send(self, to: str, *, news: bool = False, **message: Any) -> dict[str, Any]:
        """The status of a send once it has come to its end."""
        asked = PublicSingleSendRequestEgg(
            email_id=self.news if news else self.receipt,
            message=PublicSingleSendEmail(to=to),
            contact_properties={},
            custom_properties=ORDER,
        )
        if message:  # ours, which the client's model does not know
            body = {"emailId": self.receipt, "message": {"to": to, **message}}
            path = "/marketing/v3/transactional/single-email/send"
            sent = self.http.post(path, json={**body, "customProperties": ORDER}).json()
            return self.settled(sent["statusId"])
        single = self.hubspot.marketing.transactional.single_send_api
        answer = single.send_email(public_single_send_request_egg=asked)
        return self.settled(answer.status_id)

    def settled(self, status_id: str, seconds: float = 90) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        path = {"path": f"{STATUSES}/{status_id}"}
        while (seen := self.hubspot.api_request(path).json())["status"] != "COMPLETE":
            assert time.monotonic() < deadline, seen
            time.sleep(0.1)
        return dict(seen)

    def story(self, address: str, wanted: str, seconds: float = 60) -> list[list[Any]]:
        """The events of an address once the wanted one is there."""
        deadline = time.monotonic() + seconds
        while True:
            found = [list(row) for row in self.database.execute(STORY, [address])]
            if wanted in [event[0] for event in found]:
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.1)

    def feed(self, address: str, kind: str) -> list[dict[str, Any]]:
        """What HubSpot's events feed tells of an address, the oldest first; two at a time."""
        asked: dict[str, Any] = {"recipient": address, "eventType": kind, "limit": 2}
        found: list[dict[str, Any]] = []
        while True:
            answer = self.http.get(EVENTS, params=asked)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            found += page["events"]
            if not page["hasMore"]:
                return found[::-1]
            asked["offset"] = page["offset"]

    def explained(self, message_id: str) -> dict[str, Any]:
        answer = self.http.get(f"/api/v1/messages/{message_id}/explain")
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["recipients"][0])

    def report(self, reader: Reader, address: str, *, status: str, said: str) -> None:
        """Another server's report, to the return-path that the mail carried, over SMTP."""
        path = str(reader.all(address)[0].parsed["Return-Path"]).strip("<>")
        failed = DsnRecipient(
            final_recipient=address, action="failed", status=status, diagnostic=said
        )
        report = build_dsn(
            from_="mailer-daemon@far.example", to=path, subject="Undelivered",
            date=datetime.now(UTC), message_id=f"<{time.monotonic_ns()}@far.example>",
            boundary="bound", reporting_mta="far.example", recipients=[failed],
            text="It failed.", original=b"From: a@shop.example\r\n\r\n",
        )  # fmt: skip
        with smtplib.SMTP("127.0.0.1", int(self.shop.ports["INBOUND_PORT"])) as smtp:
            smtp.sendmail("", [path], report)


@pytest.fixture(scope="module")
def desk(shop: Installation, start: dict[str, Any], receipt: Callable[..., int]) -> Iterator[Desk]:
    made = Desk(shop, start, receipt)
    yield made
    made.http.close()
    made.database.close()


def _named(event: dict[str, Any]) -> dict[str, Any]:
    """How another event names this one."""
    return {"id": event["id"], "created": event["created"]}


STATES = {
    "all": (True, True, "PREVIOUSLY_UNSUBSCRIBED_PORTAL"),
    "quarantined": (False, True, "QUARANTINED_ADDRESS"),
    "unconfirmed": (False, False, "EMAIL_UNCONFIRMED"),
}


@pytest.mark.parametrize("state", STATES)
def test_transactional_mail_goes_whatever_the_contact_s_state_and_marketing_mail_obeys_it(
    desk: Desk, reader: Reader, state: str
) -> None:
    unsubscribed, quarantined, refusal = STATES[state]
    address = f"{state}@state.sandbox.test"
    desk.database.execute(CONTACT, [address, unsubscribed, quarantined])
    assert desk.send(address)["sendResult"] == "SENT"
    assert desk.send(address, news=True)["sendResult"] == refusal
    reader.wait(address)  # the one, and no more


def test_who_left_one_type_of_mail_gets_no_more_of_it(
    shop: Installation, desk: Desk, reader: Reader
) -> None:
    address = "type@state.sandbox.test"
    consent = HubSpot(
        access_token=shop.shell(KEY), host=desk.http.base_url, base_url=str(desk.http.base_url)
    )
    path = "/communication-preferences/v3/definitions"
    types = consent.api_request({"path": path}).json()["subscriptionDefinitions"]
    body = {"emailAddress": address, "subscriptionId": types[0]["id"]}
    left = {"path": "/communication-preferences/v3/unsubscribe", "method": "POST", "body": body}
    assert consent.api_request(left).status_code == 200
    assert desk.send(address)["sendResult"] == "SENT"
    assert desk.send(address, news=True)["sendResult"] == "PREVIOUSLY_UNSUBSCRIBED_MESSAGE"
    reader.wait(address)


def test_a_hard_bounce_stops_mail_as_far_as_the_account_says(desk: Desk) -> None:
    address = "bounce+all@state.sandbox.test"
    assert desk.send(address)["sendResult"] in ("SENT", "UNDELIVERABLE")
    story = desk.story(address, "bounced")
    bounced = dict(next(event[1] for event in story if event[0] == "bounced"))
    assert (bounced["category"], bounced["status"]) == ("hard", "5.1.1")
    (told,) = desk.feed(address, "BOUNCE")
    assert (told["category"], told["status"]) == ("UNKNOWN_USER", "5.1.1")
    for news in (False, True):
        assert desk.send(address, news=news)["sendResult"] == "PREVIOUSLY_BOUNCED"
    dropped = desk.feed(address, "DROPPED")
    assert [one["dropReason"] for one in dropped] == ["PREVIOUSLY_BOUNCED"] * 2
    desk.database.execute(SCOPE, ["marketing"])
    try:
        address = "refuse+some@state.sandbox.test"
        assert desk.send(address)["sendResult"] == "UNDELIVERABLE"
        assert desk.send(address)["sendResult"] == "UNDELIVERABLE"  # it was tried again
        assert desk.send(address, news=True)["sendResult"] == "PREVIOUSLY_BOUNCED"
    finally:
        desk.database.execute(SCOPE, ["all"])


def test_what_bounced_in_three_accounts_is_mailed_by_none(shop: Installation, desk: Desk) -> None:
    address = "everybody@state.sandbox.test"
    assert desk.send(address)["sendResult"] == "SENT"
    shop.shell(ELSEWHERE.format(address=address))
    refused = desk.send(address)
    assert refused["sendResult"] == "PREVIOUSLY_BOUNCED"


def test_a_complaint_is_told_and_ends_marketing_mail_alone(desk: Desk, reader: Reader) -> None:
    address = "complaint+row20@state.sandbox.test"
    assert desk.send(address)["sendResult"] == "SENT"
    story = desk.story(address, "unsubscribed")
    kinds = [event[0] for event in story]
    assert kinds[:2] == ["accepted", "delivered"]
    assert sorted(kinds[2:]) == ["complained", "unsubscribed"]
    told = {event[0]: event[1] for event in story}
    assert told["complained"]["user_agent"] == "Sandbox-Feedback/1.0"
    assert told["unsubscribed"]["how"] == "complaint"
    (spam,) = desk.feed(address, "SPAMREPORT")
    (left,) = desk.feed(address, "STATUSCHANGE")
    (sent,) = desk.feed(address, "SENT")
    assert spam["userAgent"] == "Sandbox-Feedback/1.0"
    assert left["portalSubscriptionStatus"] == "UNSUBSCRIBED" and left["bounced"] is False
    assert left["source"] == "SOURCE_SPAM_REPORT" and left["causedBy"]["id"] == spam["id"]
    assert spam["sentBy"] == left["sentBy"] == {"id": sent["id"], "created": sent["created"]}
    one = desk.http.get(f"{EVENTS}/{left['created']}/{left['id']}").json()
    assert one == left
    assert desk.send(address, news=True)["sendResult"] == "PREVIOUS_SPAM"
    assert desk.send(address)["sendResult"] == "SENT"
    assert len(reader.all(address)) == 2


@pytest.mark.parametrize(
    ("name", "status", "said", "kind", "category"),
    [
        ("nobody", "5.1.1", "550 5.1.1 no such user", "hard", "UNKNOWN_USER"),
        ("full", "5.2.2", "552 5.2.2 mailbox full", "soft", "MAILBOX_FULL"),
        ("spam", "5.7.1", "554 5.7.1 message looks like spam", "block", "SPAM"),
    ],
)
def test_reports_to_the_return_path_are_told_as_what_they_are(
    desk: Desk, reader: Reader, name: str, status: str, said: str, kind: str, category: str
) -> None:
    address = f"{name}-report@state.sandbox.test"
    assert desk.send(address)["sendResult"] == "SENT"
    reader.wait(address)
    desk.report(reader, address, status=status, said=said)
    message_id = desk.story(address, "bounced")[0][2]
    bounce = desk.explained(message_id)["bounce"]
    assert (bounce["kind"], bounce["status"], bounce["category"]) == (kind, status, category)
    (told,) = desk.feed(address, "BOUNCE")
    assert (told["status"], told["category"]) == (status, category)
    assert said in told["response"] and told["sentBy"] == _named(desk.feed(address, "SENT")[0])
    again = desk.send(address)["sendResult"]
    assert again == ("PREVIOUSLY_BOUNCED" if kind == "hard" else "SENT")


def test_a_bounce_that_is_lifted_is_told_and_mail_goes_again(desk: Desk, reader: Reader) -> None:
    address = "lifted@state.sandbox.test"
    assert desk.send(address)["sendResult"] == "SENT"
    reader.wait(address)
    desk.report(reader, address, status="5.1.1", said="550 5.1.1 no such user")
    desk.story(address, "bounced")
    found = desk.http.get("/api/v1/suppressions", params={"address": address}).json()["results"]
    assert [row["reason"] for row in found] == ["hard_bounce"]
    assert desk.http.delete(f"/api/v1/suppressions/{found[0]['id']}?why=fixed").status_code == 204
    last = desk.story(address, "unbounced")[-1]
    assert last[:2] == ["unbounced", {"how": "member"}]
    (lifted,), (bounce,) = desk.feed(address, "UNBOUNCE"), desk.feed(address, "BOUNCE")
    assert lifted["causedBy"] == _named(bounce) and lifted["recipient"] == address
    assert desk.send(address)["sendResult"] == "SENT"
    assert len(reader.all(address)) == 2


def test_a_mailbox_that_stays_full_is_tried_until_the_time_is_up_and_bounces_softly(
    desk: Desk,
) -> None:
    address = "full+row40@state.sandbox.test"
    done = desk.send(address, deliverWithin=9)
    assert done["sendResult"] == "UNDELIVERABLE"
    story = desk.story(address, "expired")
    deferred = [event[1] for event in story if event[0] == "deferred"]
    assert [one["attempt"] for one in deferred] == list(range(1, len(deferred) + 1))
    assert len(deferred) >= 2 and all("452 4.2.2" in one["response"] for one in deferred)
    ended = story[-1]
    assert ended[0] == "expired"
    assert (ended[1]["category"], ended[1]["reason"]) == ("soft", "mailboxfull")
    fed = desk.feed(address, "DEFERRED")
    assert [(one["attempt"], one["response"]) for one in fed] == [
        (one["attempt"], one["response"]) for one in deferred
    ]
    (bounce,) = desk.feed(address, "BOUNCE")
    assert bounce["category"] == "MAILBOX_FULL" and "452 4.2.2" in bounce["response"]
    told = desk.explained(ended[2])
    assert told["status"] == "expired" and "452 4.2.2" in told["reply"]
    assert told["bounce"]["kind"] == "soft" and told["bounce"]["category"] == "MAILBOX_FULL"
    suppressed = desk.http.get("/api/v1/suppressions", params={"address": address}).json()
    assert suppressed["results"] == []
