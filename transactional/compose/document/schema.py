"""The door of documents: any JSON becomes a checked Document, or a list of JSON pointers to faults."""

import math
import re
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
from django.utils.translation import gettext as _

from transactional.compose.document import expressions, fields
from transactional.compose.document.fields import PROPS, Field, Refused, clean, escaped
from transactional.compose.document.model import (
    Block,
    Document,
    Repeat,
    Section,
    Settings,
    ShowIf,
)

VERSION = 1
BYTES = 1_000_000  # of a document as JSON
BLOCKS = 200
SECTIONS = 100
ERRORS = 20  # told at once
WIDTHS = ((1,), (1, 1), (1, 1, 1), (1, 2), (2, 1))
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_FONT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,'-]{0,119}")
_LANG = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,2}")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where: a JSON pointer (RFC 6901) into the document."""

    pointer: str
    message: str


class DocumentRefused(Exception):
    """A document that cannot be kept."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(faults[0].message)
        self.faults = faults


def _matching(pattern: re.Pattern[str]) -> fields.Check:
    def check(value: Any, names: frozenset[str]) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise Refused(_("This has the wrong form."))
        return value

    return check


SETTINGS: dict[str, Field] = {
    "width": Field(fields.number(320, 900), 600),
    "background": Field(fields.colour, "#f3f4f6"),
    "surface": Field(fields.colour, "#ffffff"),
    "text": Field(fields.colour, "#171b24"),
    "accent": Field(fields.colour, "#2f5bd8"),
    "font": Field(_matching(_FONT), "Arial, Helvetica, sans-serif"),
    "lang": Field(_matching(_LANG), "en"),
    "radius": Field(fields.number(0, 24), 6),
}


def parse(value: Any) -> Document:
    """The document, complete and sanitised. Raises DocumentRefused."""
    try:
        size = len(orjson.dumps(value))
    except TypeError as err:  # not JSON: what orjson reads it also writes
        raise DocumentRefused([Fault("", _("This is not JSON that can be kept."))]) from err
    if size > BYTES:
        raise DocumentRefused(
            [Fault("", _("The document is larger than %(limit)s bytes.") % {"limit": BYTES})]
        )
    reader = _Reader()
    document = reader.document(value)
    if reader.faults or document is None:
        raise DocumentRefused(reader.faults or [Fault("", _("This is not a document."))])
    return document


def to_json(document: Document) -> dict[str, Any]:
    """The document as it is stored."""
    return document.json


@dataclass(slots=True)
class _Reader:
    """Reads on after a fault, so that all are told at once."""

    faults: list[Fault] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    blocks: int = 0

    def fault(self, pointer: str, message: str) -> None:
        if len(self.faults) < ERRORS:
            self.faults.append(Fault(pointer, message))

    def document(self, value: Any) -> Document | None:
        if not self.is_object(value, "", ("version", "settings", "sections")):
            return None
        if type(value.get("version")) is not int or value["version"] != VERSION:
            self.fault("/version", _("The version must be %(version)s.") % {"version": VERSION})
        settings = self.values(value.get("settings", {}), "/settings", SETTINGS)
        listed = self.many(value.get("sections"), "/sections", SECTIONS)
        sections = [self.section(one, f"/sections/{at}") for at, one in enumerate(listed)]
        if self.faults:
            return None
        whole = tuple(section for section in sections if section is not None)
        stored = {
            "version": VERSION,
            "settings": settings,
            "sections": [_section_json(section) for section in whole],
        }
        return Document(Settings(**settings), whole, stored)

    def section(self, value: Any, at: str) -> Section | None:
        keys = ("id", "showIf", "background", "columns", "blocks")
        if not self.is_object(value, at, keys):
            return None
        background = value.get("background")
        if background is not None:
            background = self.checked(background, f"{at}/background", fields.colour)
        widths = value.get("columns", [1])
        if not isinstance(widths, list) or tuple(widths) not in WIDTHS or True in map(_odd, widths):
            self.fault(f"{at}/columns", _("This must be one of the column layouts."))
            return None
        listed = self.many(value.get("blocks"), f"{at}/blocks", len(widths))
        if len(listed) != len(widths):
            self.fault(f"{at}/blocks", _("There must be one list of blocks for each column."))
            return None
        columns = []
        for place, column in enumerate(listed):
            pointer = f"{at}/blocks/{place}"
            found = [
                self.block(one, f"{pointer}/{index}")
                for index, one in enumerate(self.many(column, pointer, BLOCKS))
            ]
            columns.append(tuple(block for block in found if block is not None))
        show_if = self.show_if(value.get("showIf"), f"{at}/showIf", frozenset())
        name = self.id(value.get("id"), f"{at}/id")
        return Section(name, show_if, background, tuple(widths), tuple(columns))

    def block(self, value: Any, at: str) -> Block | None:
        self.blocks += 1
        if self.blocks > BLOCKS:
            if self.blocks == BLOCKS + 1:
                self.fault(at, _("There are more than %(limit)s blocks.") % {"limit": BLOCKS})
            return None
        if not self.is_object(value, at, ("id", "type", "props", "showIf", "repeat")):
            return None
        kind = value.get("type")
        if not isinstance(kind, str) or kind not in PROPS:
            self.fault(f"{at}/type", _("This type of block is not known."))
            return None
        name = self.id(value.get("id"), f"{at}/id")
        repeat = self.repeat(value.get("repeat"), f"{at}/repeat")
        names = frozenset({repeat.name}) if repeat else frozenset()
        props = self.values(value.get("props", {}), f"{at}/props", PROPS[kind], names)
        show_if = self.show_if(value.get("showIf"), f"{at}/showIf", names)
        return Block(name, kind, props, show_if, repeat, at)

    def show_if(self, value: Any, at: str, names: frozenset[str]) -> ShowIf | None:
        if value is None or not self.is_object(value, at, ("path", "op", "value")):
            return None
        path = self.path(value.get("path"), f"{at}/path", names)
        op, wanted = value.get("op"), value.get("value")
        if not isinstance(op, str) or op not in expressions.OPS:
            self.fault(
                f"{at}/op",
                _("This must be one of: %(choices)s.")
                % {"choices": ", ".join(sorted(expressions.OPS))},
            )
            return None
        if isinstance(wanted, str):
            wanted = self.checked(wanted, f"{at}/value", _short)
        elif not (wanted is None or isinstance(wanted, int | float)) or not _finite(wanted):
            self.fault(f"{at}/value", _("This must be text, a number, true or false."))
            return None
        if op in {"set", "unset"}:
            wanted = None
        elif op in {"gt", "lt"} and (
            isinstance(wanted, bool) or not isinstance(wanted, int | float)
        ):
            wanted = self.checked(wanted, f"{at}/value", _as_number)
        return ShowIf(path, op, wanted) if path else None

    def repeat(self, value: Any, at: str) -> Repeat | None:
        if value is None or not self.is_object(value, at, ("path", "as")):
            return None
        path = self.path(value.get("path"), f"{at}/path", frozenset())
        name = self.checked(value.get("as", fields.ITEM), f"{at}/as", _loop_name)
        return Repeat(path, name) if path and name else None

    def path(self, value: Any, at: str, names: frozenset[str]) -> str:
        found = self.checked(value, at, fields.path, names)
        if found == "":
            self.fault(at, _("Choose a variable."))
        return found or ""

    def id(self, value: Any, at: str) -> str:
        if not isinstance(value, str) or not _ID.fullmatch(value):
            self.fault(at, _("An id has up to 40 letters, digits, dashes and underscores."))
            return ""
        if value in self.ids:
            self.fault(at, _("This id is used twice."))
        self.ids.add(value)
        return value

    def values(
        self, value: Any, at: str, known: dict[str, Field], names: frozenset[str] = frozenset()
    ) -> dict[str, Any]:
        """An object's fields, each checked, those left out at their default."""
        if not self.is_object(value, at, tuple(known)):
            return {}
        return {
            key: self.checked(value[key], f"{at}/{key}", one.check, names)
            if key in value
            else one.default
            for key, one in known.items()
        }

    def checked(
        self, value: Any, at: str, check: fields.Check, names: frozenset[str] = frozenset()
    ) -> Any:
        try:
            return check(value, names)
        except Refused as err:
            self.fault(at + err.at, str(err))
            return None

    def is_object(self, value: Any, at: str, keys: tuple[str, ...]) -> bool:
        if not isinstance(value, dict):
            self.fault(at, _("This must be an object."))
            return False
        for key in value:
            if key not in keys:
                self.fault(f"{at}/{escaped(key)}", _("This property is not known."))
        return True

    def many(self, value: Any, at: str, most: int) -> list[Any]:
        if not isinstance(value, list):
            self.fault(at, _("This must be a list."))
            return []
        if len(value) > most:
            self.fault(at, _("This must be a list of at most %(limit)s.") % {"limit": most})
            return []
        return value


def _odd(width: Any) -> bool:
    return type(width) is not int


def _finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _short(value: Any, names: frozenset[str]) -> str:
    return clean(value, fields.TEXT_LIMIT)


def _as_number(value: Any, names: frozenset[str]) -> float:
    try:
        found = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise Refused(_("This must be a number."))
    return found


def _loop_name(value: Any, names: frozenset[str]) -> str:
    try:
        return expressions.parse_name(clean(value, fields.TEXT_LIMIT))
    except expressions.ExpressionRefused as err:
        raise Refused(str(err)) from err


def _section_json(section: Section) -> dict[str, Any]:
    return {
        "id": section.id,
        "showIf": asdict(section.show_if) if section.show_if else None,
        "background": section.background,
        "columns": list(section.widths),
        "blocks": [[_block_json(block) for block in column] for column in section.columns],
    }


def _block_json(block: Block) -> dict[str, Any]:
    repeat = block.repeat
    return {
        "id": block.id,
        "type": block.type,
        "props": block.props,
        "showIf": asdict(block.show_if) if block.show_if else None,
        "repeat": {"path": repeat.path, "as": repeat.name} if repeat else None,
    }
