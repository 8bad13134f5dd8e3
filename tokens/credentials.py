"""Making, resetting and deleting credentials. A secret is returned once and kept nowhere."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from config.errors import PostinoError, Refusal
from tokens import auth, secrets
from tokens.models import Account, ApiKey, SmtpCredential

SCOPES = (
    "transactional-email",
    "marketing-email",
    "domains",
    "content",
    "publish",
    "contacts",
    "webhooks",
    "communication_preferences.read",
    "communication_preferences.write",
    "communication_preferences.read_write",
    "communication_preferences.statuses.batch.read",
    "communication_preferences.statuses.batch.write",
)
API_MADE_LIFETIME = timedelta(days=365)  # the contract: 12 months for tokens made by the API


def create_api_key(
    account: Account | int,
    *,
    name: str,
    scopes: Sequence[str],
    by: str,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new API key and its secret. Raises PostinoError, VALIDATION_ERROR with the field."""
    if not scopes or not set(scopes) <= set(SCOPES):
        raise _invalid("scopes", f"Choose one or more scopes of {', '.join(SCOPES)}.")
    if expires_at is not None and expires_at <= timezone.now():
        raise _invalid("expires_at", "The expiry lies in the past.")
    prefix, key = secrets.mint_api_key()
    row = ApiKey.objects.create(
        account_id=_id(account),
        name=_name(name, "name"),
        prefix=prefix,
        secret_hash=secrets.hashed(key),
        scopes=sorted(set(scopes)),
        created_by=by[:254],
        expires_at=expires_at,
    )
    return row, key


def create_smtp(
    account: Account | int,
    *,
    campaign_name: str,
    create_contact: bool,
    by: str,
    made_by_api: bool = False,
) -> tuple[SmtpCredential, str]:
    """A new SMTP token and its password. One made by the API ends after twelve months.

    The caller opens its campaign in the same transaction. Raises PostinoError, VALIDATION_ERROR.
    """
    username, password = secrets.mint_smtp(_id(account))
    row = SmtpCredential.objects.create(
        account_id=_id(account),
        username=username,
        secret_hash=secrets.hashed(password),
        campaign_name=_name(campaign_name, "campaignName"),
        create_contact=create_contact,
        created_by=by[:254],
        expires_at=timezone.now() + API_MADE_LIFETIME if made_by_api else None,
    )
    return row, password


def reset_smtp_password(credential: SmtpCredential) -> str:
    """A new password; the old one is refused from now on."""
    password = secrets.mint_password()
    credential.secret_hash = secrets.hashed(password)
    credential.save(update_fields=["secret_hash"])
    return password


def remove_expired() -> int:
    """End what has expired; returns how many credentials that were."""
    now = timezone.now()
    return sum(
        model._default_manager.filter(expires_at__lte=now, deleted_at=None).update(deleted_at=now)
        for model in (ApiKey, SmtpCredential)
    )


def _name(text: str, pointer: str) -> str:
    name = text.strip()
    if not name or len(name) > 200 or not name.isprintable():
        raise _invalid(pointer, "A name is 1 to 200 printable characters.")
    return name


def _invalid(pointer: str, message: str) -> PostinoError:
    return PostinoError(Refusal("VALIDATION_ERROR", message, pointer=pointer))


def delete(credential: ApiKey | SmtpCredential) -> None:
    """End a credential. Its row stays, so that its numbers and its name in the log do too."""
    credential.deleted_at = timezone.now()
    credential.save(update_fields=["deleted_at"])
    auth.forget()


def _id(account: Account | int) -> int:
    return account if isinstance(account, int) else account.pk
