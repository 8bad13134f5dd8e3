"""Who a request acts as: the one place where credentials become a Principal."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from django.utils import timezone

from config.errors import PostinoError, Refusal
from tokens import secrets
from tokens.models import ApiKey, SmtpCredential


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts, for which account, with which rights. Carries no secret.

    `label` names the credential in the log (`api:7`, `smtp:3`, `user:1`); `create_contact` is an
    SMTP token's choice whether unknown recipients become contacts.
    """

    account_id: int
    kind: Literal["api", "smtp", "user"]
    credential_id: int
    name: str
    scopes: frozenset[str] = frozenset()
    create_contact: bool = True

    @property
    def label(self) -> str:
        """The credential's name in the log."""
        return f"{self.kind}:{self.credential_id}"


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


def authenticate_api_key(bearer: str) -> Principal:
    """The principal of an API key. Raises PostinoError: INVALID_AUTHENTICATION, EXPIRED_….

    An unknown key, a wrong secret and a deleted key take the same path and give the same answer.
    """
    prefix = secrets.prefix_of(bearer) or ""
    row = ApiKey.objects.filter(prefix=prefix).first()
    _check(bearer, row)
    assert row is not None  # noqa: S101 — _check has refused None
    _touch(row)
    return Principal(
        account_id=row.account_id,
        kind="api",
        credential_id=row.pk,
        name=row.name,
        scopes=frozenset(row.scopes),
    )


def authenticate_smtp(username: str, password: str) -> Principal:
    """The principal of an SMTP token. Raises PostinoError as `authenticate_api_key` does."""
    known = username.strip().lower() if "\0" not in username else ""
    row = SmtpCredential.objects.filter(username=known).first()
    _check(password, row)
    assert row is not None  # noqa: S101 — _check has refused None
    _touch(row)
    return Principal(
        account_id=row.account_id,
        kind="smtp",
        credential_id=row.pk,
        name=row.username,
        create_contact=row.create_contact,
    )


def _check(secret: str, row: ApiKey | SmtpCredential | None) -> None:
    stored = bytes(row.secret_hash) if row is not None else secrets.NOBODY
    right = secrets.matches(secret, stored)
    if row is None or not right or row.deleted_at is not None:
        raise PostinoError(_DENIED)
    if row.expires_at is not None and row.expires_at <= timezone.now():
        raise PostinoError(_EXPIRED)


def _touch(row: ApiKey | SmtpCredential) -> None:
    now = timezone.now()
    if row.last_used_at is None or now - row.last_used_at > TOUCH_EVERY:
        type(row)._default_manager.filter(pk=row.pk).update(last_used_at=now)


def alive(labels: set[str]) -> set[str]:
    """Those of the labels (`api:7`, `smtp:3`) whose credential may still act: two queries at most."""
    found: set[str] = set()
    now = timezone.now()
    for kind, model in (("api", ApiKey), ("smtp", SmtpCredential)):
        ids = [int(label.partition(":")[2]) for label in labels if label.startswith(f"{kind}:")]
        if not ids:
            continue
        rows = model._default_manager.filter(pk__in=ids, deleted_at=None).values_list(
            "pk", "expires_at"
        )
        found |= {f"{kind}:{pk}" for pk, expires in rows if expires is None or expires > now}
    return found
