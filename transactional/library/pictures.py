"""Octets → an image that mail may show: told by content, bounded before it is decoded, made smaller.

The only caller of Pillow. Nothing is decoded before its pixels have been counted.
"""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
OCTETS = 5 * 1024 * 1024  # of an upload
PIXELS = 25_000_000  # of one frame: 100 MB decoded; stops decompression bombs
FRAME_PIXELS = 100_000_000  # of all frames of an animation together
HEAVY = 200_000  # octets above which readers on phones wait for it
WIDTHS = (1200, 900, 640)  # of smaller copies: twice the 600 pixels of an email, then less
_TRIES: tuple[tuple[str, dict[str, object]], ...] = (
    ("JPEG", {"quality": 82, "optimize": True, "progressive": True}),
    ("JPEG", {"quality": 68, "optimize": True, "progressive": True}),
)


class PictureRefused(Exception):
    """No image that may be kept. Its code says why: empty, size, markup, type, pixels, broken."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Picture:
    """A whole image; `format` is png, jpeg, gif or webp, `width` and `height` pixels."""

    data: bytes
    format: str
    width: int
    height: int
    animated: bool

    @property
    def digest(self) -> bytes:
        """SHA-256 of the octets."""
        return hashlib.sha256(self.data).digest()


def read(data: bytes) -> Picture:
    """The image in `data`, without what a camera wrote about place and time. Raises PictureRefused."""
    if not data:
        raise PictureRefused("empty")
    if len(data) > OCTETS:
        raise PictureRefused("size")
    try:
        with _opened(data) as image:
            animated = _check_frames(image)
            kind = "JPEG" if image.format == "MPO" else str(image.format)
            if image.getexif() and not animated:
                # Turned upright, because mail programs do not, and without the place it was taken at
                data = _written(ImageOps.exif_transpose(image), kind)
                with _opened(data) as again:
                    again.load()
                    return Picture(data, kind.lower(), *again.size, animated=False)
            return Picture(data, kind.lower(), *image.size, animated=animated)
    except (OSError, SyntaxError, ValueError, EOFError) as err:
        raise PictureRefused("broken") from err  # cut off, or no image behind its first octets


def _opened(data: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as err:
        raise PictureRefused("markup" if data.lstrip()[:1] == b"<" else "type") from err
    except Image.DecompressionBombError as err:
        raise PictureRefused("pixels") from err
    width, height = image.size
    if not 0 < width * height <= PIXELS:
        raise PictureRefused("pixels")
    return image


def _check_frames(image: Image.Image) -> bool:
    """Decode the frames, all within bounds; whether there are several."""
    image.load()
    if image.format not in ("GIF", "WEBP", "PNG") or not getattr(image, "is_animated", False):
        return False
    number, most = 1, FRAME_PIXELS // (image.width * image.height)
    try:
        while True:
            image.seek(number)
            number += 1
            if number > most:
                raise PictureRefused("pixels")
    except EOFError:
        image.seek(0)
    return number > 1


def smaller(picture: Picture) -> Picture | None:
    """A copy that weighs less, below HEAVY where that can be; None where none does, or it moves."""
    if picture.animated:
        return None
    best: Picture | None = None
    with Image.open(io.BytesIO(picture.data), formats=FORMATS) as image:
        image.load()
        for width in (min(WIDTHS[0], image.width), *(w for w in WIDTHS[1:] if w < image.width)):
            for one in _copies(image, width):
                if best is None or len(one.data) < len(best.data):
                    best = one
            if best is not None and len(best.data) <= HEAVY:
                break
    return best if best is not None and len(best.data) < len(picture.data) else None


def _copies(image: Image.Image, width: int) -> Iterator[Picture]:
    """The image at a width, in the formats that every mail program shows."""
    height = max(1, round(image.height * width / image.width))
    clear = image.has_transparency_data
    whole = image.convert("RGBA" if clear else "RGB")
    sized = whole.resize((width, height), Image.Resampling.LANCZOS)
    quantised = sized.quantize(256, method=Image.Quantize.FASTOCTREE)
    yield Picture(_written(quantised, "PNG"), "png", width, height, animated=False)
    if not clear:
        for kind, how in _TRIES:
            data = _written(sized, kind, **how)
            yield Picture(data, kind.lower(), width, height, animated=False)


def _written(image: Image.Image, kind: str, **how: object) -> bytes:
    out = io.BytesIO()
    if kind == "JPEG":
        how = {"quality": 90, **how}
        image = image if image.mode in ("RGB", "L", "CMYK") else image.convert("RGB")
    elif kind == "PNG":
        how = {"optimize": True, **how}
    image.info.pop("exif", None)
    image.info.pop("xmp", None)
    profile = image.info.get("icc_profile")
    image.save(out, kind, **({"icc_profile": profile} if profile else {}), **how)
    return out.getvalue()
