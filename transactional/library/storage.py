"""Where the octets of images are: in the database, or in a folder that all web hosts share.

In the database (the default) every host finds them, and they are backed up with all else. In a
folder, `DATA_DIR/images` must be one and the same for all web hosts. What was kept one way is
found after the setting has changed.
"""

import os
import tempfile
from pathlib import Path

from django.conf import settings

from transactional.models import Image, ImageContent


def keep(image: Image, data: bytes) -> None:
    """Keep the octets of a stored row; within its transaction, where that is the database."""
    if settings.IMAGE_STORE == "database":
        ImageContent.objects.create(image=image, data=data)
        return
    path = _path(image.token)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    with os.fdopen(handle, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    os.replace(name, path)  # a reader sees the whole file or none


def find(image: Image) -> bytes | None:
    """The octets; None where they are gone."""
    row = ImageContent.objects.filter(pk=image.pk).first()
    if row is not None:
        return bytes(row.data)
    try:
        return _path(image.token).read_bytes()
    except OSError:
        return None


def forget(token: str) -> None:
    """Remove the file of an image whose row is gone; the database's copy goes with the row."""
    _path(token).unlink(missing_ok=True)


def _path(token: str) -> Path:
    return Path(settings.DATA_DIR) / "images" / token[:2] / token
