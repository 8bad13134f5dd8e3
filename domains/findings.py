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
    """One judged record or property. `code` is stable; `found` is what DNS says now.

    `ttl` are the seconds that resolvers may keep that answer after it was put right.
    """

    purpose: str
    host: str
    status: str
    code: str
    params: Mapping[str, str] = field(default_factory=dict)
    found: tuple[str, ...] = ()
    required: bool = True
    ttl: int = 0

    @property
    def sentence(self) -> str:
        """What is wrong and what to do, in the language of now; empty where nothing is."""
        return tell(self.code, {"host": self.host, **self.params})

    def stored(self) -> dict[str, Any]:
        """As kept in the row's JSON: no words, so that each reader has their own."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Seen:
    """What DNS said about one wanted record, and what was seen around it where it is not right."""

    answer: Answer
    alias: str = ""  # the CNAME of its host
    behind: Answer | None = None  # what the name has by way of the alias that is wanted
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)  # by IP; "" is nobody's
    others: Mapping[str, str] = field(default_factory=dict)  # values of other records → their host
    doubled: tuple[str, ...] = ()  # at the host with the domain appended once more, as forms do
    elsewhere: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # at likely mistakes
    addresses: tuple[str, ...] = ()  # of the host itself
    delegated: tuple[str, ...] = ()  # name servers of _domainkey
    mx_aliases: Mapping[str, str] = field(default_factory=dict)  # mail server → its CNAME
    silent: tuple[str, ...] = ()  # name servers of the zone that do not answer for it
    wildcard: bool = False  # a name that nobody made has the same records
    bogus: bool = False  # only DNSSEC keeps the answer back
    looped: bool = False  # the aliases go round
    dangling: bool = False  # the alias leads to a name that does not exist


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
