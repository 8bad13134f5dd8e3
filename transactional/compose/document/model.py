"""A checked document as frozen data: settings, sections, columns, blocks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Settings:
    """What the whole email looks like; `width` and `radius` in CSS pixels, colours as #rrggbb."""

    width: int
    background: str
    surface: str
    text: str
    accent: str
    font: str
    lang: str
    radius: int


@dataclass(frozen=True, slots=True)
class ShowIf:
    """Shown only if the test holds."""

    path: str
    op: str
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Repeat:
    """Shown once for each entry of a list, which `name` stands for."""

    path: str
    name: str


@dataclass(frozen=True, slots=True)
class Block:
    """One block; `props` are complete and of the types its kind names."""

    id: str
    type: str
    props: dict[str, Any]
    show_if: ShowIf | None
    repeat: Repeat | None
    pointer: str

    @property
    def names(self) -> frozenset[str]:
        """What its own loop names."""
        return frozenset({self.repeat.name}) if self.repeat else frozenset()


@dataclass(frozen=True, slots=True)
class Section:
    """A band of columns; `widths` are their shares."""

    id: str
    show_if: ShowIf | None
    background: str | None
    widths: tuple[int, ...]
    columns: tuple[tuple[Block, ...], ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A document that has passed the schema; `json` is what is stored."""

    settings: Settings
    sections: tuple[Section, ...]
    json: dict[str, Any]

    def blocks(self) -> Iterator[Block]:
        """Every block, in reading order."""
        for section in self.sections:
            for column in section.columns:
                yield from column
