"""Immutable versions: publishing a draft, or freezing it at the moment it is sent."""

import hashlib

import orjson
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from config.errors import PostinoError, Refusal
from transactional.compose import render
from transactional.compose.document import checks
from transactional.models import Email, EmailVersion, Kind, SubscriptionType
from transactional.models.email import CONTENT_FIELDS

UNSUBSCRIBE = "unsubscribe_link"
PROBLEMS_TOLD = 3  # in one sentence


def digest(email: Email) -> bytes:
    """A hash of the draft's content: an equal draft reuses its version."""
    content = {name: getattr(email, name) for name in CONTENT_FIELDS}
    if content["subscription_type_id"] is None:
        del content["subscription_type_id"]  # as in versions made before there were types
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()


def snapshot(email: Email, *, by: str) -> EmailVersion:
    """The draft as an immutable version. Raises PostinoError if it does not compile."""
    render.compiled(email)
    _check_kind(email)
    if email.kind == Kind.MARKETING and email.subscription_type_id is None:
        email.subscription_type = SubscriptionType.objects.default(email.account_id)
        email.save(update_fields=["subscription_type"])
    fingerprint = digest(email)
    with transaction.atomic():
        # The email's row serialises two snapshots of one draft
        Email.objects.of(email.account_id).select_for_update().get(pk=email.pk)
        found = EmailVersion.objects.filter(email=email, digest=fingerprint).first()
        if found is not None:
            return found
        last = EmailVersion.objects.filter(email=email).aggregate(Max("number"))["number__max"]
        return EmailVersion.objects.create(
            email=email,
            number=(last or 0) + 1,
            digest=fingerprint,
            created_by=by,
            **{name: getattr(email, name) for name in CONTENT_FIELDS},
        )


def publish(email: Email, *, by: str) -> EmailVersion:
    """Make the draft live. Raises PostinoError: MISSING_CONTENT, CHECKS_FAILED, …"""
    if not (email.html.strip() or email.text.strip()) or not email.subject.strip():
        message = "Write a subject and a body before publishing."
        raise PostinoError(Refusal("MISSING_CONTENT", message))
    if not email.from_address:
        message = "Choose the address this email comes from."
        raise PostinoError(Refusal("INVALID_FROM_ADDRESS", message, pointer="from_address"))
    _check_document(email)
    version = snapshot(email, by=by)
    email.published = version
    email.updated_at = timezone.now()
    email.updated_by = by
    email.save(update_fields=["published", "updated_at", "updated_by"])
    return version


def _check_document(email: Email) -> None:
    """A block email is published only without problems that stop it."""
    problems = checks.stopping(email)
    if problems:
        message = " ".join(one.message for one in problems[:PROBLEMS_TOLD])
        raise PostinoError(Refusal("CHECKS_FAILED", message, pointer=problems[0].block or ""))


def _check_kind(email: Email) -> None:
    """Marketing mail carries its way out, wherever it is sent from."""
    if email.kind != Kind.MARKETING:
        return
    used = render.compiled(email).paths
    parts = [part for part in (email.html, email.text) if part.strip()]
    if UNSUBSCRIBE not in used or not all(UNSUBSCRIBE in part for part in parts):
        raise PostinoError(
            Refusal(
                "MISSING_UNSUBSCRIBE_LINK",
                "Marketing email needs an unsubscribe link: put {{ unsubscribe_link }} into it.",
                pointer="html",
            )
        )
