"""What differs between two versions of an email: settings, block by block, and word by word."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any

from transactional.compose.document import schema
from transactional.compose.document.model import Block
from transactional.compose.document.word_checks import words_of
from transactional.models.email import CONTENT_FIELDS, EmailContent
from transactional.wire.text import html_to_text

LINES = 1500  # of each side that are compared: the work grows with their product
AROUND = 2  # lines shown before and after a change
LABEL = 80  # characters of a block's words
# What is compared by blocks and lines, or has a table of its own
_ELSEWHERE = frozenset({"html", "text", "contract", "subscription_type_id"})


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that is not the same."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """A block that was `added`, `removed`, `moved` or `changed`, and in which properties."""

    kind: str
    type: str
    words: str
    properties: tuple[str, ...] = ()
    before: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a diff: `sign` is "+", "-", " " or "…" where equal lines are left out."""

    sign: str
    text: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that differs. `blocks` is None where a side has none; `cut`: a side was too long."""

    settings: tuple[Setting, ...]
    variables: tuple[Change, ...]
    blocks: tuple[Change, ...] | None
    text: tuple[Line, ...]
    source: tuple[Line, ...]
    cut: bool

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.settings or self.variables or self.blocks or self.text or self.source)


def compare(before: EmailContent, after: EmailContent, *, documents: Sequence[Any]) -> Comparison:
    """Tell two contents apart; `documents` are their blocks' JSON, None where written as HTML."""
    settings = tuple(
        Setting(name, getattr(before, name), getattr(after, name))
        for name in CONTENT_FIELDS
        if name not in _ELSEWHERE and getattr(before, name) != getattr(after, name)
    )
    old, new = documents
    blocks = None
    if old is not None and new is not None:
        blocks = tuple(_blocks(schema.parse(old), schema.parse(new)))
    texts = [one.text or html_to_text(one.html) for one in (before, after)]
    sources = ["", ""] if blocks is not None else [before.html, after.html]
    return Comparison(
        settings=settings,
        variables=tuple(_variables(before.contract, after.contract)),
        blocks=blocks,
        text=lines(*texts),
        source=lines(*sources),
        cut=any(one.count("\n") > LINES for one in (*texts, *sources)),
    )


def _blocks(before: Any, after: Any) -> Iterator[Change]:
    old = {block.id: block for block in before.blocks()}
    new = {block.id: block for block in after.blocks()}
    for key, block in old.items():
        if key not in new:
            yield Change("removed", block.type, _label(block))
    kept_old = [key for key in old if key in new]
    kept_new = [key for key in new if key in old]
    matches = SequenceMatcher(None, kept_old, kept_new, autojunk=False).get_matching_blocks()
    still = {key for one in matches for key in kept_new[one.b : one.b + one.size]}
    for key, block in new.items():
        was = old.get(key)
        if was is None:
            yield Change("added", block.type, _label(block))
            continue
        if key not in still:
            yield Change("moved", block.type, _label(block))
        if changed := _changed(was, block):
            words = _label(was)
            before_words = words if words != _label(block) else ""
            yield Change("changed", block.type, _label(block), changed, before_words)
    yield from _sections(before, after)


def _sections(before: Any, after: Any) -> Iterator[Change]:
    old = {one.id: (one.background, one.widths, one.show_if) for one in before.sections}
    for one in after.sections:
        if one.id in old and old[one.id] != (one.background, one.widths, one.show_if):
            yield Change("changed", "section", "")
    if before.settings != after.settings:
        yield Change("changed", "look", "")


def _changed(was: Block, now: Block) -> tuple[str, ...]:
    names = [key for key in now.props if was.props.get(key) != now.props[key]]
    names += ["type"] * (was.type != now.type)
    names += ["showIf"] * (was.show_if != now.show_if) + ["repeat"] * (was.repeat != now.repeat)
    return tuple(names)


def _label(block: Block) -> str:
    words = " ".join(words_of(block).split())
    return words if len(words) <= LABEL else f"{words[: LABEL - 1]}…"


def _variables(before: Any, after: Any) -> Iterator[Change]:
    old = {one["name"]: one for one in before or []}
    new = {one["name"]: one for one in after or []}
    for name, one in old.items():
        if name not in new:
            yield Change("removed", one["type"], name)
    for name, one in new.items():
        was = old.get(name)
        if was is None:
            yield Change("added", one["type"], name)
        elif was != one:
            changed = tuple(key for key in sorted({*was, *one}) if was.get(key) != one.get(key))
            yield Change("changed", one["type"], name, changed)


def lines(before: str, after: str) -> tuple[Line, ...]:
    """The changed lines with some around them; none where both are the same."""
    if before == after:
        return ()
    old, new = before.splitlines()[:LINES], after.splitlines()[:LINES]
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    found: list[Line] = []
    groups = list(matcher.get_grouped_opcodes(AROUND))
    for group, following in pairwise([*groups, []]):
        for tag, a, b, c, d in group:
            if tag == "equal":
                found += [Line(" ", text) for text in old[a:b]]
            else:
                found += [Line("-", text) for text in old[a:b]]
                found += [Line("+", text) for text in new[c:d]]
        if following:
            found.append(Line("…", ""))
    return tuple(found)
