"""What a check found: one finding per record or property, with a sentence that says what to do."""

from dataclasses import asdict, dataclass
from typing import Any

from domains.dns import Answer
from domains.records import Record

OK = "ok"
MISSING = "missing"  # not there: the usual state until someone publishes it
WRONG = "wrong"  # there, but not as it must be
UNKNOWN = "unknown"  # DNS did not answer: nothing is concluded


@dataclass(frozen=True, slots=True)
class Finding:
    """One judged record or property. `code` is stable; `found` is what DNS says now."""

    purpose: str
    host: str
    status: str
    code: str
    sentence: str = ""
    found: tuple[str, ...] = ()
    required: bool = True

    def stored(self) -> dict[str, Any]:
        """As kept in the row's JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Seen:
    """What DNS said about one wanted record.

    `alias` is the CNAME of its host where the record was not found; `doubled` the answer for the
    host with the domain's name appended once more, where forms add it by themselves.
    """

    answer: Answer
    alias: str = ""
    doubled: tuple[str, ...] = ()


def of(
    record: Record, status: str, code: str, sentence: str = "", found: tuple[str, ...] = ()
) -> Finding:
    """A finding about a record. `found` is cut: a name may hold a hundred long TXT records."""
    shown = tuple(value[:500] for value in found[:5])
    return Finding(record.purpose, record.host, status, code, sentence, shown, record.required)
