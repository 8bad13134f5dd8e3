"""HTTP single send: one email, one person, now. The hot path: hand-written checks, no serializer."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from config.calls import Call
from config.rest import Fault, answered, invalid
from tokens.auth import Principal
from tokens.web import caller
from transactional.api import send_view
from transactional.models import Source
from transactional.submission import together
from transactional.submission.request import LONGEST, Refused, TemplateSubmission

MAX_ID = 2**63 - 1
SEND_ID_LIMIT = 255  # characters, the width of its column
ADDRESS_LIMIT = 1000  # characters: a display name and an address of RFC 5321's sizes
REPLY_TO_LIMIT = 20  # addresses; stops a header from growing without end
PROPERTY_LIMIT = 200  # contact properties of one call; they stay on the contact
NAME_LIMIT = 200  # characters of a property's name
METADATA_LIMIT, METADATA_NAME, METADATA_VALUE = 20, 40, 500  # pairs; characters: kept per message
VALUE_LIMIT = 65_536  # characters of a contact property


class SingleSend(Call):
    """Send an email that is kept here to one recipient."""

    scopes = frozenset({"transactional-email"})

    def post(self, request: Request) -> HttpResponse:
        """200 with the send's status, whatever the outcome; 400 for a body that is no request."""
        submission = Reader(request.data).submission(caller(request))
        answer = together.accept(submission)
        if isinstance(answer, Refused):
            return answered(send_view.refused(answer))
        return answered(send_view.accepted(answer))


class MarketingSingleSend(SingleSend):
    """The same call under its other names, for either kind of mail."""

    scopes = frozenset({"marketing-email", "transactional-email"})


class Reader:
    """Reads the request's body, collecting what is wrong with it; unknown fields are ignored."""

    def __init__(self, body: Any) -> None:
        self.body = body
        self.faults: list[Fault] = []

    def submission(self, principal: Principal) -> TemplateSubmission:
        """The submission. Raises CallRefused: 400, with every fault and where it is."""
        body = self.body
        if not isinstance(body, dict):
            raise invalid([Fault("The body must be a JSON object.", "body", "INVALID_TYPE")])
        message = body.get("message")
        if message is None:
            self._fault("message", "is required", "REQUIRED_FIELD")
            message = {}
        elif not isinstance(message, dict):
            self._fault("message", "must be an object", "INVALID_TYPE")
            message = {}
        elif message.get("to") is None:
            self._fault("message.to", "is required", "REQUIRED_FIELD")
        found = TemplateSubmission(
            principal=principal,
            source=Source.API,
            email_id=self._id(body),
            to=self._text(message, "to"),
            from_=self._text(message, "from"),
            send_id=self._text(message, "sendId", SEND_ID_LIMIT),
            metadata=self._metadata(message.get("metadata")),
            reply_to=self._texts(message, "replyTo", REPLY_TO_LIMIT),
            cc=self._texts(message, "cc"),
            bcc=self._texts(message, "bcc"),
            contact_properties=self._contact(body.get("contactProperties")),
            custom=self._custom(body.get("customProperties")),
            deliver_within=self._within(message.get("deliverWithin")),
        )
        if self.faults:
            raise invalid(self.faults)
        return found

    def _fault(self, pointer: str, problem: str, code: str) -> None:
        self.faults.append(Fault(f"{pointer} {problem}", pointer, code))

    def _id(self, body: Mapping[str, Any]) -> int:
        value = body.get("emailId")
        if value is None:
            self._fault("emailId", "is required", "REQUIRED_FIELD")
        elif not isinstance(value, int) or isinstance(value, bool):
            self._fault("emailId", "must be a whole number", "INVALID_TYPE")
        elif not 0 <= value <= MAX_ID:
            self._fault("emailId", "is out of range", "OUT_OF_RANGE")
        else:
            return value
        return 0

    def _text(self, message: Mapping[str, Any], name: str, limit: int = ADDRESS_LIMIT) -> str:
        value = message.get(name)
        if value is None:
            return ""
        return value if self._is_text(value, f"message.{name}", limit) else ""

    def _is_text(self, value: Any, pointer: str, limit: int) -> bool:
        if not isinstance(value, str):
            self._fault(pointer, "must be a string", "INVALID_TYPE")
        elif len(value) > limit:
            self._fault(pointer, f"is longer than {limit} characters", "TOO_LONG")
        else:
            return True
        return False

    def _texts(
        self, message: Mapping[str, Any], name: str, most: int | None = None
    ) -> tuple[str, ...]:
        value, pointer = message.get(name), f"message.{name}"
        if value is None:
            return ()
        if not isinstance(value, list):
            self._fault(pointer, "must be a list of strings", "INVALID_TYPE")
            return ()
        if most is not None and len(value) > most:
            self._fault(pointer, f"holds more than {most} addresses", "TOO_MANY")
            return ()
        return self._all_text(value, pointer)

    def _all_text(self, values: Sequence[Any], pointer: str) -> tuple[str, ...]:
        for place, one in enumerate(values):
            if not self._is_text(one, f"{pointer}[{place}]", ADDRESS_LIMIT):
                return ()
        return tuple(values)

    def _within(self, value: Any) -> int | None:
        """Our own addition: seconds after which the mail is of no use any more."""
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            self._fault("message.deliverWithin", "must be a number of seconds", "INVALID_TYPE")
        elif not 1 <= value <= LONGEST:
            self._fault("message.deliverWithin", f"must be from 1 to {LONGEST}", "OUT_OF_RANGE")
        else:
            return value
        return None

    def _contact(self, value: Any) -> Mapping[str, str]:
        """Text only, because these stay on the contact."""
        if value is None:
            return {}
        pointer = "contactProperties"
        if not isinstance(value, dict):
            self._fault(pointer, "must be an object of strings", "INVALID_TYPE")
            return {}
        if len(value) > PROPERTY_LIMIT:
            self._fault(pointer, f"holds more than {PROPERTY_LIMIT} properties", "TOO_MANY")
            return {}
        for name, text in value.items():
            if not name or len(name) > NAME_LIMIT:
                self._fault(pointer, f"has a name outside 1 to {NAME_LIMIT} characters", "TOO_LONG")
            elif not self._is_text(text, f"{pointer}.{name}", VALUE_LIMIT):
                break
        return value

    def _metadata(self, value: Any) -> Mapping[str, str]:
        """Our own addition: the caller's words for the message, told back with its events."""
        if value is None:
            return {}
        pointer = "message.metadata"
        if not isinstance(value, dict):
            self._fault(pointer, "must be an object of strings", "INVALID_TYPE")
            return {}
        if len(value) > METADATA_LIMIT:
            self._fault(pointer, f"holds more than {METADATA_LIMIT} pairs", "TOO_MANY")
            return {}
        for name, text in value.items():
            if not name or len(name) > METADATA_NAME:
                words = f"has a name outside 1 to {METADATA_NAME} characters"
                self._fault(pointer, words, "TOO_LONG")
            else:
                self._is_text(text, f"{pointer}.{name}", METADATA_VALUE)
        return value

    def _custom(self, value: Any) -> Mapping[str, Any]:
        """Any JSON, for this mail alone."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._fault("customProperties", "must be an object", "INVALID_TYPE")
            return {}
        return value
