"""What is an image and what only says so; how large; how it is made smaller."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.transactional.library.pictures_made import bomb, gif, photo, png
from transactional.library import pictures
from transactional.library.pictures import HEAVY, PictureRefused

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def webp() -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", (10, 12), "#00000000").save(out, "WEBP")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (png(), ("png", 40, 30, False)),
        (photo(64, 48), ("jpeg", 64, 48, False)),
        (gif(), ("gif", 20, 20, True)),
        (gif(1), ("gif", 20, 20, False)),
        (webp(), ("webp", 10, 12, False)),
    ],
    ids=["png", "jpeg", "moving gif", "gif", "webp"],
)
def test_the_content_says_what_it_is(data: bytes, found: tuple[str, int, int, bool]) -> None:
    one = pictures.read(data)
    assert (one.format, one.width, one.height, one.animated) == found
    assert one.data == data


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (SVG, "markup"),
        (b"<!doctype html><img onerror=alert(1)>", "markup"),
        (b"\n <html>", "markup"),
        (b"%PDF-1.7", "type"),
        (b"BM" + b"\0" * 200, "type"),
        (png()[:60], "broken"),
        (photo(64, 48)[:400], "broken"),
        (b"\x89PNG\r\n\x1a\n", "type"),
        (bomb(), "pixels"),
        (bomb(5001, 5000), "pixels"),
        (b"GIF89a" + b"\0" * pictures.OCTETS, "size"),
    ],
)
def test_what_is_no_image_for_mail_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(PictureRefused) as caught:
        pictures.read(data)
    assert caught.value.code == code


def test_an_animation_is_measured_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "FRAME_PIXELS", 400 * 4)
    assert pictures.read(gif(4)).animated
    with pytest.raises(PictureRefused, match="pixels"):
        pictures.read(gif(5))


@given(st.binary(max_size=400), st.integers(0, 120))
def test_nothing_else_ever_happens(noise: bytes, at: int) -> None:
    """Garbage, and a real image with garbage in it: read or refused."""
    whole = png()
    for data in (
        noise,
        whole[:at] + noise + whole[at:],
        b"GIF89a" + noise,
        b"\xff\xd8\xff" + noise,
    ):
        try:
            pictures.read(data)
        except PictureRefused:
            continue


def test_a_photograph_is_turned_upright_and_loses_its_place() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x010F] = "Camera of Anna"
    one = pictures.read(photo(64, 48, exif=exif))
    assert (one.width, one.height) == (48, 64)
    assert b"Anna" not in one.data
    with Image.open(io.BytesIO(one.data)) as image:
        assert not image.getexif()


def test_a_smaller_copy_is_light_and_keeps_its_shape() -> None:
    heavy = pictures.read(photo(1600, 1200, quality=92))
    assert len(heavy.data) > 1_000_000
    copy = pictures.smaller(heavy)
    assert copy is not None and len(copy.data) <= HEAVY
    assert copy.format == "jpeg" and copy.width * 3 == copy.height * 4
    assert pictures.read(copy.data).digest == copy.digest


def test_a_smaller_copy_stays_clear_where_it_was() -> None:
    out = io.BytesIO()
    noise = Image.effect_noise((900, 600), 90).convert("RGBA")
    noise.putalpha(Image.effect_noise((900, 600), 200))
    noise.save(out, "PNG")
    copy = pictures.smaller(pictures.read(out.getvalue()))
    assert copy is not None and copy.format == "png"
    with Image.open(io.BytesIO(copy.data)) as image:
        assert image.has_transparency_data


def test_what_moves_or_is_small_has_no_smaller_copy() -> None:
    assert pictures.smaller(pictures.read(gif())) is None
    tiny = pictures.smaller(pictures.read(png(2, 2)))
    assert tiny is None or len(tiny.data) < len(png(2, 2))
