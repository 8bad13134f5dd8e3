"""Bringing a version back as the draft, and making a new email out of one."""

from typing import Any

from django.db import transaction

from config.errors import PostinoError
from transactional.compose import drafts, versions
from transactional.compose.drafts import DraftFields
from transactional.models import Email, EmailVersion
from transactional.models.email import CONTENT_FIELDS


@transaction.atomic
def restore(email: Email, version: EmailVersion, *, by: str) -> Email:
    """Make a version's content the draft, its blocks too. What is live stays live.

    The draft as it stands is kept as a version first, unless it cannot be one (a broken template).
    """
    _keep(email, by=by)
    values: dict[str, Any] = {name: getattr(version, name) for name in CONTENT_FIELDS}
    values["document"] = version.document
    restored = drafts.overwrite(email, values, by=by)
    versions.record(email, "email.restored", by=by, version=version.number)
    return restored


def _keep(email: Email, *, by: str) -> None:
    try:
        with transaction.atomic():
            versions.snapshot(email, by=by)
    except PostinoError:
        return  # nobody could have sent it either


def clone(email: Email, *, name: str, by: str) -> Email:
    """A new email that begins as a copy of this one's draft; its numbers begin at nothing."""
    given = {
        key: getattr(email, key)
        for key in CONTENT_FIELDS
        if key not in {"subscription_type_id", "contract"}
    }
    fields = DraftFields(
        **given,
        name=name,
        folder=email.folder,
        tags=email.tags,
        sample=email.sample,
        contract=email.contract,
        document=email.document,
    )
    with transaction.atomic():
        copy = drafts.create(email.account, fields, by=by)
        if email.subscription_type_id is not None:
            copy.subscription_type_id = email.subscription_type_id
            copy.save(update_fields=["subscription_type"])
        versions.record(copy, "email.cloned", by=by, of=email.pk)
    return copy
