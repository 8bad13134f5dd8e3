"""Reading what was uploaded: one file or a ZIP, bounded before anything is unpacked."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

from config.errors import PostinoError, Refusal

FILE_LIMIT = 1_000_000  # octets of one template
ARCHIVE_LIMIT = 10_000_000  # octets of an upload
ENTRIES_LIMIT = 500
UNPACKED_LIMIT = 20_000_000  # octets of all templates together
ENDINGS = (".html", ".htm", ".mjml", ".hubl", ".hbs", ".handlebars", ".liquid", ".jinja", ".j2")


@dataclass(frozen=True, slots=True)
class Upload:
    """The templates of an upload by path, and how many other files were beside them."""

    templates: Mapping[str, str]
    others: tuple[str, ...]


def read(name: str, content: bytes) -> Upload:
    """Templates of a file or a ZIP. Raises PostinoError with a sentence for the person."""
    if len(content) > ARCHIVE_LIMIT:
        raise _refused("IMPORT_TOO_LARGE", "The file is larger than 10 MB.")
    if content.startswith(b"PK\x03\x04"):
        return _unpacked(content)
    if not content.strip():
        raise _refused("IMPORT_EMPTY", "The file is empty.")
    return Upload({name or "template.html": _text(content)}, ())


def _unpacked(content: bytes) -> Upload:
    templates: dict[str, str] = {}
    others: list[str] = []
    left = UNPACKED_LIMIT
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [one for one in archive.infolist() if not one.is_dir()]
            if len(entries) > ENTRIES_LIMIT:
                raise _refused("IMPORT_TOO_MANY", f"The ZIP has more than {ENTRIES_LIMIT} files.")
            for one in entries:
                path = one.filename.replace("\\", "/")
                if path.startswith("__MACOSX/") or path.rpartition("/")[2].startswith("."):
                    continue
                if not path.lower().endswith(ENDINGS):
                    others.append(path[:200])
                    continue
                with archive.open(one) as stream:
                    data = stream.read(FILE_LIMIT + 1)  # what it claims of its size is not believed
                left -= len(data)
                if len(data) > FILE_LIMIT or left < 0:
                    raise _refused("IMPORT_TOO_LARGE", "The ZIP unpacks to too much.")
                if data.strip():
                    templates[path[:200]] = _text(data)
    except (zipfile.BadZipFile, RuntimeError, EOFError, OSError) as err:
        raise _refused("IMPORT_BROKEN", "The ZIP cannot be read; is it encrypted or cut?") from err
    except ValueError as err:
        raise _refused("IMPORT_BROKEN", "The ZIP cannot be read.") from err
    if not templates:
        raise _refused("IMPORT_EMPTY", "The ZIP holds no template: .html, .mjml, .hubl or .hbs.")
    return Upload(templates, tuple(others))


def _text(data: bytes) -> str:
    """The text of a template; a byte order mark goes, every other byte stays."""
    if len(data) > FILE_LIMIT:
        raise _refused("IMPORT_TOO_LARGE", "A template has at most 1 MB.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16").replace("\0", "")
        except UnicodeDecodeError as err:
            raise _refused("IMPORT_NOT_TEXT", "This is not a text file.") from err
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in data:
        raise _refused("IMPORT_NOT_TEXT", "This is not a text file.")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _refused(code: str, message: str) -> PostinoError:
    return PostinoError(Refusal(code, message, http=422, pointer="file"))
