"""Making, resetting and deleting credentials. A secret is returned once and kept nowhere."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from tokens import secrets
from tokens.models import Account, ApiKey, SmtpCredential

SCOPES = ("transactional-email", "marketing-email")
API_MADE_LIFETIME = timedelta(days=365)  # the contract: 12 months for tokens made by the API


def create_api_key(
    account: Account,
    *,
    name: str,
    scopes: Sequence[str],
    by: str,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new API key and its secret. Raises ValueError for a scope that does not exist."""
    unknown = set(scopes) - set(SCOPES)
    if unknown:
        raise ValueError(f"no such scope: {', '.join(sorted(unknown))}")
    prefix, key = secrets.mint_api_key()
    row = ApiKey.objects.create(
        account=account,
        name=name,
        prefix=prefix,
        secret_hash=secrets.hashed(key),
        scopes=sorted(set(scopes)),
        created_by=by,
        expires_at=expires_at,
    )
    return row, key


def create_smtp(
    account: Account,
    *,
    campaign_name: str,
    create_contact: bool,
    by: str,
    made_by_api: bool = False,
) -> tuple[SmtpCredential, str]:
    """A new SMTP token and its password. One made by the API ends after twelve months."""
    username, password = secrets.mint_smtp(account.pk)
    row = SmtpCredential.objects.create(
        account=account,
        username=username,
        secret_hash=secrets.hashed(password),
        campaign_name=campaign_name,
        create_contact=create_contact,
        created_by=by,
        expires_at=timezone.now() + API_MADE_LIFETIME if made_by_api else None,
    )
    return row, password


def reset_smtp_password(credential: SmtpCredential) -> str:
    """A new password; the old one is refused from now on."""
    password = secrets.mint_password()
    credential.secret_hash = secrets.hashed(password)
    credential.save(update_fields=["secret_hash"])
    return password


def delete(credential: ApiKey | SmtpCredential) -> None:
    """End a credential. Its row stays, so that its numbers and its name in the log do too."""
    credential.deleted_at = timezone.now()
    credential.save(update_fields=["deleted_at"])
