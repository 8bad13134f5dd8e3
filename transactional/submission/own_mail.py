"""The only place that writes mail of the platform's own: confirmations, reports. It goes through the
one door like everybody's, from an account that may send.
"""

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Case, When
from django.utils import timezone, translation

from config.errors import PostinoError, Refusal
from domains.models import Domain, DomainState
from tokens.auth import Principal
from tokens.models import Membership, Role
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, RawSubmission
from transactional.wire import header, mime
from transactional.wire.address import Address, AddressError, parse_address
from transactional.wire.mime import Attachment

logger = logging.getLogger(__name__)

NO_REPLY = "no-reply"
OWNERS = 20  # of an account, at most


@dataclass(frozen=True, slots=True)
class Sender:
    """Who the mail is from, and whose account it leaves by."""

    account_id: int
    address: Address


def sender(account_id: int | None = None) -> Sender:
    """PLATFORM_FROM where it is set; else an address on the account's first domain that is right.

    Raises PostinoError: NO_PLATFORM_SENDER.
    """
    if settings.PLATFORM_FROM:
        try:
            address = parse_address(settings.PLATFORM_FROM)
        except AddressError as err:
            words = f"PLATFORM_FROM is not an address: {err}"
            raise PostinoError(Refusal("NO_PLATFORM_SENDER", words, http=409)) from err
        domain = Domain.objects.filter(name=address.domain_ascii, verified_at__isnull=False)
        found = domain.order_by("account_id").values_list("account_id", flat=True).first()
        if found is not None:
            return Sender(found, address)
    elif account_id is not None:
        mine = Domain.objects.of(account_id).filter(verified_at__isnull=False)
        working = Case(When(state=DomainState.VERIFIED, then=0), default=1)
        own = mine.order_by(working, "pk").first()
        if own is not None:
            return Sender(account_id, Address(NO_REPLY, own.name, "Postino"))
    raise PostinoError(
        Refusal(
            "NO_PLATFORM_SENDER",
            "Postino has no address to write from: verify a domain first, or ask whoever runs "
            "this installation to set PLATFORM_FROM to an address on a verified domain.",
            http=409,
        )
    )


def send(
    who: Sender,
    to: str,
    *,
    subject: str,
    text: str,
    headers: Sequence[tuple[str, bytes]] = (),
    attachments: Sequence[Attachment] = (),
) -> uuid.UUID:
    """Queue a message; its id. Raises PostinoError with the pipeline's refusal."""
    raw = mime.build(
        headers=[*head(who, to, subject=subject), *headers],
        text=text,
        html=None,
        boundary=f"postino-{uuid.uuid4().hex}",
        attachments=attachments,
    )
    return hand_over(who, to, raw)


def to_owners(account_id: int, about: str, words: Callable[[], tuple[str, str]]) -> int:
    """Write to an account's owners, each in their language; how many were written to. Never refuses.

    `words` gives subject and text in the language that is active; `about` names it in the log.
    """
    try:
        who = sender(account_id)
    except PostinoError as error:
        logger.warning("%s: nobody is told: %s", about, error)
        return 0
    owners = Membership.objects.of(account_id).filter(role=Role.OWNER, user__is_active=True)
    told = 0
    for owner in owners.select_related("user").order_by("pk")[:OWNERS]:
        with translation.override(owner.user.language or settings.LANGUAGE_CODE):
            subject, text = words()
        try:
            send(who, owner.user.email, subject=subject, text=text)
        except PostinoError as error:
            logger.warning("%s: %s not told: %s", about, owner.pk, error)
        else:
            told += 1
    return told


def head(who: Sender, to: str, *, subject: str) -> list[tuple[str, bytes]]:
    """The headers that all mail of ours has."""
    return [
        ("From", header.encode_address(who.address)),
        ("To", header.encode_address(parse_address(to), name="To")),
        ("Subject", header.encode_unstructured(subject)),
        ("Date", mime.format_date(timezone.now()).encode()),
        ("Message-ID", f"<{uuid.uuid4().hex}@{who.address.domain_ascii}>".encode()),
        ("Auto-Submitted", b"auto-generated"),  # RFC 3834: nobody answers by machine
    ]


def hand_over(who: Sender, to: str, raw: bytes) -> uuid.UUID:
    """Queue a whole message; its id. Raises PostinoError with the pipeline's refusal."""
    principal = Principal(who.account_id, "user", 0, "Postino", create_contact=False)
    asked = RawSubmission(principal=principal, raw=raw, reverse_path=None, recipients=(to,))
    (answer,) = accept_many([asked])
    if isinstance(answer, Accepted):
        return answer.message_id
    raise PostinoError(answer.refusal)
