"""Images made for tests: real ones, and such that only claim to be."""

import io
import struct
import zlib

from PIL import Image


def png(width: int = 40, height: int = 30, colour: str = "#2f5bd8", *, mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height), colour).save(out, "PNG")
    return out.getvalue()


def photo(width: int = 1600, height: int = 1200, kind: str = "JPEG", **how: object) -> bytes:
    """Noise that compresses badly, as a photograph does."""
    out = io.BytesIO()
    Image.effect_noise((width, height), 80).convert("RGB").save(out, kind, **how)
    return out.getvalue()


def gif(frames: int = 3, size: tuple[int, int] = (20, 20)) -> bytes:
    out = io.BytesIO()
    shown = [Image.new("RGB", size, (40 * number, 90, 90)) for number in range(frames)]
    shown[0].save(out, "GIF", save_all=True, append_images=shown[1:])
    return out.getvalue()


def bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """A PNG of 900 million pixels in a few hundred octets."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 10_000))
        + chunk(b"IEND", b"")
    )
