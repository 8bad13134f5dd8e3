"""The pages of webhooks: made, changed, tried out, sent again, deleted; roles, strangers, hostile text."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from analytics.models import DeliveryState, EndpointState, WebhookDelivery, WebhookEndpoint
from analytics.views.webhooks import failing_webhooks
from analytics.webhooks import endpoints
from config.attention import Level
from config.ids import uuid7
from tests.analytics.api.test_webhooks import URL, waiting
from tests.cast import Cast, make_user
from tests.dns_server import DnsServer
from tokens.models import Role, User
from transactional.models import Event

SignedIn = Callable[[User], Client]
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(autouse=True)
def _names(dns_server: DnsServer) -> None:
    dns_server.publish("hook.example", "A", "8.8.8.8")


@pytest.fixture
def hook(cast: Cast) -> WebhookEndpoint:
    return endpoints.create(cast.account, {"url": URL, "description": "Shop"}, by="a")[0]


@pytest.fixture
def alice(cast: Cast, signed_in: SignedIn) -> Client:
    return signed_in(cast.alice)


def base(cast: Cast, row: WebhookEndpoint | None = None, act: str = "") -> str:
    return f"/a/{cast.account.pk}/webhooks/" + (f"{row.pk}/{act}" if row else "")


def test_made_with_its_secret_shown_once(cast: Cast, alice: Client) -> None:
    assert "No webhook yet" in alice.get(base(cast)).content.decode()
    answer = alice.post(
        f"{base(cast)}new/", {"url": URL, "types": ["bounced"], "domain": "shop.example"}
    )
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    (secret,) = re.findall(r"whsec_[\w+/=]{40,}", answer.content.decode())
    (row,) = WebhookEndpoint.objects.of(cast.account)
    assert (row.types, row.domain, row.created_by) == (
        ["bounced"],
        "shop.example",
        cast.alice.email,
    )
    for act in ("", "edit/", "rotate/", "delete/"):
        page = alice.get(base(cast, row, act))
        assert page.status_code == 200
        assert secret not in page.content.decode()
    assert "hook.example" in alice.get(base(cast)).content.decode()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1/", "public address"),
        ("https://u:p@hook.example/", "public address"),
        ("https://hook.example:5432/", "public address"),
        ("https://nowhere.example/", "public address"),
        ("", "required"),
    ],
)
def test_a_wrong_url_keeps_what_was_typed(cast: Cast, alice: Client, url: str, said: str) -> None:
    answer = alice.post(f"{base(cast)}new/", {"url": url, "description": "My shop"})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert said in text and "My shop" in text
    assert not WebhookEndpoint.objects.exists()


def test_changed(cast: Cast, alice: Client, hook: WebhookEndpoint) -> None:
    answer = alice.post(
        base(cast, hook, "edit/"), {"url": URL, "description": "CRM", "types": ["opened"]}
    )
    assert answer.status_code == 302
    hook.refresh_from_db()
    assert (hook.description, hook.types) == ("CRM", ["opened"])
    assert (
        alice.post(base(cast, hook, "edit/"), {"url": URL, "types": ["nonesuch"]}).status_code
        == 422
    )


def test_paused_resumed_rotated_tested(cast: Cast, alice: Client, hook: WebhookEndpoint) -> None:
    alice.post(base(cast, hook, "pause/"))
    hook.refresh_from_db()
    assert hook.state == EndpointState.PAUSED
    page = alice.get(base(cast, hook)).content.decode()
    assert "It is paused" in page and "Send a test event</button>" not in page
    assert (
        "resume it first"
        in alice.post(base(cast, hook, "test/"), {"type": "opened"}, follow=True).content.decode()
    )
    alice.post(base(cast, hook, "resume/"))
    answer = alice.post(base(cast, hook, "test/"), {"type": "opened"})
    delivery = WebhookDelivery.objects.of(cast.account).get()
    assert answer.headers["Location"] == base(cast, hook, f"deliveries/{delivery.pk}/")
    page = alice.get(answer.headers["Location"]).content.decode()
    assert "message.opened" in page and "every 1s" in page
    delivery.state, delivery.outcome, delivery.status = DeliveryState.DELIVERED, "ok", 204
    delivery.save()
    part = alice.get(answer.headers["Location"], headers={"HX-Request": "true"})
    assert part.status_code == 286 and "Taken (204)" in part.content.decode()
    rotated = alice.post(base(cast, hook, "rotate/"), {"hours": "24"})
    assert rotated.status_code == 201 and "signs beside it until" in rotated.content.decode()
    hook.refresh_from_db()
    assert hook.old_secret_until is not None


def test_a_delivery_shows_what_is_posted(cast: Cast, alice: Client, hook: WebhookEndpoint) -> None:
    event = Event.objects.create(
        account=cast.account, message_id=uuid7(), type="bounced", at=timezone.now(), data={"response": EVIL}
    )  # fmt: skip
    row = waiting(hook, DeliveryState.DEAD)
    WebhookDelivery.objects.of(cast.account).filter(pk=row.pk).update(event_id=event.pk)
    page = alice.get(base(cast, hook, f"deliveries/{row.pk}/")).content.decode()
    assert "message.bounced" in page and "It answered with an error (500)" in page
    assert EVIL not in page and "&lt;img src=x" in page
    foreign = Event.objects.create(
        account=cast.other_account, message_id=uuid7(), type="bounced", at=timezone.now(), data={"response": "theirs"}
    )  # fmt: skip
    WebhookDelivery.objects.of(cast.account).filter(pk=row.pk).update(event_id=foreign.pk)
    page = alice.get(base(cast, hook, f"deliveries/{row.pk}/")).content.decode()
    assert "theirs" not in page and "not kept any more" in page


def test_dead_letters_page_by_page_and_sent_again(
    cast: Cast, alice: Client, hook: WebhookEndpoint
) -> None:
    rows = [waiting(hook, DeliveryState.DEAD) for _ in range(30)]
    first = alice.get(base(cast, hook) + "?state=dead").content.decode()
    assert first.count('name="id"') == 25
    (older,) = re.findall(r'rel="next" href="([^"]+)"', first)
    rest = alice.get(base(cast, hook) + older.replace("&amp;", "&")).content.decode()
    assert rest.count('name="id"') == 5
    ids = [str(row.pk) for row in rows[:3]]
    page = alice.post(base(cast, hook, "replay/"), {"id": [*ids, "nonsense"]}, follow=True)
    assert "3 events follow again" in page.content.decode()
    assert (
        "Tick the deliveries"
        in alice.post(base(cast, hook, "replay/"), {}, follow=True).content.decode()
    )
    since = timezone.localtime(timezone.now() - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    page = alice.post(
        base(cast, hook, "replay/"), {"since": since, "everything": "on"}, follow=True
    )
    assert "A replay is under way" in page.content.decode()
    for wrong in ("1999-01-01T00:00", "2999-01-01T00:00", "yesterday", ""):
        assert alice.post(base(cast, hook, "replay/"), {"since": wrong}).status_code == 422


def test_deleted_after_a_question(cast: Cast, alice: Client, hook: WebhookEndpoint) -> None:
    assert "Delete “Shop”?" in alice.get(base(cast, hook, "delete/")).content.decode()
    assert alice.post(base(cast, hook, "delete/")).status_code == 302
    hook.refresh_from_db()
    assert hook.deleted_at is not None and bytes(hook.secret) == b""
    assert alice.get(base(cast, hook)).status_code == 404


def test_what_fails_is_told_with_what_to_do(
    cast: Cast, alice: Client, hook: WebhookEndpoint
) -> None:
    hour = timezone.now() - timedelta(hours=1)
    rows = WebhookEndpoint.objects.of(cast.account).filter(pk=hook.pk)
    assert failing_webhooks(cast.account.pk) == []
    rows.update(failures=1, failing_since=timezone.now(), last_outcome="tls")
    assert failing_webhooks(cast.account.pk) == []  # it may be over in a minute
    assert "certificate is not valid" in alice.get(base(cast, hook)).content.decode()
    rows.update(failures=9, failing_since=hour, last_outcome="redirect", last_status=301)
    (item,) = failing_webhooks(cast.account.pk)
    assert (item.code, item.level, item.url) == ("WEBHOOK_FAILS", Level.WARN, base(cast, hook))
    assert "It redirects" in alice.get(base(cast, hook)).content.decode()
    rows.update(state=EndpointState.GONE, stopped_at=hour)
    (item,) = failing_webhooks(cast.account.pk)
    assert (item.code, item.level) == ("WEBHOOK_OFF", Level.BAD)
    assert "410 Gone" in alice.get(base(cast, hook)).content.decode()
    alice.post(base(cast, hook, "resume/"), {"missed": "on"})
    hook.refresh_from_db()
    assert hook.state == EndpointState.ENABLED and hook.replay_from is not None
    assert failing_webhooks(cast.other_account.pk) == []


def test_hostile_text_is_only_text(cast: Cast, alice: Client, hook: WebhookEndpoint) -> None:
    row = waiting(hook, DeliveryState.DEAD)
    rows = WebhookEndpoint.objects.of(cast.account)
    rows.update(description=EVIL, url=f"https://hook.example/{EVIL}", domain=EVIL, created_by=EVIL,
                last_outcome=EVIL[:12], failures=9, failing_since=timezone.now())  # fmt: skip
    WebhookDelivery.objects.of(cast.account).update(outcome=EVIL[:12])
    for act in ("", "edit/", "rotate/", "delete/", f"deliveries/{row.pk}/"):
        assert "<img" not in alice.get(base(cast, hook, act)).content.decode()
    assert "<img" not in alice.get(base(cast)).content.decode()
    assert "<img" not in alice.get(f"/a/{cast.account.pk}/").content.decode()


GETS = ("", "edit/", "rotate/", "delete/", "deliveries/{delivery}/")
POSTS = ("edit/", "pause/", "resume/", "test/", "replay/", "rotate/", "delete/")


def test_strangers_get_404_and_roles_that_do_not_suffice_403(
    cast: Cast, signed_in: SignedIn, hook: WebhookEndpoint
) -> None:
    delivery = waiting(hook).pk
    mia = signed_in(make_user("mia@shop.example", cast.account, Role.MARKETER))
    devon = signed_in(make_user("devon@shop.example", cast.account, Role.DEVELOPER))
    charlie, bob = signed_in(cast.charlie), signed_in(cast.bob)
    theirs = f"/a/{cast.other_account.pk}/webhooks/{hook.pk}/"
    for act in GETS:
        path = act.format(delivery=delivery)
        assert charlie.get(base(cast, hook, path)).status_code == 404
        assert charlie.get(theirs + path).status_code == 404
        assert bob.get(base(cast, hook, path)).status_code == 403
        assert mia.get(base(cast, hook, path)).status_code == 403
        assert devon.get(base(cast, hook, path)).status_code == 200
        assert Client().get(base(cast, hook, path)).status_code == 302
    for act in POSTS:
        assert charlie.post(base(cast, hook, act)).status_code == 404
        assert charlie.post(theirs + act).status_code == 404
        assert bob.post(base(cast, hook, act)).status_code == 403
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(cast.alice)
        assert strict.post(base(cast, hook, act)).status_code == 403
    for path in ("", "new/"):
        assert bob.get(base(cast) + path).status_code == 403
        assert charlie.get(base(cast) + path).status_code == 404
    hook.refresh_from_db()
    assert (hook.state, hook.deleted_at) == (EndpointState.ENABLED, None)


def test_a_list_asks_the_same_queries_however_long(
    cast: Cast,
    alice: Client,
    hook: WebhookEndpoint,
    django_assert_max_num_queries: Callable[..., object],
) -> None:
    for _ in range(20):
        waiting(hook, DeliveryState.DEAD)
    with django_assert_max_num_queries(14):
        assert alice.get(base(cast, hook)).status_code == 200
