"""Who a request acts as: the one place where credentials become a Principal."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import orjson
from django.db import connection
from django.utils import timezone

from config import bulk
from config.errors import PostinoError, Refusal
from tokens import secrets


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts, for which account, with which rights. Carries no secret.

    `label` names the credential in the log (`api:7`, `smtp:3`, `user:1`); `create_contact` is an
    SMTP token's choice whether unknown recipients become contacts; `stamp` names the secret that
    was shown, so that an open session outlives neither a deletion nor a reset.
    """

    account_id: int
    kind: Literal["api", "smtp", "user"]
    credential_id: int
    name: str
    scopes: frozenset[str] = frozenset()
    create_contact: bool = True
    stamp: str = ""

    @property
    def label(self) -> str:
        """The credential's name in the log."""
        return f"{self.kind}:{self.credential_id}"

    @property
    def is_authenticated(self) -> bool:
        """What Django REST framework asks of whoever made a request."""
        return True

    @property
    def grant(self) -> str:
        """What `still_alive` is asked about: the credential, and the secret it was opened with."""
        return f"{self.label}#{self.stamp}" if self.stamp else self.label


_DENIED = Refusal(
    "INVALID_AUTHENTICATION",
    "The credentials are not valid: check the user name and the secret, or make new ones.",
    http=401,
    smtp="535 5.7.8",
)
_EXPIRED = Refusal(
    "EXPIRED_AUTHENTICATION",
    "This credential has expired; make a new one.",
    http=401,
    smtp="535 5.7.8",
)
TOUCH_EVERY = timedelta(minutes=1)  # how exact `last used` is: a write per minute, not per request


@dataclass(frozen=True, slots=True)
class _Row:
    """What is stored of a credential. `right` is an API key's scopes, or a token's choice whether
    recipients become contacts.
    """

    table: str
    pk: int
    account_id: int
    name: str
    right: Any
    secret_hash: bytes
    last_used: float  # seconds since 1970, as is `expires`; 0 for never
    expires: float
    deleted: bool


# Plain SQL: this runs with every call, and building it anew would cost more than running it. One row of
# one shape whatever the name is: what there is to read would tell by the clock that it is known.
_COLUMNS = """coalesce(id, 0), coalesce(account_id, 0), coalesce({name}, ''), coalesce({right}, {none}),
coalesce(secret_hash, %s), coalesce(extract(epoch FROM last_used_at), 0)::float8,
coalesce(extract(epoch FROM expires_at)::float8, 'infinity'), deleted_at IS NOT NULL
FROM (SELECT 1) AS one LEFT JOIN"""
_API = _COLUMNS.format(name="name", right="scopes", none="'[]'")
_TOKEN = _COLUMNS.format(name="username", right="create_contact", none="false")
_API_KEY = f"SELECT {_API} tokens_apikey ON prefix = %s"
_SMTP = f"SELECT {_TOKEN} tokens_smtpcredential ON username = %s"


def _find(table: str, query: str, name: str) -> _Row | None:
    with connection.cursor() as cursor:
        cursor.execute(query, [secrets.NOBODY, name])
        row = _Row(table, *cursor.fetchone())
    return row if row.pk else None


FRESH = 0.9  # seconds that a key's row is kept: one that is deleted stops within a second
KEYS_KEPT = 10_000  # keys whose rows this process remembers
_keys: dict[str, tuple[float, _Row, Principal]] = {}


def authenticate_api_key(bearer: str) -> Principal:
    """The principal of an API key. Raises PostinoError: INVALID_AUTHENTICATION, EXPIRED_….

    An unknown key, a wrong secret and a deleted key take the same path and give the same answer.
    The secret is compared with every call; the row it is compared with may be FRESH seconds old.
    """
    prefix = secrets.prefix_of(bearer) or ""
    now = time.monotonic()
    kept = _keys.get(prefix)
    # A wrong secret goes the long way, as an unknown key does: the clock would tell that it is known
    if kept is not None and now - kept[0] < FRESH and secrets.matches(bearer, kept[1].secret_hash):
        _check(bearer, kept[1])
        return kept[2]
    row = _check(bearer, _find("tokens_apikey", _API_KEY, prefix))
    _touch(row)
    scopes = orjson.loads(row.right) if isinstance(row.right, str) else row.right
    principal = Principal(
        account_id=row.account_id,
        kind="api",
        credential_id=row.pk,
        name=row.name,
        scopes=frozenset(scopes),
    )
    if len(_keys) >= KEYS_KEPT:
        _keys.clear()
    _keys[prefix] = (now, row, principal)
    return principal


def forget() -> None:
    """Drop the rows that are kept: what was changed here counts here at once."""
    _keys.clear()


def authenticate_smtp(username: str, password: str) -> Principal:
    """The principal of an SMTP token. Raises PostinoError as `authenticate_api_key` does."""
    known = username.strip().lower()
    if not known.isascii() or "\0" in known:
        known = ""
    row = _check(password, _find("tokens_smtpcredential", _SMTP, known))
    _touch(row)
    return Principal(
        account_id=row.account_id,
        kind="smtp",
        credential_id=row.pk,
        name=row.name,
        create_contact=row.right,
        stamp=secrets.stamp(bytes(row.secret_hash)),
    )


def _check(secret: str, row: _Row | None) -> _Row:
    """The row, if the secret is its own and it still holds. Raises PostinoError."""
    stored = bytes(row.secret_hash) if row is not None else secrets.NOBODY
    right = secrets.matches(secret, stored)
    if row is None or not right or row.deleted:
        raise PostinoError(_DENIED)
    if row.expires <= time.time():
        raise PostinoError(_EXPIRED)
    return row


_touched: dict[str, float] = {}
TOUCHED_KEPT = 10_000  # credentials whose last touch this process remembers


def _touch(row: _Row) -> None:
    """Write `last used`, at most once a minute and never waiting for somebody else's lock."""
    now, moment = timezone.now(), time.monotonic()
    if now.timestamp() - row.last_used <= TOUCH_EVERY.total_seconds():
        return
    label = f"{row.table}:{row.pk}"
    if moment - _touched.get(label, -60.0) < 1:
        return  # parallel requests read the same old value; one of them writes
    if len(_touched) >= TOUCHED_KEPT:
        _touched.clear()
    _touched[label] = moment
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {row.table} SET last_used_at = %s WHERE id IN"  # noqa: S608 — our own name
            f" (SELECT id FROM {row.table} WHERE id = %s FOR UPDATE SKIP LOCKED)",
            [now, row.pk],
        )


_ALIVE = """
SELECT 'api:' || id AS label, '' AS stamp FROM tokens_apikey
WHERE id = ANY(%s::bigint[]) AND deleted_at IS NULL
  AND (expires_at IS NULL OR expires_at > %s::timestamptz)
UNION ALL
SELECT 'smtp:' || id, left(encode(sha256(secret_hash), 'hex'), 16) FROM tokens_smtpcredential
WHERE id = ANY(%s::bigint[]) AND deleted_at IS NULL
  AND (expires_at IS NULL OR expires_at > %s::timestamptz)
"""


def question(grants: Iterable[str]) -> bulk.Question:
    """What `still_alive` is given the answer to: those of the credentials that may act."""
    ids: dict[str, list[int]] = {"api": [], "smtp": []}
    for label in {grant.partition("#")[0] for grant in grants}:
        kind, _, number = label.partition(":")
        if kind in ids and number.isdigit():
            ids[kind].append(int(number))
    now = timezone.now()
    return _ALIVE, (ids["api"], now, ids["smtp"], now)


def still_alive(grants: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """Those of the grants that still hold.

    A deleted or expired credential is left out, and so is one whose secret was reset since.
    """
    stamps = {row["label"]: row["stamp"] for row in rows}
    found = set()
    for grant in grants:
        label = grant.partition("#")[0]
        if label in stamps and grant in (label, f"{label}#{stamps[label]}"):
            found.add(grant)
    return found
