"""The JSON API's own dialect: how bodies are read, how answers and errors are written.

The one place for the error body of the public contract; RFC 8259 for JSON, RFC 9110 for statuses.
"""

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any

import orjson
import psycopg
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import Error as DatabaseError
from django.http import Http404, HttpResponse
from rest_framework import exceptions
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from config import disk
from config.errors import PostinoError

logger = logging.getLogger(__name__)

BODY_LIMIT = 5 * 1024 * 1024  # octets; stops a body from eating a worker's memory
DEPTH_LIMIT = 100  # arrays and objects in each other; stops recursion in whatever reads them next
CORRELATION_HEADER = "X-HubSpot-Correlation-Id"
RETRY_AFTER = 5  # seconds a caller is asked to wait while the database does not answer


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a request: where (`message.to`), a stable code, a sentence."""

    message: str
    pointer: str = ""
    code: str = ""
    context: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """As the contract's ErrorDetail; empty fields are left out."""
        found: dict[str, Any] = {"message": self.message}
        if self.code:
            found["code"] = self.code
        if self.pointer:
            found["in"] = self.pointer
        if self.context:
            found["context"] = self.context
        return found


class CallRefused(exceptions.APIException):
    """A call that is answered with the contract's error body; raised by porches alone."""

    def __init__(
        self,
        status: int,
        category: str,
        message: str,
        *,
        faults: Sequence[Fault] = (),
        links: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        policy: str = "",
    ) -> None:
        super().__init__(message)
        self.status_code = status
        self.category = category
        self.message = message
        self.faults = tuple(faults)
        self.links = dict(links or {})
        self.headers = dict(headers or {})
        self.policy = policy


def limited(message: str, *, policy: str, wait: int) -> CallRefused:
    """429 in the older shape, whose `policyName` tells clients when to come back."""
    headers = {"Retry-After": str(wait)}
    return CallRefused(429, "RATE_LIMITS", message, headers=headers, policy=policy)


def invalid(faults: Sequence[Fault]) -> CallRefused:
    """400 VALIDATION_ERROR that names every field at fault."""
    told = "; ".join(fault.message for fault in faults[:5])
    return CallRefused(400, "VALIDATION_ERROR", f"Invalid input: {told}", faults=faults)


class JSONBody(BaseParser):
    """Reads JSON (RFC 8259, UTF-8 only) and refuses what later code could not hold."""

    media_type = "*/*"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The body's value; an empty body is an empty object. Raises CallRefused."""
        request: Request = (parser_context or {})["request"]
        _check_type(media_type or "", request.META.get("HTTP_CONTENT_ENCODING", ""))
        if int(request.META.get("CONTENT_LENGTH") or 0) > BODY_LIMIT:
            raise _too_large()
        body = stream.read(BODY_LIMIT + 1)
        if len(body) > BODY_LIMIT:
            raise _too_large()
        return read_json(body)


def read_json(body: bytes) -> Any:
    """Decode and check. Lone surrogates, NaN, infinities and bad UTF-8 are refused by orjson."""
    if not body.strip():
        return {}
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as err:
        raise _malformed(f"The body is not valid JSON: {err}.") from err
    brackets = body.count(b"[") + body.count(b"{")
    # Only a body that could break a rule is walked through
    if (brackets > DEPTH_LIMIT or b"\\u0000" in body) and (problem := _problem(value)):
        raise _malformed(problem)
    return value


def _problem(value: Any) -> str:
    """Walk a value without recursion: too deep, or holding U+0000, which PostgreSQL cannot."""
    level: list[Any] = [value]
    for _ in range(DEPTH_LIMIT + 1):
        below: list[Any] = []
        for one in level:
            if isinstance(one, str):
                if "\0" in one:
                    return "The body holds the character U+0000."
            elif isinstance(one, dict):
                below.extend(one.keys())
                below.extend(one.values())
            elif isinstance(one, list):
                below.extend(one)
        if not below:
            return ""
        level = below
    return f"The body nests more than {DEPTH_LIMIT} levels."


def _check_type(content_type: str, encoding: str) -> None:
    kind = content_type.partition(";")[0].strip().lower()
    if kind and kind != "text/json" and not kind.endswith(("/json", "+json")):
        raise CallRefused(415, "UNSUPPORTED_MEDIA_TYPE", "Send the body as application/json.")
    if encoding.strip().lower() not in ("", "identity"):
        raise CallRefused(415, "UNSUPPORTED_MEDIA_TYPE", "Send the body without Content-Encoding.")


def _malformed(message: str) -> CallRefused:
    fault = Fault(message, pointer="body", code="INVALID_JSON")
    return CallRefused(400, "VALIDATION_ERROR", message, faults=[fault])


def _too_large() -> CallRefused:
    message = f"The body is larger than {BODY_LIMIT} octets."
    return CallRefused(413, "VALIDATION_ERROR", message, faults=[Fault(message, pointer="body")])


class JSONAnswer(BaseRenderer):
    """Writes answers: dates in UTC with milliseconds, no body for None."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The octets of the answer."""
        return b"" if data is None else write_json(data)


def write_json(data: Any) -> bytes:
    """JSON with dates as `2026-01-31T09:30:00.123Z`."""
    return orjson.dumps(data, default=_written, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _written(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    raise TypeError(f"no JSON for {type(value).__name__}")


def answered(data: Any) -> HttpResponse:
    """200 with this body, for calls that are too frequent for DRF's way to the same octets."""
    return HttpResponse(write_json(data), content_type=JSONAnswer.media_type)


class OnlyJSON(BaseContentNegotiation):
    """One parser, one renderer, whatever Accept says: clients send all sorts of it."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        """The JSON parser, which judges the content type by itself."""
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[Any], format_suffix: str | None = None
    ) -> tuple[Any, str]:
        """The JSON renderer."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


def answer_error(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler: every error becomes the contract's body, with a number to log."""
    refused = _translated(error)
    correlation = str(uuid.uuid4())
    request = context.get("request")
    where = f"{request.method} {request.path}" if request is not None else "a call"
    if refused.status_code >= 500:
        logger.error("%s failed, correlationId %s", where, correlation, exc_info=error)
    else:
        words = (where, refused.status_code, refused.category, correlation)
        logger.info("%s refused: %d %s, correlationId %s", *words)
    body: dict[str, Any] = {
        "status": "error",
        "message": refused.message,
        "correlationId": correlation,
        "category": refused.category,
    }
    if refused.faults:
        body["errors"] = [fault.body() for fault in refused.faults]
    if refused.links:
        body["links"] = refused.links
    if refused.policy:
        older = {"errorType": "RATE_LIMIT", "policyName": refused.policy, "requestId": correlation}
        body.update(older)
    headers = {**refused.headers, CORRELATION_HEADER: correlation}
    response = Response(body, status=refused.status_code, headers=headers)
    response._has_been_logged = True  # type: ignore[attr-defined]  # above, with its number
    return response


def _translated(error: Exception) -> CallRefused:
    """Any exception as the call's refusal."""
    if isinstance(error, CallRefused):
        refused = error
    elif isinstance(error, PostinoError):
        refused = _of_refusal(error)
    elif isinstance(error, Http404 | exceptions.NotFound):
        refused = CallRefused(404, "OBJECT_NOT_FOUND", "There is nothing at this address.")
    elif isinstance(error, exceptions.MethodNotAllowed):
        refused = CallRefused(405, "METHOD_NOT_ALLOWED", "This address does not know this method.")
    elif isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        refused = CallRefused(401, "INVALID_AUTHENTICATION", str(error.detail))
    elif isinstance(error, PermissionDenied | exceptions.PermissionDenied):
        refused = CallRefused(403, "FORBIDDEN", "This is not allowed.")
    elif isinstance(error, RequestDataTooBig):
        refused = _too_large()
    elif isinstance(error, SuspiciousOperation):
        refused = CallRefused(400, "VALIDATION_ERROR", "The request is malformed.")
    elif isinstance(error, exceptions.APIException):
        refused = CallRefused(error.status_code, "VALIDATION_ERROR", str(error.detail))
    elif _is_disk_full(error):
        refused = _of_refusal(PostinoError(disk.STORAGE_FULL))
    elif isinstance(error, DatabaseError | psycopg.Error):
        message = "The service cannot store or read this now; try again."
        wait = {"Retry-After": str(RETRY_AFTER)}
        refused = CallRefused(503, "SERVICE_UNAVAILABLE", message, headers=wait)
    else:
        refused = CallRefused(500, "INTERNAL_ERROR", "Something went wrong on our side.")
    if refused.status_code == 401:
        refused.headers.setdefault("WWW-Authenticate", "Bearer")
    return refused


def _is_disk_full(error: Exception) -> bool:
    """Whether PostgreSQL had no room; Django hides its error behind one of its own."""
    full = psycopg.errors.DiskFull
    return isinstance(error, full) or isinstance(error.__cause__, full)


def _of_refusal(error: PostinoError) -> CallRefused:
    refusal = error.refusal
    faults = [Fault(one.message, one.pointer, one.code) for one in refusal.details]
    if not faults and refusal.pointer:
        faults = [Fault(refusal.message, pointer=refusal.pointer)]
    return CallRefused(refusal.http, refusal.code, refusal.message, faults=faults)
