"""The one writer of named sample data, and what a preview is filled with: a set, a contact, a message."""

import uuid
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from config.errors import PostinoError, Refusal
from transactional.compose.contract import schema, secret
from transactional.models import Body, Contact, Email, Message, SampleSet

MOST = 30  # sets of one email: each is rendered by the checks
MANY = 20  # entries that a list is filled up to
FIELDS = 300  # leaves offered as fields
NEWEST = 1000  # of the account's messages: where an email's own are looked for
RECENT = 10


@dataclass(frozen=True, slots=True)
class Past:
    """A message of this email, to choose from."""

    id: uuid.UUID
    subject: str
    at: datetime


def listed(email: Email) -> list[SampleSet]:
    """The email's sets by name."""
    return list(SampleSet.objects.of(email.account_id).filter(email=email).order_by("name")[:MOST])


def create(email: Email, *, name: str, data: dict[str, Any], by: str) -> SampleSet:
    """A new set. Raises PostinoError for its name or their number."""
    name = _named(name)
    if SampleSet.objects.of(email.account_id).filter(email=email).count() >= MOST:
        words = _("There are %(count)s sets of sample data: delete some first.")
        raise _refused(words % {"count": MOST})
    row = SampleSet(account_id=email.account_id, email=email, name=name, data=data)
    return _saved(row, by=by)


def save(row: SampleSet, *, name: str, data: dict[str, Any], by: str) -> SampleSet:
    """Rename it, and keep other data. Raises PostinoError where the name is taken."""
    row.name, row.data = _named(name), data
    return _saved(row, by=by)


def _saved(row: SampleSet, *, by: str) -> SampleSet:
    row.updated_at, row.updated_by = timezone.now(), by
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as err:
        words = _("“%(name)s” is taken: choose another name.") % {"name": row.name}
        raise _refused(words, http=409) from err
    return row


def _named(name: str) -> str:
    name = "".join(c for c in name if c.isprintable()).strip()
    if not name or len(name) > 100:
        raise _refused(_("Give it a name of at most 100 characters."))
    return name


def _refused(message: str, *, http: int = 422) -> PostinoError:
    return PostinoError(Refusal("SAMPLE_SET", message, http=http, pointer="name"))


# ——— data made from other data ———


def emptied(data: Any) -> Any:
    """The data with every list empty: a cart with nothing in it."""
    if isinstance(data, dict):
        return {key: emptied(value) for key, value in data.items()}
    return [] if isinstance(data, list) else data


def multiplied(data: Any, count: int = MANY) -> Any:
    """The data with every list repeated up to `count` entries; an empty one stays."""
    if isinstance(data, dict):
        return {key: multiplied(value, count) for key, value in data.items()}
    if isinstance(data, list) and data:
        return [deepcopy(data[at % len(data)]) for at in range(max(count, len(data)))]
    return data


def leaves(data: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """(JSON pointer, plain value) of every leaf, FIELDS at most."""
    found: list[tuple[str, Any]] = []
    for pointer, value in _leaves("", data):
        found.append((pointer, value))
        if len(found) == FIELDS:
            break
    return found


def _leaves(at: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{at}/{key.replace('~', '~0').replace('/', '~1')}", inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(f"{at}/{number}", inner)
    else:
        yield at, value


def with_texts(data: dict[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """The data with leaves as they were typed: numbers stay numbers where they still are some."""
    made = deepcopy(data)
    for pointer, before in leaves(data):
        text = texts.get(pointer)
        if text is not None and text != shown(before):
            _put(made, pointer, _typed(text, before))
    return made


def shown(value: Any) -> str:
    """A leaf as a field shows it."""
    return (
        "" if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()
    )


def _typed(text: str, before: Any) -> Any:
    if isinstance(before, str):
        return text
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return text if isinstance(value, dict | list) else value


def _put(data: Any, pointer: str, value: Any) -> None:
    *above, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    for part in above:
        data = data[int(part)] if isinstance(data, list) else data[part]
    if isinstance(data, list):
        data[int(last)] = value
    else:
        data[last] = value


# ——— people and messages ———


def of_contact(email: Email, address: str) -> dict[str, Any] | None:
    """The sample data with a contact's own properties; None: there is no such contact."""
    known = Contact.objects.of(email.account_id).filter(email=address.strip().lower()).first()
    if known is None:
        return None
    return {**email.sample, "contact": {**known.properties, "email": known.email}}


def recent(email: Email) -> list[Past]:
    """The last messages of this email, as far as they are among the account's newest."""
    rows = Message.objects.of(email.account_id).filter(refusal="").order_by("-pk")
    found = rows.values_list("pk", "campaign_id", "subject", "created_at")[:NEWEST]
    own = [
        Past(pk, subject, at)
        for pk, campaign, subject, at in found
        if campaign == email.campaign_id
    ]
    return own[:RECENT]


def of_message(email: Email, message_id: uuid.UUID) -> dict[str, Any] | None:
    """The data that a message of this email was sent with, secrets masked; None: there is none."""
    rows = Message.objects.of(email.account_id).filter(pk=message_id, campaign_id=email.campaign_id)
    message = rows.select_related("version").first()
    body = Body.objects.filter(pk=message.pk).first() if message is not None else None
    if message is None or body is None or body.context is None:
        return None
    context = orjson.loads(bytes(body.context))
    contract = schema.parse(message.version.contract) if message.version is not None else None
    custom = secret.masked(contract, context.get("custom") or {})
    return {"contact": context.get("contact") or {}, "custom": custom}
