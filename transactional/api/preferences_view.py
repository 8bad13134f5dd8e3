"""What the calls of communication preferences share: inputs read, statuses and envelopes written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from rest_framework.request import Request

from config.calls import Call
from config.rest import CallRefused, Fault, invalid
from tokens.web import caller
from transactional import subscription_types
from transactional.models import (
    LegalBasis,
    Subscribed,
    SubscriptionSource,
    SubscriptionType,
)
from transactional.subscriptions import EXPLANATION_MAX, Origin, Person
from transactional.wire.address import AddressError, parse_address

FAMILY = "communication_preferences"
STATES = {
    "SUBSCRIBED": Subscribed.SUBSCRIBED,
    "UNSUBSCRIBED": Subscribed.UNSUBSCRIBED,
    "NOT_SPECIFIED": Subscribed.NOT_SPECIFIED,
}
WORDS = {value: word for word, value in STATES.items()}
MAX_ID = 2**63 - 1


class PreferencesCall(Call):
    """A call of this family: what only reads needs a narrower scope than what writes."""

    batch = False
    writes = False  # whether its POST changes anything

    @property
    def scopes(self) -> frozenset[str]:
        """Any of these suffices."""
        writing = self.writes and self.request.method == "POST"
        kind = "write" if writing else "read"
        found = {f"{FAMILY}.{kind}", f"{FAMILY}.read_write"}
        if self.batch:
            found.add(f"{FAMILY}.statuses.batch.{kind}")
        return frozenset(found)


@dataclass(slots=True)
class Input:
    """An input's field values and what is wrong with them; `where` stands before their names."""

    body: Mapping[str, Any]
    faults: list[Fault]
    where: str = ""

    def fault(self, name: str, problem: str, code: str) -> None:
        """Note what is wrong."""
        pointer = f"{self.where}{name}"
        self.faults.append(Fault(f"{pointer} {problem}", pointer, code))

    def email(self, name: str) -> str:
        """An address in lower case."""
        value = self.body.get(name)
        if value is None:
            self.fault(name, "is required", "REQUIRED_FIELD")
            return ""
        found = address(value)
        if found is None:
            self.fault(name, "must be one email address", "INVALID_EMAIL")
        return found or ""

    def type(self, name: str, known: Mapping[int, SubscriptionType]) -> int:
        """The number of one of the account's types."""
        value = self.body.get(name)
        if value is None:
            self.fault(name, "is required", "REQUIRED_FIELD")
            return 0
        number = _number(value)
        if number is None or number not in known:
            self.fault(name, "is no subscription type of this account", "INVALID_SUBSCRIPTION")
            return 0
        return number

    def choice(self, name: str, known: Iterable[str], *, required: bool) -> str:
        """One of these words, or nothing."""
        value = self.body.get(name)
        if value is None or value == "":
            if required:
                self.fault(name, "is required", "REQUIRED_FIELD")
            return ""
        if not isinstance(value, str) or value not in known:
            self.fault(name, f"must be one of {', '.join(known)}", "INVALID_VALUE")
            return ""
        return value

    def basis(self) -> tuple[str, str]:
        """The legal basis and its explanation."""
        basis = self.choice("legalBasis", LegalBasis.values, required=False)
        text = self.body.get("legalBasisExplanation")
        if text is None:
            return basis, ""
        if not isinstance(text, str) or len(text) > EXPLANATION_MAX:
            words = f"must be a text of at most {EXPLANATION_MAX} characters"
            self.fault("legalBasisExplanation", words, "INVALID_VALUE")
            return basis, ""
        return basis, text


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    plain = isinstance(value, int) and not isinstance(value, bool)
    return value if plain and 0 < value <= MAX_ID else None


def address(value: Any) -> str | None:
    """One address in lower case; None for anything else."""
    if not isinstance(value, str) or len(value) > 1000 or "\0" in value:
        return None
    try:
        return parse_address(value).spec.lower()
    except AddressError:
        return None


def body_of(request: Request) -> Mapping[str, Any]:
    """The request's object. Raises CallRefused."""
    if not isinstance(request.data, dict):
        raise invalid([Fault("The body must be a JSON object.", "body", "INVALID_TYPE")])
    return request.data


def must_be_email(text: str) -> str:
    """The address in a path. Raises CallRefused."""
    found = address(text)
    if found is None:
        raise invalid([Fault("This is not one email address.", "email", "INVALID_EMAIL")])
    return found


def check_channel(request: Request) -> None:
    """`channel=EMAIL` is the only one there is. Raises CallRefused."""
    given = request.query_params.get("channel")
    if given != "EMAIL":
        problem = "is required: EMAIL" if not given else "must be EMAIL"
        raise invalid([Fault(f"channel {problem}", "channel", "INVALID_VALUE")])


def origin(request: Request) -> Origin:
    """That an API key said so."""
    return Origin(source=SubscriptionSource.API, by=caller(request).name)


def types_of(request: Request) -> dict[int, SubscriptionType]:
    """The account's active types by number, in their order."""
    return {one.pk: one for one in subscription_types.all_types(caller(request).account_id)}


def definition(one: SubscriptionType, *, translations: bool = False) -> dict[str, Any]:
    """SubscriptionDefinition."""
    view: dict[str, Any] = {
        "id": str(one.pk),
        "name": one.name,
        "description": one.description,
        "purpose": "Marketing",
        "communicationMethod": "Email",
        "isActive": one.is_active,
        "isDefault": one.is_default,
        "isInternal": False,
        "createdAt": one.created_at,
        "updatedAt": one.updated_at,
    }
    if translations:
        view["subscriptionTranslations"] = [
            {
                "subscriptionId": one.pk,
                "languageCode": language,
                "name": one.named(language),
                "description": one.described(language),
                "createdAt": _milliseconds(one.created_at),
                "updatedAt": _milliseconds(one.updated_at),
            }
            for language in ("en", "it")
        ]
    return view


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def public_status(person: Person, one: SubscriptionType, *, reason: str = "") -> dict[str, Any]:
    """PublicStatus."""
    answer = person.answers.get(one.pk)
    view: dict[str, Any] = {
        "channel": "EMAIL",
        "subscriberIdString": person.email,
        "subscriptionId": one.pk,
        "subscriptionName": one.name,
        "status": WORDS[person.status(one.pk)],
        "source": str(answer.source).upper() if answer else "",
        "timestamp": person.left_all_at or (answer.at if answer else one.created_at),
    }
    if person.left_all_at is not None:
        view["source"] = "PORTAL_WIDE_STATUS"
    elif answer is not None and answer.legal_basis:
        view["legalBasis"] = answer.legal_basis
        view["legalBasisExplanation"] = answer.explanation
    if reason:
        view["setStatusSuccessReason"] = reason
    return view


def wide_status(person: Person, now: datetime) -> dict[str, Any]:
    """PublicWideStatus: whether all marketing mail was left."""
    left = person.left_all_at
    return {
        "channel": "EMAIL",
        "subscriberIdString": person.email,
        "wideStatusType": "PORTAL_WIDE",
        "status": "UNSUBSCRIBED" if left else "NOT_SPECIFIED",
        "timestamp": left or now,
    }


def envelope(
    results: Sequence[Any], started: datetime, faults: Sequence[Fault] = ()
) -> dict[str, Any]:
    """The answer of an action, with what could not be done."""
    view: dict[str, Any] = {
        "status": "COMPLETE",
        "results": list(results),
        "requestedAt": started,
        "startedAt": started,
        "completedAt": timezone.now(),
    }
    if faults:
        view["numErrors"] = len(faults)
        view["errors"] = [
            {
                "status": "error",
                "category": "VALIDATION_ERROR",
                "message": fault.message,
                "context": {"in": [fault.pointer]},
                "links": {},
                "errors": [fault.body()],
            }
            for fault in faults
        ]
    return view


def already_left(email: str, type_id: int) -> CallRefused:
    """v3 does not bring back who has left."""
    words = f"Subscription {type_id} for {email} cannot be updated because they have unsubscribed"
    return CallRefused(
        400,
        "VALIDATION_ERROR",
        words,
        faults=[Fault(words, "emailAddress", "PREVIOUSLY_UNSUBSCRIBED")],
    )
