"""A stored decision as a step of the story: its code, its data, and its sentence in today's language."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from transactional.explain.sentences_table import SENTENCES
from transactional.explain.waits import tell_wait


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
        if sentence is None:
            return _("%(step)s: %(code)s.") % {"step": self.step, "code": self.code}
        holes = _Holes(code=self.code)
        holes.update({name: _told(self.step, name, value) for name, value in self.data.items()})
        return str(sentence) % holes


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
    if (step, name) == ("shaping", "why") and isinstance(value, str):
        return tell_wait(value)
    if name == "due" and isinstance(value, str) and (moment := parse_datetime(value)):
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
