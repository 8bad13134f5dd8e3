"""Checks of images by what the library knows of them: weight, format, whether they are still there."""

from collections.abc import Iterable, Iterator

from django.utils.translation import gettext as _

from transactional.compose.document.problem import Problem
from transactional.library import images, pictures

ALL_HEAVY = 1_000_000  # octets of all images of one email


def check_library(account_id: int, shown: Iterable[tuple[str, str]]) -> Iterator[Problem]:
    """`shown`: (address, block) of each image; the block is empty where there is none."""
    placed = [
        (address, block or None) for address, block in shown if address and "{" not in address
    ]
    known = images.known(account_id, {address for address, _block in placed})
    for address, block in placed:
        image = known.get(address)
        if image is None:
            if images.token_in(address):
                message = _("An image is no longer in the library: choose another.")
                yield Problem("block", "IMAGE_GONE", message, block)
            continue
        if image.format == "webp":
            message = _("Many mail programs do not show SVG and WebP images: use PNG or JPEG.")
            yield Problem("warn", "IMAGE_FORMAT", message, block)
        if image.size > pictures.HEAVY:
            message = _("An image weighs %(size)s kB: take a smaller copy from the library.")
            yield Problem("warn", "IMAGE_HEAVY", message % {"size": image.size // 1000}, block)
    total = sum(image.size for image in known.values())
    if total > ALL_HEAVY:
        message = _("All images together weigh %(size)s kB: readers on phones wait for them.")
        yield Problem("warn", "IMAGES_HEAVY", message % {"size": total // 1000})
