"""Webhooks over HTTP: from made to deleted, deliveries, replays; strangers, scopes, bad input."""

import base64
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from analytics.models import DeliveryState, EndpointState, WebhookDelivery, WebhookEndpoint
from analytics.webhooks import endpoints
from config.ids import uuid7
from tests.cast import Cast
from tests.dns_server import DnsServer
from tokens import credentials
from tokens.models import Account, AuditEntry

PATH = "/api/v1/webhooks"
URL = "https://hook.example/events?a=b"
Call = Callable[..., Any]


@pytest.fixture(autouse=True)
def _names(dns_server: DnsServer) -> None:
    dns_server.publish("hook.example", "A", "8.8.8.8")
    dns_server.publish("inside.example", "A", "10.0.0.7")
    dns_server.publish("half.example", "A", "8.8.8.8")
    dns_server.publish("half.example", "AAAA", "fd00::1")


def caller(account: Account, *scopes: str) -> Call:
    _, key = credentials.create_api_key(account, name="IaC", scopes=scopes, by="a@shop.example")

    def call(method: str, path: str, body: Any = None) -> Any:
        client = Client(headers={"authorization": f"Bearer {key}"}, raise_request_exception=False)
        data = b"" if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
        return client.generic(method, path, data, content_type="application/json")

    return call


@pytest.fixture
def api(cast: Cast) -> Call:
    return caller(cast.account, "webhooks")


def waiting(row: WebhookEndpoint, state: str = DeliveryState.WAITING) -> WebhookDelivery:
    made: WebhookDelivery = WebhookDelivery.objects.create(
        id=uuid7(), account_id=row.account_id, endpoint_id=row.pk, event_id=uuid7(),
        type="delivered", state=state, due_at=timezone.now(), tries=11, outcome="status",
        status=500, history=[{"at": "2026-11-25T12:00:00Z", "outcome": "status", "status": 500, "ms": 3}],
    )  # fmt: skip
    return made


def test_from_made_to_deleted(api: Call, cast: Cast) -> None:
    given = {"url": URL, "description": "Shop", "types": ["message.bounced", "opened"]}
    made = api("POST", PATH, {**given, "domain": "shop.example"})
    assert made.status_code == 201
    body = made.json()
    secret = body.pop("secret")
    assert secret.startswith("whsec_")
    assert body["types"] == ["message.bounced", "message.opened"]
    assert (body["state"], body["domain"], body["url"]) == ("enabled", "shop.example", URL)
    one = f"{PATH}/{body['id']}"
    assert api("GET", PATH).json()["results"] == [body]
    assert api("GET", one).json() == {**body, "waiting": 0, "deadLetters": 0}
    changed = api("PATCH", one, {"description": "Other", "types": [], "domain": None}).json()
    assert (changed["description"], changed["types"], changed["domain"]) == ("Other", [], None)
    assert api("POST", f"{one}/pause").json()["state"] == "paused"
    assert api("POST", f"{one}/test").status_code == 409
    assert api("POST", f"{one}/resume").json()["state"] == "enabled"
    assert api("POST", f"{one}/test", {"type": "message.clicked"}).status_code == 202
    rotated = api("POST", f"{one}/rotate", {"overlapHours": 1}).json()
    assert rotated["secret"] not in ("", secret)
    assert rotated["oldSecretUntil"] is not None
    assert api("DELETE", one).status_code == 204
    assert api("GET", one).status_code == 404
    assert api("GET", PATH).json() == {"results": []}
    told = AuditEntry.objects.of(cast.account).order_by("pk").values_list("what", flat=True)
    assert list(told) == [
        f"webhook.{what}"
        for what in ("created", "changed", "paused", "resumed", "tested", "rotated", "deleted")
    ]


def test_a_secret_is_shown_once_and_stored_encrypted(api: Call) -> None:
    secret = api("POST", PATH, {"url": URL}).json()["secret"]
    (row,) = WebhookEndpoint.objects.all()
    raw = base64.b64decode(secret.removeprefix("whsec_"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT e::text, secret FROM analytics_webhookendpoint e")
        text, stored = cursor.fetchone()
    assert secret not in text and raw not in bytes(stored) and secret.encode() not in bytes(stored)
    shown = b"".join(
        api("GET", path).content
        for path in (PATH, f"{PATH}/{row.pk}", f"{PATH}/{row.pk}/deliveries")
    )
    assert b"secret" not in shown.replace(b"oldSecretUntil", b"")
    assert "whsec_" not in str(list(AuditEntry.objects.values_list("name", "data")))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://0.0.0.0/", "http://[::1]/", "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/", "http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.1.1/",
        "http://100.64.0.1/", "http://[fd00::1]/", "http://[fe80::1]/", "http://[64:ff9b::7f00:1]/",
        "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/",
        "http://localhost./", "http://localhost/", "http://inside.example/", "https://half.example/",
        "file:///etc/passwd", "gopher://hook.example/", "http://hook.example:5432/",
        "http://hook.example:6379/", "http://hook.example:25/", "http://u:p@hook.example/",
        "http://u@hook.example/", "https://nowhere.example/", "https://hook.example/\r\nX: y",
        "https://hook.example/a b", "javascript:alert(1)", "//hook.example/", "hook.example", "", 7,
        None, ["https://hook.example/"], "https://hook.example/" + "a" * 2000, "https://[::1",
        "https://hook.example:99999/", "https://\u0430pple.example/",
    ],
)  # fmt: skip
def test_urls_that_are_refused_when_saved(api: Call, url: Any) -> None:
    answer = api("POST", PATH, {"url": url})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["in"] == "url"
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ([], "body"),
        ({"url": URL, "types": ["message.nonesuch"]}, "types"),
        ({"url": URL, "types": "bounced"}, "types"),
        ({"url": URL, "types": {"bounced": 1}}, "types"),
        ({"url": URL, "types": [["bounced"]]}, "types"),
        ({"url": URL, "description": "x" * 201}, "description"),
        ({"url": URL, "description": "a\nb"}, "description"),
        ({"url": URL, "stream": "999999"}, "stream"),
        ({"url": URL, "stream": {"a": 1}}, "stream"),
        ({"url": URL, "domain": "stranger.example"}, "domain"),
        ({"url": URL, "domain": 7}, "domain"),
        ({"url": URL, "credential": "api:999999"}, "credential"),
        ({"url": URL, "credential": "user:1"}, "credential"),
    ],
)
def test_what_cannot_be_is_a_400_that_names_it(api: Call, body: Any, field: str) -> None:
    answer = api("POST", PATH, body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["in"] == field
    assert not WebhookEndpoint.objects.exists()


def test_a_limit_of_webhooks(api: Call, cast: Cast) -> None:
    WebhookEndpoint.objects.bulk_create(
        WebhookEndpoint(account=cast.account, url=URL, created_by="a")
        for _ in range(endpoints.MOST)
    )
    assert api("POST", PATH, {"url": URL}).status_code == 409


def test_deliveries_and_replays(api: Call, cast: Cast) -> None:
    row, _ = endpoints.create(cast.account, {"url": URL}, by="a")
    one = f"{PATH}/{row.pk}"
    made = [waiting(row, DeliveryState.DEAD) for _ in range(3)]
    waiting(row)
    assert api("GET", one).json()["deadLetters"] == 3
    first = api("GET", f"{one}/deliveries?state=dead&limit=2").json()
    after = first["paging"]["next"]["after"]
    rest = api("GET", f"{one}/deliveries?state=dead&limit=2&after={after}").json()
    ids = [found["id"] for found in first["results"] + rest["results"]]
    assert ids == [str(found.pk) for found in reversed(made)]
    told = api("GET", f"{one}/deliveries/{ids[0]}").json()
    assert (told["tries"], told["status"], told["failedTries"][0]["outcome"]) == (11, 500, "status")
    assert api("POST", f"{one}/replay", {"ids": ids[:2]}).json() == {"queued": 2}
    assert api("POST", f"{one}/replay", {"ids": ids[:2]}).json() == {"queued": 0}
    hour = (timezone.now() - timedelta(hours=1)).isoformat()
    assert api("POST", f"{one}/replay", {"since": hour}).status_code == 202
    assert api("GET", one).json()["replaying"] is True


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("replay", {}), ("replay", {"ids": []}), ("replay", {"ids": "x"}), ("replay", {"ids": ["x"]}),
        ("replay", {"ids": [str(uuid.uuid4())] * 501}), ("replay", {"since": "yesterday"}),
        ("replay", {"since": "1999-01-01T00:00:00Z"}), ("replay", {"since": "2999-01-01T00:00:00Z"}),
        ("replay", {"since": "2026-99-99T00:00:00Z"}),
        ("replay", {"since": "2026-11-25T00:00:00Z", "everything": "yes"}),
        ("rotate", {"overlapHours": 169}), ("rotate", {"overlapHours": -1}),
        ("rotate", {"overlapHours": True}), ("rotate", {"overlapHours": "1"}),
        ("test", {"type": "nonesuch"}), ("test", {"type": ["delivered"]}), ("resume", {"missed": 1}),
        ("resume", []),
    ],
)  # fmt: skip
def test_acts_refuse_nonsense(api: Call, cast: Cast, path: str, body: Any) -> None:
    row, _ = endpoints.create(cast.account, {"url": URL}, by="a")
    assert api("POST", f"{PATH}/{row.pk}/{path}", body).status_code == 400


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "after=1", "state=nonesuch", "limit=501"])
def test_a_list_of_deliveries_refuses_nonsense(api: Call, cast: Cast, query: str) -> None:
    row, _ = endpoints.create(cast.account, {"url": URL}, by="a")
    assert api("GET", f"{PATH}/{row.pk}/deliveries?{query}").status_code == 400


def test_strangers_get_404_and_other_keys_403(cast: Cast) -> None:
    row, _ = endpoints.create(cast.account, {"url": URL}, by="a")
    letter = waiting(row, DeliveryState.DEAD)
    stranger = caller(cast.other_account, "webhooks")
    narrow = caller(cast.account, "transactional-email", "domains", "contacts", "content")
    one = f"{PATH}/{row.pk}"
    calls = [
        ("GET", one, None), ("PATCH", one, {"url": URL}), ("DELETE", one, None),
        ("POST", f"{one}/rotate", {}), ("POST", f"{one}/pause", {}), ("POST", f"{one}/resume", {}),
        ("POST", f"{one}/test", {}), ("POST", f"{one}/replay", {"ids": [str(letter.pk)]}),
        ("GET", f"{one}/deliveries", None), ("GET", f"{one}/deliveries/{letter.pk}", None),
    ]  # fmt: skip
    unknown = stranger("GET", f"{PATH}/{row.pk + 1}").json()
    for method, path, body in calls:
        answer = stranger(method, path, body)
        assert answer.status_code == 404, path
        assert {**answer.json(), "correlationId": ""} == {**unknown, "correlationId": ""}
        assert narrow(method, path, body).status_code == 403, path
        assert Client().generic(method, path).status_code == 401, path
    assert stranger("GET", PATH).json() == {"results": []}
    # A delivery of one's own under another's webhook, and the other way round
    mine, _ = endpoints.create(cast.other_account, {"url": URL}, by="c")
    assert stranger("GET", f"{PATH}/{mine.pk}/deliveries/{letter.pk}").status_code == 404
    done = stranger("POST", f"{PATH}/{mine.pk}/replay", {"ids": [str(letter.pk)]})
    assert done.json() == {"queued": 0}
    row.refresh_from_db()
    assert row.state == EndpointState.ENABLED and row.deleted_at is None
