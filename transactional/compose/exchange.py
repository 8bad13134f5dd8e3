"""An email as data: what the API answers, what lies in a git repository, and the way back in.

`told` gives the whole draft in a stable order; `read` takes it apart again, with every fault and its
place, and is as strict as the pages are.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from config.errors import Detail, PostinoError, Refusal
from domains.models import Domain
from tokens.models import Account
from transactional.compose import drafts, samples
from transactional.compose.contract import schema as contracts
from transactional.compose.document import schema
from transactional.compose.document.starters import LANGUAGES
from transactional.compose.drafts import DraftFields
from transactional.compose.template import SOURCE_LIMIT
from transactional.models import Email, EmailVersion, Kind, Lane, SenderAddress, SenderState
from transactional.wire.address import AddressError, parse_address
from transactional.wire.header import HeaderError, guard

LANES = {"urgent": Lane.URGENT, "normal": Lane.NORMAL, "bulk": Lane.BULK}
DEFAULT = "default"  # the name of the sample data that every email has
TAGS, TAG = 20, 40  # of one email; characters of one
LIFETIME = 7 * 86_400  # seconds
SAMPLE = 200_000  # octets of one set
# Name outside → name inside, longest text; in the order they are told
_LINES = (
    ("subject", "subject", 2000),
    ("previewText", "preview_text", 2000),
    ("fromName", "from_name", 200),
    ("fromAddress", "from_address", 254),
    ("replyTo", "reply_to", 254),
)
_FLAGS = (("trackOpens", "track_opens"), ("trackClicks", "track_clicks"))
KEYS = frozenset(
    {"name", "folder", "tags", "type", "lane", "language", "lifetime", "contract", "document",
     "html", "text", "samples"}
    | {key for key, _name, _limit in _LINES} | {key for key, _name in _FLAGS}
)  # fmt: skip


def told(email: Email) -> dict[str, Any]:
    """The draft, whole."""
    sets = {DEFAULT: email.sample, **{one.name: one.data for one in samples.listed(email)}}
    return {"name": email.name, "folder": email.folder, "tags": email.tags, **content(email),
            "samples": sets}  # fmt: skip


def content(one: Email | EmailVersion) -> dict[str, Any]:
    """What a draft and a version have in common. With blocks, the HTML follows from them."""
    found: dict[str, Any] = {"type": str(one.kind)}
    found |= {key: getattr(one, name) for key, name, _limit in _LINES}
    found["lane"] = next(key for key, lane in LANES.items() if lane == one.lane)
    found |= {key: getattr(one, name) for key, name in _FLAGS}
    found |= {"language": one.language, "lifetime": one.lifetime, "contract": one.contract}
    if one.document is not None:
        found["document"] = one.document
    else:
        found["html"] = one.html
    return found | {"text": one.text}


def create(account: Account, data: Any, *, by: str) -> Email:
    """A new email from data. Raises PostinoError INVALID_EMAIL with every fault."""
    reader = Reader(account, data, None)
    fields = reader.fields()
    email = drafts.create(account, fields, by=by)
    _keep_samples(email, reader.samples, by=by)
    return email


def save(email: Email, data: Any, *, revision: int, by: str) -> Email:
    """Put a whole draft over revision `revision`; what is left out stays. Raises PostinoError:
    INVALID_EMAIL with every fault, DRAFT_CHANGED.
    """
    reader = Reader(email.account, data, email)
    fields = reader.fields()
    values = fields.values
    if fields.document is not None:
        values |= drafts.compiled(schema.parse(fields.document), fields.subject)
    saved = drafts.put(email, values, revision=revision, by=by)
    _keep_samples(saved, reader.samples, by=by)
    return saved


def _keep_samples(email: Email, sets: Mapping[str, dict[str, Any]] | None, *, by: str) -> None:
    """Make the named sets what was sent, where any were."""
    if sets is None:
        return
    stored = {one.name: one for one in samples.listed(email)}
    for name, row in stored.items():
        if name not in sets:
            row.delete()
        elif row.data != sets[name]:
            samples.save(row, name=name, data=sets[name], by=by)
    for name, data in sets.items():
        if name not in stored:
            samples.create(email, name=name, data=data, by=by)


class Reader:
    """Reads a draft, collecting what is wrong with it."""

    def __init__(self, account: Account, data: Any, email: Email | None) -> None:
        self.account = account
        self.email = email
        self.data: dict[str, Any] = data if isinstance(data, dict) else {}
        self.faults: list[Detail] = []
        self.samples: dict[str, dict[str, Any]] | None = None
        if not isinstance(data, dict):
            self._fault("", "must be a JSON object", "INVALID_TYPE")

    def fields(self) -> DraftFields:
        """The draft. Raises PostinoError INVALID_EMAIL (422)."""
        for key in self.data:
            if key not in KEYS:
                self._fault(f"/{_escaped(key)}", "is not known", "UNKNOWN_FIELD")
        values: dict[str, Any] = {"name": self._name()}
        for key, name, limit in _LINES:
            values[name] = self._line(key, name, limit)
        for key, name in _FLAGS:
            values[name] = self._flag(key, name)
        values["from_address"] = self._sender(values["from_address"])
        values["reply_to"] = self._mailbox("replyTo", values["reply_to"])
        values |= {"kind": self._kind(), "lane": self._lane(), "language": self._language()}
        values |= {"lifetime": self._lifetime(), "tags": self._tags()}
        values["folder"] = self._line("folder", "folder", 100)
        values |= {"contract": self._contract(), "sample": self._samples()}
        values |= self._body()
        if self.faults:
            told = "; ".join(f"{one.pointer} {one.message}" for one in self.faults[:5])
            refusal = Refusal("INVALID_EMAIL", f"The email cannot be kept: {told}.", http=422,
                              details=tuple(self.faults))  # fmt: skip
            raise PostinoError(refusal)
        return DraftFields(**values)

    def _fault(self, pointer: str, problem: str, code: str) -> None:
        self.faults.append(Detail(pointer, problem, code))

    def _was(self, name: str, otherwise: Any) -> Any:
        return otherwise if self.email is None else getattr(self.email, name)

    def _name(self) -> str:
        name = self._line("name", "name", 200).strip()
        if not name:
            self._fault("/name", "is required", "REQUIRED_FIELD")
        return name

    def _line(self, key: str, name: str, limit: int) -> str:
        value = self.data.get(key, self._was(name, ""))
        text = self._text(key, value, limit)
        try:
            guard(text)
        except HeaderError:
            self._fault(f"/{key}", "holds line breaks or control characters", "INVALID_VALUE")
        return text

    def _text(self, key: str, value: Any, limit: int) -> str:
        if not isinstance(value, str):
            self._fault(f"/{key}", "must be text", "INVALID_TYPE")
        elif len(value) > limit:
            self._fault(f"/{key}", f"is longer than {limit} characters", "TOO_LONG")
        else:
            return value
        return ""

    def _flag(self, key: str, name: str) -> bool:
        value = self.data.get(key, self._was(name, True))
        if not isinstance(value, bool):
            self._fault(f"/{key}", "must be true or false", "INVALID_TYPE")
        return bool(value)

    def _mailbox(self, key: str, text: str) -> str:
        if not text:
            return ""
        try:
            found = parse_address(text)
        except AddressError:
            self._fault(f"/{key}", "is not a mail address", "INVALID_VALUE")
            return ""
        if found.name:
            self._fault(f"/{key}", "must be an address alone, without a name", "INVALID_VALUE")
        return found.spec

    def _sender(self, text: str) -> str:
        spec = self._mailbox("fromAddress", text)
        if not spec or spec == self._was("from_address", ""):
            return spec
        domain = parse_address(spec).domain_ascii
        verified = Domain.objects.of(self.account).filter(name=domain, verified_at__isnull=False)
        single = SenderAddress.objects.of(self.account).filter(
            address=spec.lower(), state=SenderState.CONFIRMED
        )
        if not verified.exists() and not single.exists():
            self._fault("/fromAddress", "is not on a verified domain", "INVALID_VALUE")
        return spec

    def _one_of(self, key: str, value: Any, choices: Sequence[str]) -> str:
        if isinstance(value, str) and value in choices:
            return value
        self._fault(f"/{key}", f"must be one of {', '.join(choices)}", "INVALID_VALUE")
        return choices[0]

    def _kind(self) -> str:
        was = str(self._was("kind", Kind.TRANSACTIONAL))
        return self._one_of("type", self.data.get("type", was), Kind.values)

    def _lane(self) -> int:
        if "lane" not in self.data:
            return int(self._was("lane", Lane.NORMAL))
        return int(LANES[self._one_of("lane", self.data["lane"], list(LANES))])

    def _language(self) -> str:
        was = self._was("language", "")
        known = ["", *dict(LANGUAGES)]
        value = self.data.get("language", was)
        return value if value == was else self._one_of("language", value, known)

    def _lifetime(self) -> int:
        value = self.data.get("lifetime", self._was("lifetime", 0))
        right = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LIFETIME
        if not right:
            self._fault("/lifetime", f"must be seconds from 0 to {LIFETIME}", "OUT_OF_RANGE")
        return value if right else 0

    def _tags(self) -> list[str]:
        value = self.data.get("tags", self._was("tags", []))
        if not isinstance(value, list) or len(value) > TAGS:
            self._fault("/tags", f"must be a list of at most {TAGS} words", "INVALID_TYPE")
            return []
        for at, one in enumerate(value):
            right = isinstance(one, str) and 0 < len(one) <= TAG and one.isprintable()
            if not right or "," in one:
                self._fault(f"/tags/{at}", f"must be 1 to {TAG} characters", "INVALID_VALUE")
        return value

    def _contract(self) -> list[dict[str, Any]] | None:
        if "contract" not in self.data:
            return None
        try:
            return contracts.parse(self.data["contract"]).json
        except contracts.ContractRefused as err:
            for one in err.faults:
                self._fault(f"/contract{one.pointer}", one.message, "INVALID_VALUE")
        return None

    def _samples(self) -> dict[str, Any]:
        stored: dict[str, Any] = self._was("sample", {})
        if "samples" not in self.data:
            return stored
        given = self.data["samples"]
        if not isinstance(given, dict) or len(given) > samples.MOST + 1:
            message = f"must be an object of at most {samples.MOST + 1} sets"
            self._fault("/samples", message, "INVALID_TYPE")
            return stored
        for name, one in given.items():
            at = f"/samples/{_escaped(name)}"
            if not name.strip() or len(name) > 100 or not name.isprintable():
                self._fault(at, "has a name outside 1 to 100 characters", "INVALID_VALUE")
            elif not isinstance(one, dict):
                self._fault(at, "must be an object", "INVALID_TYPE")
            elif len(orjson.dumps(one)) > SAMPLE:
                self._fault(at, f"is larger than {SAMPLE} octets", "TOO_LONG")
        self.samples = {name: one for name, one in given.items() if name != DEFAULT}
        default = given.get(DEFAULT, stored)
        return default if isinstance(default, dict) else stored

    def _body(self) -> dict[str, Any]:
        """Blocks, or HTML; and the text, where it is written by hand."""
        text = self.data.get("text", self._was("text", ""))
        values: dict[str, Any] = {"text": self._text("text", text, SOURCE_LIMIT)}
        blocks = self._was("document", None)
        if "document" in self.data and "html" in self.data:
            self._fault("/html", "cannot stand beside document", "INVALID_VALUE")
        elif "html" in self.data:
            values["html"] = self._text("html", self.data["html"], SOURCE_LIMIT)
            blocks = None
        elif "document" in self.data:
            blocks = self._document(self.data["document"])
        elif blocks is None:
            values["html"] = self._was("html", "")
        return values | {"document": blocks}

    def _document(self, value: Any) -> dict[str, Any] | None:
        try:
            return schema.parse(value).json
        except schema.DocumentRefused as err:
            for one in err.faults:
                self._fault(f"/document{one.pointer}", one.message, "INVALID_VALUE")
        return None


def _escaped(key: str) -> str:
    return str(key)[:60].replace("~", "~0").replace("/", "~1")
