"""What an import says of what it did: line by line, what was replaced, dropped, or to be checked."""

from dataclasses import dataclass, field
from enum import StrEnum

NOTES_LIMIT = 500  # told of one file: more is another language


class Level(StrEnum):
    """What became of a part of the template."""

    REPLACED = "replaced"
    DROPPED = "dropped"
    CHECK = "check"


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to know: where it was in the file, what became of it, what it was.

    `code` is stable; the pages have its sentence, filled with `was` and `now`.
    """

    line: int
    level: Level
    code: str
    was: str = ""
    now: str = ""


@dataclass(slots=True)
class Notes:
    """Collects notes, each thing said once per line."""

    found: list[Note] = field(default_factory=list)

    def add(self, line: int, level: Level, code: str, was: str = "", now: str = "") -> None:
        """Remember one, cut to what a page can show."""
        one = Note(line, level, code, " ".join(was.split())[:120], " ".join(now.split())[:120])
        if len(self.found) < NOTES_LIMIT and one not in self.found:
            self.found.append(one)

    def sorted(self) -> tuple[Note, ...]:
        """In the order of the file."""
        return tuple(sorted(self.found, key=lambda note: note.line))


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A template that is one of ours now, and what was said of it on the way.

    `sample` has a word for each custom property it names, so that it can be previewed at once.
    """

    name: str
    subject: str
    html: str
    notes: tuple[Note, ...]
    sample: dict[str, object]
