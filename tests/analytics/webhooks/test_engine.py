"""The whole way: an event in the log, a POST at a real server, the outcome in the table."""

import json
import threading
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import idna
import pytest
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from analytics.models import DeliveryState, EndpointState, WebhookDelivery, WebhookEndpoint
from analytics.webhooks import endpoints, payload, replays, signature
from tests.analytics.conftest import Sent
from tests.analytics.webhooks.conftest import BY, eventually, states, working
from tests.analytics.webhooks.receiver import Hit, Receiver
from tests.cast import Cast
from tests.dns_server import DnsServer
from tokens.models import Account
from transactional.models import Message

pytestmark = pytest.mark.django_db(transaction=True)


def signed_by(hit: Hit, secret: str) -> bool:
    """By the specification's own library, apart from our code."""
    try:
        return bool(Webhook(secret).verify(hit.body, hit.headers) == hit.event)
    except WebhookVerificationError:
        return False


def test_every_event_comes_once_signed_and_numbered(
    account: Account, receiver: Receiver, sent: Sent
) -> None:
    sent.write("accepted")  # before anybody wanted events
    row, secret = endpoints.create(account, {"url": receiver.url()}, by=BY)
    with working():
        sent.write("deferred", "delivered")
        sent.write("opened", "clicked", recipient=1)
        eventually(lambda: len(receiver.hits) == 4)
        eventually(lambda: states(row) == ["delivered"] * 4)
    assert set(receiver.tries().values()) == {1}
    assert all(signed_by(hit, secret) for hit in receiver.hits)
    assert not any(signed_by(hit, signature.mint()) for hit in receiver.hits)
    told = sorted((hit.event for hit in receiver.hits), key=lambda e: e["data"]["sequence"])
    assert [e["data"]["sequence"] for e in told] == [2, 3, 4, 5]
    assert {e["type"] for e in told} == {
        "message.deferred", "message.delivered", "message.opened", "message.clicked",
    }  # fmt: skip
    first = told[0]["data"]
    assert first["messageId"] == str(sent.message.pk)
    assert first["recipient"] == "ann@reader.example"
    assert first["campaign"] == {"id": str(sent.campaign.pk), "name": sent.campaign.name}
    assert {hit.id for hit in receiver.hits} == {e["data"]["eventId"] for e in told}
    assert all(hit.headers["host"] == f"hook.example:{receiver.port}" for hit in receiver.hits)
    row.refresh_from_db()
    assert (row.delivered, row.failures, row.failing_since) == (4, 0, None)


def test_letters_beyond_ascii_are_encoded_and_posted_to(
    account: Account, receiver: Receiver, sent: Sent, dns_server: DnsServer
) -> None:
    dns_server.publish(idna.encode("höok.example").decode(), "A", "127.0.0.1")
    given = receiver.url(host="HÖok.example", path="/événement/50%25?q=ñ&a=b#x")
    row, _ = endpoints.create(account, {"url": given}, by=BY)
    assert row.url.isascii() and "/%C3%A9v%C3%A9nement/50%25?q=%C3%B1&a=b" in row.url
    assert row.url.startswith("http://xn--") and "#" not in row.url
    # One that was saved before they were encoded
    WebhookEndpoint.objects.filter(pk=row.pk).update(url=receiver.url(path="/événement"))
    with working():
        sent.write("delivered")
        eventually(lambda: states(row) == ["delivered"])


def test_what_the_caller_knows_it_by_is_told(
    endpoint: WebhookEndpoint, receiver: Receiver, sent: Sent
) -> None:
    labels = {"sendId": "order-7", "metadata": {"order": "7", "shop": "Größe"}}
    Message.objects.filter(pk=sent.message.pk).update(labels=labels)
    with working():
        sent.write("delivered")
        eventually(lambda: len(receiver.hits) == 1)
    data = receiver.hits[0].event["data"]
    assert (data["sendId"], data["metadata"]) == ("order-7", labels["metadata"])
    shown = payload.shown(endpoint.account_id, UUID(data["eventId"]))
    assert json.loads(shown)["data"]["metadata"] == labels["metadata"]
    assert payload.shown(endpoint.account_id + 1, UUID(data["eventId"])) == ""


def test_connections_are_kept(endpoint: WebhookEndpoint, receiver: Receiver, sent: Sent) -> None:
    with working():
        sent.write(*["delivered"] * 200)
        eventually(lambda: len(receiver.hits) == 200)
        eventually(lambda: set(states(endpoint)) == {"delivered"})
    assert len(receiver.connections) <= 8


def test_filters_and_strangers(cast: Cast, receiver: Receiver, sent: Sent) -> None:
    for given in (
        {"types": ["bounced"]},
        {"domain": "shop.example"},
        {"credential": "api:9"},
    ):
        path = f"/{next(iter(given))}"
        row, _ = endpoints.create(cast.account, {"url": receiver.url(path=path)}, by=BY)
        WebhookEndpoint.objects.of(cast.account).filter(pk=row.pk).update(**given)
    endpoints.create(cast.other_account, {"url": receiver.url(path="/stranger")}, by=BY)
    with working():
        sent.write("delivered", "bounced")
        eventually(lambda: len(receiver.hits) == 3)
        time.sleep(0.6)
    got = sorted((hit.path, hit.event["type"]) for hit in receiver.hits)
    assert got == [
        ("/domain", "message.bounced"),
        ("/domain", "message.delivered"),
        ("/types", "message.bounced"),
    ]


def test_a_failure_is_tried_again_with_the_same_id(
    endpoint: WebhookEndpoint, receiver: Receiver, sent: Sent, settings: Any
) -> None:
    settings.RETRY_SCALE = 0.002
    receiver.answer = lambda hit: 500 if hit.number < 4 else 200
    with working():
        sent.write("delivered")
        eventually(lambda: states(endpoint) == ["delivered"])
    assert len(receiver.hits) == 4
    assert len(receiver.tries()) == 1
    assert len({hit.body for hit in receiver.hits}) == 1
    row = WebhookDelivery.objects.of(endpoint.account_id).get()
    assert (row.tries, row.status, row.outcome) == (4, 200, "ok")
    assert [one["status"] for one in row.history] == [500, 500, 500]


def test_a_dead_letter_after_eleven_tries_and_its_replay(
    endpoint: WebhookEndpoint, receiver: Receiver, sent: Sent, settings: Any
) -> None:
    settings.RETRY_SCALE = 0.00001  # every wait is the least there is, 50 ms
    receiver.answer = 500
    with working():
        sent.write("delivered")
        eventually(lambda: states(endpoint) == ["dead"], 20)
        assert len(receiver.hits) == 11
        time.sleep(0.3)
        assert len(receiver.hits) == 11
        receiver.answer = 200
        (row,) = WebhookDelivery.objects.of(endpoint.account_id)
        assert replays.again(endpoint, [row.pk], by=BY) == 1
        eventually(lambda: states(endpoint) == ["delivered"])
    assert len(receiver.tries()) == 1


def test_one_event_that_fails_blocks_no_other(
    endpoint: WebhookEndpoint, receiver: Receiver, sent: Sent
) -> None:
    receiver.answer = lambda hit: 500 if hit.event["type"] == "message.bounced" else 200
    with working():
        sent.write("bounced")
        eventually(lambda: len(receiver.hits) == 1)
        for _ in range(8):
            sent.write("delivered")
        eventually(lambda: states(endpoint).count("delivered") == 8)
    assert states(endpoint).count("waiting") == 1


def test_only_probes_go_to_an_endpoint_that_is_down_and_all_follow_when_it_is_back(
    endpoint: WebhookEndpoint, receiver: Receiver, sent: Sent, settings: Any
) -> None:
    settings.RETRY_SCALE = 0.05  # first wait 3 s, first probe 0.75 s
    receiver.answer = 503
    with working():
        sent.write(*["delivered"] * 60)
        eventually(lambda: WebhookEndpoint.objects.get(pk=endpoint.pk).failures >= 5)
        leased = WebhookDelivery.objects.of(endpoint.account_id).exclude(lease=None)
        eventually(lambda: not leased.exists())  # what was under way has ended
        probes = WebhookEndpoint.objects.get(pk=endpoint.pk).probes
        before = len(receiver.hits)
        assert before < 40  # no storm
        eventually(lambda: WebhookEndpoint.objects.get(pk=endpoint.pk).probes >= probes + 2)
        hits = len(receiver.hits)
        probed = WebhookEndpoint.objects.get(pk=endpoint.pk).probes - probes
        assert 1 <= hits - before <= probed + 1  # nothing but probes; one may not be written yet
        receiver.answer = 200
        eventually(lambda: states(endpoint) == ["delivered"] * 60)
    assert len(receiver.tries()) == 60


def test_a_slow_endpoint_delays_no_other(
    account: Account, receiver: Receiver, sent: Sent, settings: Any
) -> None:
    settings.WEBHOOK_SECONDS = 10.0
    slow, _ = endpoints.create(account, {"url": receiver.url("other.example", "/slow")}, by=BY)
    fast, _ = endpoints.create(account, {"url": receiver.url()}, by=BY)
    over = threading.Event()

    def answer(hit: Hit) -> int:
        if hit.path == "/slow":
            over.wait(30)
        return 200

    receiver.answer = answer
    with working():
        began = time.monotonic()
        sent.write(*["delivered"] * 40)
        eventually(lambda: states(fast) == ["delivered"] * 40)
        waited = time.monotonic() - began
        eventually(lambda: WebhookEndpoint.objects.get(pk=slow.pk).last_outcome == "timeout")
        assert "delivered" not in states(slow)
        over.set()
    assert waited < settings.WEBHOOK_SECONDS  # before any of the slow one's had its time


def test_slow_endpoints_that_take_everything_leave_room_for_others(
    account: Account, receiver: Receiver, sent: Sent, settings: Any
) -> None:
    settings.WEBHOOK_CONNECTIONS = 10
    slow, _ = endpoints.create(account, {"url": receiver.url("other.example", "/slow")}, by=BY)
    fast, _ = endpoints.create(account, {"url": receiver.url()}, by=BY)

    def answer(hit: Hit) -> int:
        if hit.path == "/slow":
            time.sleep(2.2)
        return 200

    receiver.answer = answer
    with working():
        sent.write(*["delivered"] * 60)
        eventually(lambda: states(fast) == ["delivered"] * 60, 30)
        held = WebhookDelivery.objects.of(account).filter(endpoint_id=slow.pk)
        assert held.exclude(lease=None).count() <= 4


def test_what_was_not_read_when_it_was_switched_off_comes_too(
    endpoint: WebhookEndpoint, receiver: Receiver, sent: Sent
) -> None:
    sent.write("delivered")
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        state=EndpointState.GONE, stopped_at=timezone.now()
    )
    endpoint.refresh_from_db()
    endpoints.resume(endpoint, by=BY)
    with working():
        eventually(lambda: states(endpoint) == ["delivered"])
    assert len(receiver.hits) == 1


def test_a_redirect_is_a_failure_that_says_so(
    endpoint: WebhookEndpoint, receiver: Receiver, sent: Sent
) -> None:
    receiver.answer, receiver.more = 301, {"Location": receiver.url(path="/elsewhere")}
    with working():
        sent.write("delivered")
        eventually(lambda: WebhookEndpoint.objects.get(pk=endpoint.pk).last_outcome == "redirect")
    assert [hit.path for hit in receiver.hits] == ["/events"]
    assert states(endpoint) == ["waiting"]


def test_gone_switches_it_off_and_what_was_missed_comes_when_it_is_resumed(
    endpoint: WebhookEndpoint, receiver: Receiver, sent: Sent
) -> None:
    receiver.answer = 410
    with working():
        sent.write("delivered")
        eventually(lambda: WebhookEndpoint.objects.get(pk=endpoint.pk).state == EndpointState.GONE)
        sent.write("opened", "clicked")
        time.sleep(0.6)
        assert len(receiver.hits) == 1
        receiver.answer = 200
        endpoint.refresh_from_db()
        endpoints.resume(endpoint, by=BY)
        eventually(lambda: states(endpoint) == ["delivered"] * 3)
    assert sorted(receiver.tries().values()) == [1, 1, 2]


def test_paused_it_collects_and_resumed_it_sends(
    endpoint: WebhookEndpoint, receiver: Receiver, sent: Sent
) -> None:
    endpoints.pause(endpoint, by=BY)
    with working():
        sent.write("delivered", "opened")
        eventually(lambda: states(endpoint) == ["waiting"] * 2)
        time.sleep(0.5)
        assert receiver.hits == []
        endpoints.resume(endpoint, by=BY)
        eventually(lambda: states(endpoint) == ["delivered"] * 2)


def test_both_secrets_sign_while_they_overlap(
    account: Account, receiver: Receiver, sent: Sent
) -> None:
    row, old = endpoints.create(account, {"url": receiver.url()}, by=BY)
    new = endpoints.rotate(row, by=BY)
    with working():
        sent.write("delivered")
        eventually(lambda: len(receiver.hits) == 1)
        endpoints.rotate(row, hours=0, by=BY)
        sent.write("opened")
        eventually(lambda: len(receiver.hits) == 2)
    first, second = receiver.hits
    assert signed_by(first, old) and signed_by(first, new)
    assert not signed_by(second, old) and not signed_by(second, new)


def test_a_test_event_says_that_it_is_one(endpoint: WebhookEndpoint, receiver: Receiver) -> None:
    made = endpoints.test(endpoint, "bounced", by=BY)
    with working():
        eventually(lambda: states(endpoint) == ["delivered"])
    (hit,) = receiver.hits
    assert hit.event["type"] == "message.bounced"
    assert hit.event["data"]["test"] is True
    assert hit.id == str(made.event_id)


def test_all_since_a_moment_comes_again(
    endpoint: WebhookEndpoint, receiver: Receiver, sent: Sent
) -> None:
    with working():
        sent.write("delivered", "opened")
        eventually(lambda: states(endpoint) == ["delivered"] * 2)
        hour = timezone.now() - timedelta(hours=1)
        replays.since(endpoint, hour, by=BY)  # nothing was missed
        time.sleep(0.8)
        assert len(receiver.hits) == 2
        replays.since(endpoint, hour, everything=True, by=BY)
        eventually(lambda: len(receiver.hits) == 4)
    assert set(receiver.tries().values()) == {2}


def test_an_endless_or_dripping_reply_holds_nobody(
    endpoint: WebhookEndpoint, receiver: Receiver, sent: Sent
) -> None:
    receiver.reply = b"x" * 3_000_000
    with working():
        sent.write("delivered")
        eventually(lambda: states(endpoint) == ["delivered"])


def test_two_engines_share_the_work(
    endpoint: WebhookEndpoint, receiver: Receiver, sent: Sent
) -> None:
    with working(), working():
        for _ in range(5):
            sent.write(*["delivered"] * 40)
            time.sleep(0.05)
        eventually(lambda: states(endpoint) == ["delivered"] * 200)
    assert set(receiver.tries().values()) == {1}


def test_what_a_silent_worker_held_is_posted_by_another(
    endpoint: WebhookEndpoint, receiver: Receiver, sent: Sent
) -> None:
    with working():
        sent.write("delivered")
        eventually(lambda: states(endpoint) == ["delivered"])
    lost = timezone.now() - timedelta(seconds=1)
    WebhookDelivery.objects.of(endpoint.account_id).update(
        state=DeliveryState.WAITING, lease=sent.message.pk, due_at=lost
    )
    with working():
        eventually(lambda: states(endpoint) == ["delivered"])
    assert list(receiver.tries().values()) == [2]
