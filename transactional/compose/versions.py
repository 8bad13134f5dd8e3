"""Immutable versions: publishing a draft, or freezing it at the moment it is sent."""

import hashlib

import orjson
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from config.errors import PostinoError, Refusal
from tokens import audit
from tokens.models import Account
from transactional.compose import render
from transactional.compose.document import checks
from transactional.compose.hubl.context import UNSUBSCRIBE_PATHS
from transactional.models import Email, EmailVersion, Kind, RollOut, SubscriptionType
from transactional.models.email import CONTENT_FIELDS
from transactional.models.publishing import UNDER_WAY
from transactional.wire.text import html_to_text

# Added later than the first versions: left out of a digest while empty, so that those still count
LATER_FIELDS = frozenset({"subscription_type_id", "language", "lifetime", "contract"})
ENDING = 600  # characters of the text in which a footer is looked for
PROBLEMS_TOLD = 3  # in one sentence


def digest(email: Email) -> bytes:
    """A hash of the draft's content: an equal draft reuses its version."""
    content = {name: getattr(email, name) for name in CONTENT_FIELDS}
    # What earlier versions did not have counts only where it says something
    content = {key: value for key, value in content.items() if value or key not in LATER_FIELDS}
    if email.document is not None:
        content["document"] = email.document
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
            document=email.document,
            **{name: getattr(email, name) for name in CONTENT_FIELDS},
        )


def publish(email: Email, *, by: str, note: str = "") -> EmailVersion:
    """Make the draft live. Raises PostinoError: MISSING_CONTENT, CHECKS_FAILED, …; APPROVAL_REQUIRED
    where the account wants a second pair of eyes (`approvals` is the way then).
    """
    if needs_approval(email.account_id):
        message = "This account publishes only what has been approved: ask for approval."
        raise PostinoError(Refusal("APPROVAL_REQUIRED", message, http=403))
    check_free(email)
    version = ready(email, by=by)
    go_live(email, version, by=by, note=note)
    return version


def check_free(email: Email) -> None:
    """Nothing else is on its way to readers. Raises PostinoError ROLLOUT_UNDER_WAY."""
    if RollOut.objects.of(email.account_id).filter(email=email, state__in=UNDER_WAY).exists():
        message = "Another version is being rolled out: finish it or roll it back first."
        raise PostinoError(Refusal("ROLLOUT_UNDER_WAY", message, http=409))


def needs_approval(account_id: int) -> bool:
    """Whether publishing takes somebody else's approval in this account."""
    return Account.objects.filter(pk=account_id).exclude(approvers="").exists()


def ready(email: Email, *, by: str) -> EmailVersion:
    """The draft as a version that may go live. Raises PostinoError as `publish` does."""
    if not (email.html.strip() or email.text.strip()) or not email.subject.strip():
        message = "Write a subject and a body before publishing."
        raise PostinoError(Refusal("MISSING_CONTENT", message))
    if not email.from_address:
        message = "Choose the address this email comes from."
        raise PostinoError(Refusal("INVALID_FROM_ADDRESS", message, pointer="from_address"))
    _check_document(email)
    _check_kind(email)
    check_address(email)
    return snapshot(email, by=by)


@transaction.atomic
def go_live(email: Email, version: EmailVersion, *, by: str, note: str = "") -> None:
    """Make a version what is sent. Only after `ready`, an approval or a roll-out of it."""
    now = timezone.now()
    version.published_at, version.published_by = now, by
    if note:
        version.note = note[:500]
    version.save(update_fields=["published_at", "published_by", "note"])
    email.published = version
    email.updated_at = now
    email.updated_by = by
    email.save(update_fields=["published", "updated_at", "updated_by"])
    record(email, "email.published", by=by, version=version.number, note=note[:500])


def record(email: Email, what: str, *, by: str, **data: object) -> None:
    """Write an act on an email into the account's audit log."""
    target = f"email:{email.pk}"
    audit.record(email.account_id, what, by=by, target=target, name=email.name, data=data)


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
    used = render.compiled(email).paths & UNSUBSCRIBE_PATHS
    parts = [part for part in (email.html, email.text) if part.strip()]
    if not used or not all(any(name in part for name in used) for part in parts):
        raise PostinoError(
            Refusal(
                "MISSING_UNSUBSCRIBE_LINK",
                "Marketing email needs an unsubscribe link: put {{ unsubscribe_link }} into it.",
                pointer="html",
            )
        )


def check_address(email: Email) -> None:
    """Marketing mail that people or programs send says where its sender is.

    A block email's footer is looked at by its own checks. Raises PostinoError.
    """
    if email.kind != Kind.MARKETING or email.document is not None:
        return
    parts = [part for part in (email.html, email.text) if part.strip()]
    if not any(_has_address(part) for part in parts):
        message = "Marketing email needs your postal address at its end."
        raise PostinoError(Refusal("MISSING_POSTAL_ADDRESS", message, pointer="html"))


def _has_address(source: str) -> bool:
    """Whether the end of an email may hold a postal address: a number, or the account's own."""
    words = html_to_text(source) if "<" in source else source
    ending = words[-ENDING:]
    return "site_settings.company" in source or any(letter.isdigit() for letter in ending)
