"""The sandbox's mail as pages show it: whose it is, its headers, its parts."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from tokens.models import Account
from transactional.models import Recipient
from transactional.sandbox.maildir import Maildir
from transactional.wire.charset import lenient
from transactional.wire.encoded_word import decode_words
from transactional.wire.header import split_headers, unfold
from transactional.wire.mime import MimeError
from transactional.wire.parts import Part, normalise_eol, scan

ID_HEADER = "x-postino-id"
PAGE = 25
LOOKED_AT = 400  # files one page of the list may open; older ones are a click away
HEAD = 16_384  # octets read of each: signatures, links and trace lines stand before what is shown


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list."""

    name: str
    recipient_id: uuid.UUID
    to: str
    from_: str
    subject: str
    date: str


@dataclass(frozen=True, slots=True)
class Page:
    """Messages, newest first; `older` continues the list, where there may be more."""

    messages: tuple[Listed, ...]
    older: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One message, read for people. `html` is as it came: show it only where nothing runs."""

    line: Listed
    headers: tuple[tuple[str, str], ...]
    text: str
    html: str
    attachments: tuple[str, ...]
    source: str


def page(maildir: Maildir, account: Account, *, before: str = "") -> Page:
    """The account's messages that came before the one named, or the newest."""
    names = [name for name in maildir.names() if not before or name < before]
    found: list[Listed] = []
    seen = 0
    while seen < min(len(names), LOOKED_AT) and len(found) < PAGE:
        chunk = names[seen : min(seen + PAGE, LOOKED_AT)]
        lines = [line for name in chunk if (line := _listed(maildir, name)) is not None]
        mine = _of(account, [line.recipient_id for line in lines])
        for name in chunk:
            seen += 1
            found += [line for line in lines if line.name == name and line.recipient_id in mine]
            if len(found) == PAGE:
                break
    older = names[seen - 1] if 0 < seen < len(names) else ""
    return Page(tuple(found), older)


def message(maildir: Maildir, account: Account, name: str) -> Shown | None:
    """One message; None where there is none of that name that this account has sent."""
    raw = maildir.read(name)
    if raw is None or (line := _line(name, raw)) is None:
        return None
    if line.recipient_id not in _of(account, [line.recipient_id]):
        return None
    headers = tuple((h, decode_words(unfold(v))) for h, v in _headers(raw))
    parts = _parts(raw)
    files = [part for part in parts if part.is_attachment]
    bodies = [part for part in parts if not part.is_attachment]
    return Shown(
        line=line,
        headers=headers,
        text=_first(bodies, "text/plain"),
        html=_first(bodies, "text/html"),
        attachments=tuple(_file_name(part) for part in files),
        source=lenient(raw),
    )


def _of(account: Account, ids: list[uuid.UUID]) -> set[uuid.UUID]:
    return set(Recipient.objects.of(account).filter(pk__in=ids).values_list("pk", flat=True))


def _listed(maildir: Maildir, name: str) -> Listed | None:
    head = maildir.read(name, limit=HEAD)
    return None if head is None else _line(name, head)


def _headers(raw: bytes) -> Iterator[tuple[str, bytes]]:
    head = raw.partition(b"\r\n\r\n")[0]
    for header in split_headers(head + b"\r\n", strict=False):
        yield header.name, header.value


def _line(name: str, raw: bytes) -> Listed | None:
    """The list's line; None for mail that does not carry our id."""
    values: dict[str, str] = {}
    for key, value in _headers(raw):
        values.setdefault(key.lower(), decode_words(unfold(value)))
    try:
        recipient_id = uuid.UUID(values.get(ID_HEADER, "").strip())
    except ValueError:
        return None
    return Listed(
        name=name,
        recipient_id=recipient_id,
        to=values.get("delivered-to", ""),
        from_=values.get("from", ""),
        subject=values.get("subject", ""),
        date=values.get("date", ""),
    )


def _parts(raw: bytes) -> list[Part]:
    try:
        return [
            part for part in scan(normalise_eol(raw), lenient=True).parts if not part.is_container
        ]
    except MimeError:
        return []


def _first(parts: list[Part], media_type: str) -> str:
    for part in parts:
        if part.media_type == media_type:
            return lenient(part.decoded() or b"", part.parameters.get("charset"))
    return ""


def _file_name(part: Part) -> str:
    named = part.parameters.get("name", "")
    return decode_words(named) if named else part.media_type
