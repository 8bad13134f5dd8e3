"""A stored decision as a step of the story: its code, its data, and its sentence in today's language."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from domains.findings import sentence_of
from transactional.explain.sentences_table import SENTENCES
from transactional.explain.values import word

PASSED = "passed"  # the step under which the table keeps why an IP was passed over
NO_SOURCE = "no_source"


@dataclass(frozen=True, slots=True)
class Step:
    """One decision. `step` and `code` are stable; `data` is what it was taken from."""

    step: str
    code: str
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def says(self) -> str:
        """The decision as a sentence."""
        sentence = SENTENCES.get((self.step, self.code)) or SENTENCES.get((self.step, ""))
        if self.code == NO_SOURCE and self.others:
            sentence = SENTENCES[(self.step, "no_source_of_these")]
        if sentence is None:
            return _("Something was decided that this version of Postino has no words for.")
        return _filled(str(sentence), self.step, self.data)

    @property
    def others(self) -> tuple["Other", ...]:
        """Of a choice of IP: each other one of the pool, in the order they were passed over."""
        stored = self.data.get("others")
        found = []
        for one in stored if isinstance(stored, list) else ():
            if isinstance(one, dict) and isinstance(one.get("address"), str):
                data = one.get("data")
                told = data if isinstance(data, dict) else {}
                found.append(Other(one["address"], str(one.get("code", "")), told))
        return tuple(found)

    @property
    def facts(self) -> dict[str, Any]:
        """The data without what `others` tells."""
        return {name: value for name, value in self.data.items() if name != "others"}


@dataclass(frozen=True, slots=True)
class Other:
    """An IP of the pool from which a try did not leave; `code` is stable."""

    address: str
    code: str
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def says(self) -> str:
        """Why not, as a sentence."""
        sentence = SENTENCES.get((PASSED, self.code)) or SENTENCES[(PASSED, "")]
        return _filled(str(sentence), PASSED, self.data)


def _filled(sentence: str, step: str, data: Mapping[str, Any]) -> str:
    holes = _Holes()
    holes.update({name: _told(step, name, value) for name, value in data.items()})
    return sentence % holes


class _Holes(dict[str, str]):
    """What an old record lacks leaves a dash, not an error."""

    def __missing__(self, key: str) -> str:
        return "–"


def steps(stored: object) -> tuple[Step, ...]:
    """The steps of what `decisions` columns and events keep; what is not one is left out."""
    found = []
    for one in stored if isinstance(stored, list) else ():
        if isinstance(one, dict) and isinstance(one.get("step"), str):
            data = one.get("data")
            code = str(one.get("code", ""))
            found.append(Step(one["step"], code, data if isinstance(data, dict) else {}))
    return tuple(found)


def _told(step: str, name: str, value: object) -> str:
    """A value as its sentence holds it: what is waited for in words, a moment in local time."""
    if name == "others":
        return ""
    if name == "finding" and isinstance(value, Mapping):
        return sentence_of(value)
    if isinstance(value, str) and (words := word(step, name, value)) is not None:
        return words
    if (
        name in ("due", "since", "until")
        and isinstance(value, str)
        and (moment := parse_datetime(value))
    ):
        return date_format(localtime(moment), "Y-m-d H:i:s")
    return _plain(value)


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(_plain(one) for one in value)
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
