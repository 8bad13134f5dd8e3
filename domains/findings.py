"""What a check found: one finding per record or property, told in words when it is shown."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from domains.dns import Answer
from domains.records import Record
from domains.sentences_table import tell
from domains.spf import Verdict

OK = "ok"
MISSING = "missing"  # not there: the usual state until someone publishes it
WRONG = "wrong"  # there, but not as it must be
UNKNOWN = "unknown"  # DNS did not answer: nothing is concluded
SHOWN, LONGEST = 5, 500  # values shown of one name, and characters of each


@dataclass(frozen=True, slots=True)
class Finding:
    """One judged record or property. `code` is stable; `found` is what DNS says now."""

    purpose: str
    host: str
    status: str
    code: str
    params: Mapping[str, str] = field(default_factory=dict)
    found: tuple[str, ...] = ()
    required: bool = True

    @property
    def sentence(self) -> str:
        """What is wrong and what to do, in the language of now; empty where nothing is."""
        return tell(self.code, {"host": self.host, **self.params})

    def stored(self) -> dict[str, Any]:
        """As kept in the row's JSON: no words, so that each reader has their own."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Seen:
    """What DNS said about one wanted record.

    `alias` is the CNAME of its host where the record was not found; `doubled` the answer for the
    host with the domain's name appended once more, where forms add it by themselves. `verdicts`
    are what receivers make of each IP by an SPF record, under `""` of an IP that is nobody's.
    """

    answer: Answer
    alias: str = ""
    doubled: tuple[str, ...] = ()
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)


def of(
    record: Record, status: str, code: str, found: tuple[str, ...] = (), **params: str
) -> Finding:
    """A finding about a record. What is shown is cut: a name may hold a hundred long records."""
    shown = tuple(value[:LONGEST] for value in found[:SHOWN])
    said = {name: text[:LONGEST] for name, text in params.items()}
    said |= {"type": record.type, "short": record.short_host}
    return Finding(record.purpose, record.host, status, code, said, shown, required=record.required)


def about(
    purpose: str, host: str, status: str, code: str, found: tuple[str, ...] = (), **params: str
) -> Finding:
    """A finding about a property of an IP."""
    said = {name: text[:LONGEST] for name, text in params.items()}
    return Finding(purpose, host, status, code, said, found[:SHOWN])


def sentence_of(stored: Mapping[str, Any]) -> str:
    """The sentence of a finding as kept in a row."""
    params = {"host": stored.get("host", ""), **stored.get("params", {})}
    return tell(stored.get("code", ""), params)
