"""The one writer of the image library: adding, describing and deleting, and who uses an image."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import Q, Sum, TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from config.errors import PostinoError, Refusal
from tokens import secrets
from tokens.models import Account
from transactional.library import pictures, storage
from transactional.library.pictures import Picture, PictureRefused
from transactional.models import BrandKit, Email, EmailVersion, Image, SavedBlock

PAGE = 24
NAMED = 10  # emails told as the users of an image
FILES = {"png": "png", "jpeg": "jpg", "gif": "gif", "webp": "webp"}
_PATH = re.compile(r"/i/([0-9a-f]{32})\.(?:png|jpg|gif|webp)")


@dataclass(frozen=True, slots=True)
class Users:
    """What shows an image: emails by draft or live version, the brand, blocks; mail that was sent."""

    emails: tuple[Email, ...]
    brand: bool
    saved: tuple[SavedBlock, ...]
    sent: bool

    @property
    def stop(self) -> bool:
        """Whether deleting the image would leave a gap in what is still to be sent."""
        return bool(self.emails or self.brand or self.saved)


def url(image: Image) -> str:
    """Where mail finds it: no cookie, no session, cached for good."""
    return f"{settings.IMAGE_URL}{path(image)}"


def path(image: Image) -> str:
    """Where our own pages find it."""
    return f"/i/{image.token}.{FILES[image.format]}"


def token_in(address: str) -> str:
    """The token in the address of one of our images; empty if it is none."""
    for base in (settings.IMAGE_URL, settings.PUBLIC_URL):
        found = _PATH.fullmatch(address.removeprefix(base)) if address.startswith(base) else None
        if found:
            return found[1]
    return ""


def add(
    account: Account, data: bytes, *, name: str, alt: str, decorative: bool, by: str
) -> tuple[Image, bool]:
    """The image of these octets, and whether it is new. Raises PostinoError in words to show.

    The same octets are kept once; then the description of the first stays.
    """
    alt = _described(alt, decorative)
    try:
        picture = pictures.read(data)
    except PictureRefused as err:
        raise _refused(f"IMAGE_{err.code.upper()}", sentence(err.code)) from err
    return _stored(account, picture, name=name, alt=alt, decorative=decorative, by=by)


def add_smaller(image: Image, *, by: str) -> Image:
    """A lighter copy beside the image. Raises PostinoError where there is none."""
    data = storage.find(image)
    copy = pictures.smaller(pictures.read(data)) if data else None
    if copy is None:
        raise _refused("IMAGE_NO_SMALLER", _("This image cannot be made smaller without loss."))
    label = f"{image.name[:180]} ({copy.width} px)"
    account = Account.objects.get(pk=image.account_id)
    found, _new = _stored(
        account, copy, name=label, alt=image.alt, decorative=image.decorative, by=by
    )
    return found


def _stored(
    account: Account, picture: Picture, *, name: str, alt: str, decorative: bool, by: str
) -> tuple[Image, bool]:
    with transaction.atomic():
        # Two uploads of one account take turns: the quota is counted, the digest looked up
        Account.objects.select_for_update(no_key=True).get(pk=account.pk)
        known = Image.objects.of(account).filter(digest=picture.digest).first()
        if known is not None:
            return known, False
        if octets(account) + len(picture.data) > settings.IMAGE_QUOTA_MB * 1_000_000:
            words = _("The library is full: %(quota)s MB. Delete images that nothing uses.")
            raise _refused("IMAGE_QUOTA", words % {"quota": settings.IMAGE_QUOTA_MB}, http=409)
        image = Image.objects.create(
            account=account,
            token=secrets.mint_id(),
            digest=picture.digest,
            name=_name(name),
            alt=alt,
            decorative=decorative,
            format=picture.format,
            width=picture.width,
            height=picture.height,
            size=len(picture.data),
            created_by=by,
        )
        storage.keep(image, picture.data)
    return image, True


def describe(image: Image, *, name: str, alt: str, decorative: bool) -> None:
    """Change what an image is called and what it is said to show; emails keep what they say."""
    image.alt = _described(alt, decorative)
    image.name, image.decorative = _name(name), decorative
    image.save(update_fields=["name", "alt", "decorative"])


def delete(image: Image) -> None:
    """Delete it for good. Raises PostinoError IMAGE_IN_USE while something to be sent shows it."""
    if users(image).stop:
        words = _("This image is used: take it out of the emails named below first.")
        raise _refused("IMAGE_IN_USE", words, http=409)
    token = image.token
    image.delete()
    storage.forget(token)


def users(image: Image) -> Users:
    """What shows an image. Reads the account's emails, so it is asked for one image at a time."""
    within = Q(html__contains=image.token) | Q(published__html__contains=image.token)
    emails = Email.objects.of(image.account_id).filter(within).only("name", "document", "account")
    as_text = Cast("content", output_field=TextField())
    saved = SavedBlock.objects.of(image.account_id).annotate(as_text=as_text)
    versions = EmailVersion.objects.filter(email__account_id=image.account_id)
    return Users(
        emails=tuple(emails.order_by("-updated_at")[:NAMED]),
        brand=BrandKit.objects.of(image.account_id).filter(logo=image).exists(),
        saved=tuple(saved.filter(as_text__contains=image.token)[:NAMED]),
        sent=versions.filter(html__contains=image.token).exists(),
    )


def listed(account: Account, *, query: str, before: int | None, limit: int) -> list[Image]:
    """Images made before the one of id `before`, newest first; by words of name or description."""
    rows = Image.objects.of(account)
    if query:
        rows = rows.filter(Q(name__icontains=query) | Q(alt__icontains=query))
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-pk")[:limit])


def known(account_id: int, addresses: Iterable[str]) -> dict[str, Image]:
    """Which of these addresses are images of this account's library."""
    tokens = {address: token for address in addresses if (token := token_in(address))}
    if not tokens:
        return {}
    rows = Image.objects.of(account_id).filter(token__in=set(tokens.values()))
    found = {row.token: row for row in rows}
    return {address: found[token] for address, token in tokens.items() if token in found}


def public(name: str) -> Image | None:
    """The image of a public address's last part: whoever knows its token may see it."""
    token, _dot, ending = name.partition(".")
    image = Image.objects.filter(token=token).first()
    return image if image is not None and FILES[image.format] == ending else None


def octets(account: Account) -> int:
    """How much of its quota an account uses."""
    return int(Image.objects.of(account).aggregate(all=Sum("size"))["all"] or 0)


def sentence(code: str) -> str:
    """Why octets are no image for mail."""
    return {
        "empty": _("The file is empty."),
        "size": _("The file is larger than 5 MB. Make it smaller first."),
        "markup": _("This is SVG or HTML: mail programs do not show it. Use PNG or JPEG."),
        "type": _("This is no PNG, JPEG, GIF or WebP image, whatever its name says."),
        "pixels": _("The image has too many pixels: at most 25 million, animations 100 million."),
        "broken": _("The image is damaged or cut off. Save it anew and try again."),
    }[code]


def _described(alt: str, decorative: bool) -> str:
    alt = " ".join(alt.replace("\0", "").split())[:500]
    if decorative:
        return ""
    if not alt:
        words = _("Write what the image shows, or say that it is decoration only.")
        raise _refused("IMAGE_ALT", words, pointer="alt")
    return alt


def _name(name: str) -> str:
    name = "".join(c for c in name if c.isprintable()).strip()
    return name[:200] or _("Image")


def _refused(code: str, message: str, *, http: int = 422, pointer: str = "file") -> PostinoError:
    return PostinoError(Refusal(code, message, http=http, pointer=pointer))
