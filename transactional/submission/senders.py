"""The only place that asks for, confirms and forgets From addresses outside an account's domains.

A link is base64url of key id, row, end and MAC over these and the row's nonce: it works once, for a
while, and only the newest.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from config import keyring
from config.errors import PostinoError, Refusal
from domains import names
from domains.models import Domain
from tokens import audit
from tokens.models import Account
from transactional.models import SenderAddress, SenderMail, SenderState
from transactional.submission import own_mail
from transactional.wire.address import AddressError, parse_address

LASTS = timedelta(days=2)
PAUSE = timedelta(minutes=2)  # between two mails to one address
PER_ADDRESS, PER_ACCOUNT = 5, 30  # mails in a day: a stranger's mailbox is no target
MOST = 200  # addresses of an account
DAY = timedelta(days=1)
_PLAIN = struct.Struct(">BQI")  # key id, row, end in seconds since 1970
MAC_SIZE = 17
LENGTH = 40  # characters of a token


def _refuse(code: str, message: str, *, http: int = 400, pointer: str = "address") -> PostinoError:
    return PostinoError(Refusal(code, message, http=http, pointer=pointer))


def ask(account: Account, address: str, sends_as: str, *, by: str) -> SenderAddress:
    """Add an address and mail its link. Raises PostinoError, saying what is wrong."""
    wanted = _outside(account, address)
    seen = _own(account, sends_as)
    if SenderAddress.objects.of(account).filter(address=wanted).exists():
        raise _refuse("SENDER_EXISTS", f"{wanted} is in the list already.", http=409)
    if SenderAddress.objects.of(account).count() >= MOST:
        raise _refuse("TOO_MANY_SENDERS", f"An account has at most {MOST} such addresses.")
    own_mail.sender(account.pk)
    with transaction.atomic():
        row, new = SenderAddress.objects.get_or_create(
            account=account, address=wanted, defaults={"sends_as": seen, "asked_by": by}
        )
        if not new:
            raise _refuse("SENDER_EXISTS", f"{wanted} is in the list already.", http=409)
        _count(account, wanted)
        audit.record(account, "sender.asked", by=by, target=f"sender:{row.pk}", name=wanted)
    _mail(row)
    return row


def ask_again(row: SenderAddress) -> None:
    """Mail a new link; the old one ends. Raises PostinoError: CONFIRMED, TOO_SOON, TOO_MANY_MAILS."""
    if row.state == SenderState.CONFIRMED:
        raise _refuse("CONFIRMED", f"{row.address} is confirmed already.", http=409)
    own_mail.sender(row.account_id)
    with transaction.atomic():
        _count(row.account, row.address)
    _mail(row)


def _outside(account: Account, address: str) -> str:
    """An address as it is kept; refused where its domain needs no confirmation."""
    try:
        found = parse_address(address)
    except AddressError as err:
        raise _refuse("INVALID_ADDRESS", f"This is not one email address: {err}") from err
    if Domain.objects.of(account).filter(name=found.domain_ascii).exists():
        raise _refuse(
            "ON_OWN_DOMAIN",
            f"{found.domain_ascii} is connected: every address on it may be used once the domain "
            "is verified, without a confirmation.",
        )
    return found.spec.lower()


def _own(account: Account, sends_as: str) -> str:
    """The From that recipients see: on a verified domain of the account."""
    try:
        found = parse_address(sends_as)
    except AddressError as err:
        raise _refuse(
            "INVALID_ADDRESS", f"This is not one email address: {err}", pointer="sendsAs"
        ) from err
    verified = Domain.objects.of(account).filter(verified_at__isnull=False)
    if not verified.filter(name=found.domain_ascii).exists():
        raise _refuse(
            "NOT_ON_OWN_DOMAIN",
            f"{found.domain_ascii} is no verified domain of this account, so mail from it could not "
            "be signed in its name.",
            pointer="sendsAs",
        )
    return found.spec.lower()


def _count(account: Account, address: str) -> None:
    """Note a mail, within the limits; rows of one address are locked by its newest."""
    now = timezone.now()
    Account.objects.select_for_update().get(pk=account.pk)  # two at once are two, not one
    recent = SenderMail.objects.filter(at__gte=now - DAY)
    to_it = list(recent.filter(address=address).order_by("-at").values_list("at", flat=True))
    if to_it and now - to_it[0] < PAUSE:
        raise _refuse(
            "TOO_SOON", "A mail is on its way: wait two minutes before the next.", http=429
        )
    if len(to_it) >= PER_ADDRESS or recent.filter(account=account).count() >= PER_ACCOUNT:
        raise _refuse(
            "TOO_MANY_MAILS",
            "Enough confirmations were mailed today; try again tomorrow.",
            http=429,
        )
    SenderMail.objects.create(account=account, address=address, at=now)


def _mail(row: SenderAddress) -> None:
    """Give the row a new link and mail it."""
    row.nonce = secrets.token_hex(16)
    row.save(update_fields=["nonce"])
    ends = timezone.now() + LASTS
    link = settings.PUBLIC_URL + reverse("sender_confirm", args=[token(row, ends=ends)])
    said = {"who": row.asked_by, "account": row.account.name, "address": row.address}
    text = _(
        "%(who)s wants to send mail of “%(account)s” with %(address)s as the address that answers "
        "go to.\n\nIf that is right, open this page and confirm it:\n\n%(link)s\n\nThe link works "
        "once, for two days. If you know nothing of this, do nothing: without your confirmation "
        "the address is not used.\n"
    ) % {**said, "link": link}
    who = own_mail.sender(row.account_id)
    own_mail.send(who, row.address, subject=_("Confirm %(address)s") % said, text=text)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a link is about; `state` is ask, done or ended."""

    sender: SenderAddress
    state: str


def token(row: SenderAddress, *, ends: datetime) -> str:
    """The token of the row's newest link."""
    return _write(keyring.current_id(), row.pk, int(ends.timestamp()), row.nonce) or ""


def read(text: str, *, now: datetime) -> Asked | None:
    """What a token asks; None unless it is exactly ours and the newest. Changes nothing."""
    if len(text) != LENGTH or not text.isascii():
        return None
    try:
        octets = base64.urlsafe_b64decode(text)
    except (ValueError, binascii.Error):
        return None
    if len(octets) != _PLAIN.size + MAC_SIZE:
        return None
    key_id, pk, end = _PLAIN.unpack_from(octets)
    if pk >= 2**63:
        return None
    row = SenderAddress.objects.filter(pk=pk).select_related("account").first()
    own = _write(key_id, pk, end, row.nonce) if row and row.nonce else None
    if row is None or own is None or not hmac.compare_digest(own, text):
        return None
    if row.state == SenderState.CONFIRMED:
        return Asked(row, "done")
    return Asked(row, "ended" if now >= datetime.fromtimestamp(end, UTC) else "ask")


def confirm(text: str, *, now: datetime) -> Asked | None:
    """Confirm by a token, once; what the page then says."""
    asked = read(text, now=now)
    if asked is None or asked.state != "ask":
        return asked
    row = asked.sender
    with transaction.atomic():
        changed = SenderAddress.objects.filter(
            pk=row.pk, nonce=row.nonce, state=SenderState.PENDING
        ).update(state=SenderState.CONFIRMED, confirmed_at=now)
        if changed:
            audit.record(
                row.account, "sender.confirmed", by=row.address, target=f"sender:{row.pk}",
                name=row.address,
            )  # fmt: skip
    return Asked(row, "done")


def forget(row: SenderAddress, *, by: str) -> None:
    """Take an address off the list: mail from it is refused from then on."""
    with transaction.atomic():
        audit.record(
            row.account, "sender.removed", by=by, target=f"sender:{row.pk}", name=row.address
        )
        row.delete()


def forget_mails(now: datetime) -> int:
    """Remove what the limits need no more."""
    return int(SenderMail.objects.filter(at__lt=now - 2 * DAY).delete()[0])


def is_freemail(address: str) -> bool:
    """Whether a mailbox provider owns the domain, so that nobody else may ever send as it."""
    return address.rpartition("@")[2].lower() in names.FREEMAIL


def _write(key_id: int, pk: int, end: int, nonce: str) -> str | None:
    key = keyring.key("confirm", key_id)
    if key is None or not 0 <= end < 2**32:
        return None
    plain = _PLAIN.pack(key_id, pk, end)
    mac = hmac.new(key, b"sender:" + plain + nonce.encode(), hashlib.sha256).digest()[:MAC_SIZE]
    return base64.urlsafe_b64encode(plain + mac).decode("ascii")
