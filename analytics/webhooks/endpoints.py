"""What people do with webhook endpoints: make, change, rotate, pause, resume, test, delete.

A secret is returned once, by the call that makes it, and is stored encrypted.
"""

import ipaddress
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from analytics.models import DeliveryState, EndpointState, WebhookDelivery, WebhookEndpoint
from analytics.webhooks import schedule, signature
from analytics.webhooks.payload import TYPES
from config import fetch
from config.addresses import Network
from config.errors import PostinoError, Refusal
from config.ids import uuid7, uuid7_floor
from domains import dns
from domains.models import Domain
from tokens import audit
from tokens.models import Account, ApiKey, SmtpCredential
from transactional.models import Stream

MOST = 20  # endpoints of an account
OVERLAP_HOURS = 24  # how long the secret of before still signs, unless asked otherwise
OVERLAP_MOST = 168
# Events of before an endpoint was switched off that may not have been read by then: a replay begins so
# much earlier, and sends nothing twice
UNREAD = timedelta(hours=1)
LONG = timedelta(minutes=10)  # of failures: a restart of a receiver is over by then
LONGEST_URL = 2000  # the width of its column
TESTS_WAITING = 20  # tests of an endpoint that may wait at once: nobody makes us send a flood


def create(
    account: Account | int, given: Mapping[str, Any], *, by: str
) -> tuple[WebhookEndpoint, str]:
    """A new endpoint and its secret. `given`: url, and any of description, types, stream, domain,
    credential. Raises PostinoError with the field at fault.
    """
    account_id = account if isinstance(account, int) else account.pk
    values = _checked(account_id, {"url": "", **given})
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account_id)  # the limit holds for two at once
        if alive(account_id).count() >= MOST:
            raise _refusal("TOO_MANY_WEBHOOKS", f"An account may have {MOST} webhooks.", http=409)
        row = WebhookEndpoint.objects.create(
            account_id=account_id, created_by=by[:254], since_xid=_present(), **values
        )
        secret = signature.mint()
        row.secret = row.seal(secret)
        row.save(update_fields=["secret"])
        _note(row, "created", by)
    return row, secret


def change(row: WebhookEndpoint, given: Mapping[str, Any], *, by: str) -> None:
    """Change what is named. Raises PostinoError with the field at fault."""
    values = _checked(row.account_id, given)
    changed = sorted(name for name, value in values.items() if getattr(row, name) != value)
    if not changed:
        return
    for name in changed:
        setattr(row, name, values[name])
    with transaction.atomic():
        row.save(update_fields=changed)
        _note(row, "changed", by, changed=", ".join(n.removesuffix("_id") for n in changed))


def rotate(row: WebhookEndpoint, *, hours: int = OVERLAP_HOURS, by: str) -> str:
    """A new secret; the one of before signs beside it for `hours` more, 0: not at all."""
    if not 0 <= hours <= OVERLAP_MOST:
        words = f"The old secret may go on for 0 to {OVERLAP_MOST} hours."
        raise _refusal("INVALID_OVERLAP", words, pointer="overlapHours")
    secret = signature.mint()
    with transaction.atomic():
        held = WebhookEndpoint.objects.select_for_update().get(pk=row.pk)
        row.old_secret = held.secret if hours else b""
        row.old_secret_until = timezone.now() + timedelta(hours=hours) if hours else None
        row.secret = row.seal(secret)
        row.save(update_fields=["secret", "old_secret", "old_secret_until"])
        _note(row, "rotated", by, hours=hours)
    return secret


def pause(row: WebhookEndpoint, *, by: str) -> None:
    """Post nothing to it; its events are collected and wait."""
    with transaction.atomic():
        moved = WebhookEndpoint.objects.filter(pk=row.pk, state=EndpointState.ENABLED).update(
            state=EndpointState.PAUSED, stopped_at=timezone.now()
        )
        if moved:
            _note(row, "paused", by)
    row.refresh_from_db()


def resume(row: WebhookEndpoint, *, missed: bool = True, by: str) -> None:
    """Post to it again, what waits first. `missed`: also what happened while it was switched off."""
    with transaction.atomic():
        held = WebhookEndpoint.objects.select_for_update().get(pk=row.pk)
        if held.state == EndpointState.ENABLED:
            return
        values: dict[str, Any] = {
            "state": EndpointState.ENABLED, "stopped_at": None, "told_at": None, "failures": 0,
            "failing_since": None, "probes": 0, "probe_at": None,
        }  # fmt: skip
        now = timezone.now()
        if held.state != EndpointState.PAUSED:  # a paused one's events were collected
            values["since_xid"] = _present()
            if missed and held.stopped_at is not None:
                since = max(held.stopped_at - UNREAD, now - timedelta(days=settings.WEBHOOK_DAYS))
                values |= window(since, now) | {"replay_all": False}
        WebhookEndpoint.objects.filter(pk=row.pk).update(**values)
        WebhookDelivery.objects.of(row.account_id).filter(
            endpoint_id=row.pk, state=DeliveryState.WAITING, lease=None
        ).update(due_at=now)
        _note(row, "resumed", by)
    row.refresh_from_db()


def delete(row: WebhookEndpoint, *, by: str) -> None:
    """Nothing is posted to it any more; its secrets go now, its deliveries soon."""
    with transaction.atomic():
        gone = WebhookEndpoint.objects.filter(pk=row.pk, deleted_at=None).update(
            deleted_at=timezone.now(), secret=b"", old_secret=b"", old_secret_until=None
        )
        if gone:
            _note(row, "deleted", by)


def test(row: WebhookEndpoint, kind: str, *, by: str) -> WebhookDelivery:
    """Post an example of an event type, marked as a test, the way real ones are. Raises PostinoError."""
    if kind not in TYPES:
        words = f"Choose one of {', '.join(TYPES)}."
        raise _refusal("UNKNOWN_EVENT_TYPE", words, pointer="type")
    running(row)
    mine = WebhookDelivery.objects.of(row.account_id).filter(endpoint_id=row.pk)
    if (
        mine.filter(state=DeliveryState.WAITING, sample=True)[:TESTS_WAITING].count()
        >= TESTS_WAITING
    ):
        words = "Enough tests are on their way: wait until they have arrived."
        raise _refusal("TOO_MANY_TESTS", words, http=429)
    made: WebhookDelivery = WebhookDelivery.objects.create(
        id=uuid7(), account_id=row.account_id, endpoint_id=row.pk, event_id=uuid7(), type=kind,
        sample=True, due_at=timezone.now(),
    )  # fmt: skip
    _note(row, "tested", by)
    return made


def running(row: WebhookEndpoint) -> None:
    """Raises PostinoError, WEBHOOK_STOPPED, where nothing would be posted to it."""
    if row.state != EndpointState.ENABLED:
        words = "This webhook is paused or switched off: resume it first."
        raise _refusal("WEBHOOK_STOPPED", words, http=409)


def alive(account: Account | int) -> Any:
    """The account's endpoints that were not deleted."""
    return WebhookEndpoint.objects.of(account).filter(deleted_at=None)


def fails(row: WebhookEndpoint) -> bool:
    """Whether somebody should look: only probes go out, or nothing was taken for a while."""
    since = row.failing_since
    long = since is not None and since < timezone.now() - LONG
    return row.state == EndpointState.ENABLED and (schedule.is_open(row.failures) or long)


def give_up() -> list[int]:
    """Switch off what took nothing for days though it was asked; their ids."""
    now, patience = timezone.now(), schedule.GIVEN_UP * settings.RETRY_SCALE
    rows = WebhookEndpoint.objects.filter(
        state=EndpointState.ENABLED, deleted_at=None,
        failing_since__lt=now - patience, last_failed_at__gt=now - patience / 2,
    )  # fmt: skip
    found = []
    for row in rows[:100]:
        with transaction.atomic():
            moved = rows.filter(pk=row.pk).update(
                state=EndpointState.DISABLED, stopped_at=now, told_at=None
            )
            if moved:
                _note(row, "disabled", audit.SYSTEM)
                found.append(row.pk)
    return found


def window(since: datetime, until: datetime) -> dict[str, uuid.UUID]:
    """A range of time as the bounds of a replay."""
    return {"replay_from": uuid7_floor(since), "replay_until": uuid7_floor(until)}


def _present() -> int:
    """The first transaction that may not have ended yet: from it on, events are told."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        return int(cursor.fetchone()[0])


def _checked(account_id: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, checked, as the model's fields. Raises PostinoError."""
    values: dict[str, Any] = {}
    if "url" in given:
        values["url"] = check_url(given["url"])
    if "description" in given:
        values["description"] = _line(given["description"], "description", 200)
    if "types" in given:
        values["types"] = _types(given["types"])
    if "stream" in given:
        values["stream_id"] = _stream(account_id, given["stream"])
    if "domain" in given:
        values["domain"] = _domain(account_id, given["domain"])
    if "credential" in given:
        values["credential"] = _credential(account_id, given["credential"])
    return values


def check_url(text: Any) -> str:
    """The URL, if events may be posted there now. Raises PostinoError, INVALID_URL.

    Letters beyond ASCII are encoded as they are sent: the host by IDNA, path and query by percent.
    The name is resolved and judged here so that a mistake is told at once; what counts is that it
    is again at every connect.
    """
    url = _line(text, "url", LONGEST_URL)
    try:
        url = fetch.as_uri(url)
        _, host, _, _ = fetch.parts(url, frozenset(settings.WEBHOOK_PORTS))
        known = [host] if fetch.is_address(host) else dns.run(dns.addresses(host)).records
        fetch.judged(host, known, _nets())
    except (fetch.FetchRefused, fetch.FetchFailed) as err:
        raise _refusal("INVALID_URL", f"This URL cannot be used: {err}", pointer="url") from err
    url = url.partition("#")[0]
    if len(url) > LONGEST_URL:
        words = f"This URL is longer than {LONGEST_URL} characters once it is encoded."
        raise _refusal("INVALID_URL", words, pointer="url")
    return url


def _nets() -> list[Network]:
    return [ipaddress.ip_network(net) for net in settings.WEBHOOK_PRIVATE_NETS]


def _line(value: Any, name: str, most: int) -> str:
    if not isinstance(value, str) or len(value.strip()) > most or not value.strip().isprintable():
        words = f"{name} is one line of at most {most} characters."
        raise _refusal("INVALID_VALUE", words, pointer=name)
    return value.strip()


def _types(value: Any) -> list[str]:
    if (
        not isinstance(value, Sequence)
        or isinstance(value, str)
        or not set(map(str, value)) <= set(TYPES)
    ):
        words = f"types is a list of some of {', '.join(TYPES)}; empty: all of them."
        raise _refusal("UNKNOWN_EVENT_TYPE", words, pointer="types")
    return [kind for kind in TYPES if kind in value]


def _stream(account_id: int, value: Any) -> int | None:
    if value in (None, ""):
        return None
    text = str(value)
    plain = text.isascii() and text.isdigit() and len(text) < 19
    if not plain or not Stream.objects.of(account_id).filter(pk=int(text)).exists():
        raise _refusal("UNKNOWN_STREAM", "There is no such stream.", pointer="stream")
    return int(text)


def _domain(account_id: int, value: Any) -> str:
    name = _line(value if value is not None else "", "domain", 253).lower()
    if name and not Domain.objects.of(account_id).filter(name=name).exists():
        raise _refusal("UNKNOWN_DOMAIN", "This domain is not connected.", pointer="domain")
    return name


def _credential(account_id: int, value: Any) -> str:
    label = _line(value if value is not None else "", "credential", 64)
    kind, _, number = label.partition(":")
    tables: Mapping[str, Any] = {"api": ApiKey, "smtp": SmtpCredential}
    if not label:
        return ""
    plain = number.isascii() and number.isdigit() and len(number) < 19
    known = kind in tables and plain
    if not known or not tables[kind].objects.of(account_id).filter(pk=int(number)).exists():
        words = "There is no such API key or SMTP token; name it like api:7 or smtp:3."
        raise _refusal("UNKNOWN_CREDENTIAL", words, pointer="credential")
    return label


def _note(row: WebhookEndpoint, what: str, by: str, **data: Any) -> None:
    host = row.url.split("/")[2] if row.url.count("/") >= 2 else row.url
    audit.record(
        row.account_id, f"webhook.{what}", by=by, target=f"webhook:{row.pk}",
        name=row.description or host, data=data,
    )  # fmt: skip


def _refusal(code: str, words: str, *, http: int = 400, pointer: str = "") -> PostinoError:
    return PostinoError(Refusal(code, words, http=http, pointer=pointer))
