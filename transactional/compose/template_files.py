"""An email as files of a git repository: settings and contract, blocks or HTML, text, sample data.

`email.json` (with `id` and `revision`), `document.json` or `body.html`, `text.txt` where it is written
by hand, `samples/<name>.json`. The same email gives the same bytes, whoever pulls it.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

SETTINGS, DOCUMENT, HTML, TEXT, SAMPLES = (
    "email.json", "document.json", "body.html", "text.txt", "samples",
)  # fmt: skip
MOST = 2_000_000  # octets of one file that are read
_UNSAFE = re.compile(r"[^a-z0-9]+")
_FILES = ("document", "html", "text", "samples")


class FilesRefused(ValueError):
    """A folder that holds no email we can read; its text says which file and why."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An email in a folder: `id` and `revision` are empty and 0 until it has been pushed."""

    folder: Path
    id: str
    revision: int
    draft: dict[str, Any]


def slug(name: str, email_id: str) -> str:
    """The folder of an email that has none yet."""
    words = _UNSAFE.sub("-", name.lower()).strip("-")[:60]
    return f"{words or 'email'}-{email_id}"


def folders(root: Path) -> list[Path]:
    """Those that hold an email, in alphabetical order."""
    if (root / SETTINGS).is_file():
        return [root]
    return sorted(path.parent for path in root.glob(f"*/{SETTINGS}"))


def write(root: Path, *, email_id: str, revision: int, draft: dict[str, Any]) -> tuple[Path, bool]:
    """Write an email into its folder, wherever under `root` that is; whether anything changed."""
    folder = next((one for one in folders(root) if _id_of(one) == email_id), None)
    folder = folder or root / slug(draft["name"], email_id)
    return folder, write_into(folder, email_id=email_id, revision=revision, draft=draft)


def write_into(folder: Path, *, email_id: str, revision: int, draft: dict[str, Any]) -> bool:
    """Write an email into this folder; whether anything changed."""
    settings = {key: value for key, value in draft.items() if key not in _FILES}
    wanted = {SETTINGS: _json({"id": email_id, "revision": revision, **settings})}
    if "document" in draft:
        wanted[DOCUMENT] = _json(draft["document"])
    else:
        wanted[HTML] = draft.get("html", "").encode()
    if draft.get("text"):
        wanted[TEXT] = draft["text"].encode()
    for name, data in draft.get("samples", {}).items():
        wanted[f"{SAMPLES}/{_file_of(name)}.json"] = _json({"name": name, "data": data})
    changed = False
    present = [folder / one for one in (DOCUMENT, HTML, TEXT)]
    present += sorted((folder / SAMPLES).glob("*.json"))
    for path in present:
        if path.is_file() and path.relative_to(folder).as_posix() not in wanted:
            path.unlink()
            changed = True
    for name, octets in wanted.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != octets:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(octets)
            changed = True
    return changed


def read(folder: Path) -> Kept:
    """The email in a folder. Raises FilesRefused."""
    settings = _load(folder / SETTINGS)
    if not isinstance(settings, dict):
        raise FilesRefused(f"{folder / SETTINGS}: this must be a JSON object.")
    email_id, revision = settings.pop("id", ""), settings.pop("revision", 0)
    if not isinstance(email_id, str) or not isinstance(revision, int):
        raise FilesRefused(f"{folder / SETTINGS}: id is text, revision a whole number.")
    draft: dict[str, Any] = dict(settings)
    if (folder / DOCUMENT).is_file():
        draft["document"] = _load(folder / DOCUMENT)
    else:
        draft["html"] = _text(folder / HTML)
    draft["text"] = _text(folder / TEXT)
    draft["samples"] = {}
    for path in sorted((folder / SAMPLES).glob("*.json")):
        found = _load(path)
        if not isinstance(found, dict) or not isinstance(found.get("name"), str):
            raise FilesRefused(f"{path}: a sample is an object with name and data.")
        draft["samples"][found["name"]] = found.get("data")
    return Kept(folder, email_id, revision, draft)


def _id_of(folder: Path) -> str:
    try:
        settings = _load(folder / SETTINGS)
    except FilesRefused:
        return ""
    return str(settings.get("id", "")) if isinstance(settings, dict) else ""


def _file_of(name: str) -> str:
    """A file name that tells samples apart: the name's words, and a mark where they were changed."""
    words = _UNSAFE.sub("-", name.lower()).strip("-")[:60]
    return words if words == name else f"{words or 'sample'}-{name.encode().hex()[:16]}"


def _json(value: Any) -> bytes:
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(value, option=options)


def _octets(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST:
            raise FilesRefused(f"{path}: larger than {MOST} octets.")
        return path.read_bytes()
    except OSError as err:
        raise FilesRefused(f"{path}: {err.strerror}.") from err


def _load(path: Path) -> Any:
    try:
        return orjson.loads(_octets(path))
    except orjson.JSONDecodeError as err:
        raise FilesRefused(f"{path}: not valid JSON ({err}).") from err


def _text(path: Path) -> str:
    if not path.is_file():
        return ""
    try:
        return _octets(path).decode()
    except UnicodeDecodeError as err:
        raise FilesRefused(f"{path}: not UTF-8.") from err
