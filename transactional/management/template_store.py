"""Where `manage.py templates` reads and writes emails: this installation, or another by its API."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
from django.db import transaction

from config.errors import Detail, PostinoError, Refusal
from tokens.models import Account
from transactional.compose import exchange, versions
from transactional.compose.document import checks
from transactional.models import Email

SECONDS = 30.0
BY = "manage.py templates"
EMAILS = "/api/v1/emails"


@dataclass(frozen=True, slots=True)
class Stored:
    """An email as the store has it."""

    id: str
    revision: int
    draft: dict[str, Any]


class Store(Protocol):
    """What the command needs of either. Every method raises PostinoError."""

    def all(self) -> Iterator[Stored]:
        """Every email that is not archived."""

    def get(self, email_id: str) -> Stored:
        """One email."""

    def create(self, draft: dict[str, Any]) -> Stored:
        """A new email."""

    def put(self, email_id: str, draft: dict[str, Any], *, revision: int) -> Stored:
        """Save over `revision`; DRAFT_CHANGED where somebody saved since."""

    def publish(self, email_id: str, *, note: str) -> int:
        """Make the draft live; the version's number."""

    def problems(self, email_id: str, draft: dict[str, Any]) -> list[tuple[str, str]]:
        """What the checks say, as (level, sentence). The store is left as it was."""


class Here(Store):
    """An account of this installation."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def all(self) -> Iterator[Stored]:
        """One after the other."""
        for email in Email.objects.of(self.account).filter(archived_at=None).order_by("pk"):
            yield _stored(email)

    def get(self, email_id: str) -> Stored:
        """One email."""
        return _stored(self._find(email_id))

    def _find(self, email_id: str) -> Email:
        number = int(email_id) if email_id.isascii() and email_id.isdigit() else 0
        rows = Email.objects.of(self.account).select_related("account", "published")
        found: Email | None = rows.filter(pk=min(number, 2**63 - 1)).first()
        if found is None:
            raise PostinoError(Refusal("OBJECT_NOT_FOUND", "There is no such email.", http=404))
        return found

    def create(self, draft: dict[str, Any]) -> Stored:
        """A new email."""
        return _stored(exchange.create(self.account, draft, by=BY))

    def put(self, email_id: str, draft: dict[str, Any], *, revision: int) -> Stored:
        """Save over `revision`."""
        return _stored(exchange.save(self._find(email_id), draft, revision=revision, by=BY))

    def publish(self, email_id: str, *, note: str) -> int:
        """Make the draft live."""
        return versions.publish(self._find(email_id), by=BY, note=note).number

    def problems(self, email_id: str, draft: dict[str, Any]) -> list[tuple[str, str]]:
        """The draft is saved, looked at, and taken back."""
        with transaction.atomic():
            if email_id:
                email = self._find(email_id)
                email = exchange.save(email, draft, revision=email.revision, by=BY)
            else:
                email = exchange.create(self.account, draft, by=BY)
            found: list[tuple[str, str]] = [
                (one.level, one.message) for one in checks.report(email).problems
            ]
            transaction.set_rollback(True)
        return found


def _stored(email: Email) -> Stored:
    return Stored(str(email.pk), email.revision, exchange.told(email))


class There(Store):
    """Another installation, by its API. The operator names the address, so no guard judges it."""

    def __init__(self, url: str, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=SECONDS, trust_env=False)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        try:
            answer = self._client.request(method, path, json=body)
        except httpx.HTTPError as err:
            message = f"{self._client.base_url} cannot be reached: {err}"
            raise PostinoError(Refusal("UNREACHABLE", message, http=503)) from err
        try:
            found = answer.json() if answer.content else {}
        except ValueError:
            found = {}
        if answer.is_success and isinstance(found, dict):
            return found
        raise PostinoError(_refusal(answer.status_code, found if isinstance(found, dict) else {}))

    def all(self) -> Iterator[Stored]:
        """Page by page, each with its draft."""
        path = f"{EMAILS}?limit=100"
        while path:
            page = self._call("GET", path)
            for one in page["results"]:
                yield self.get(one["id"])
            after = page.get("paging", {}).get("next", {}).get("after", "")
            path = f"{EMAILS}?limit=100&after={after}" if after else ""

    def get(self, email_id: str) -> Stored:
        """One email."""
        return _answered(self._call("GET", f"{EMAILS}/{email_id}"))

    def create(self, draft: dict[str, Any]) -> Stored:
        """A new email."""
        return _answered(self._call("POST", EMAILS, draft))

    def put(self, email_id: str, draft: dict[str, Any], *, revision: int) -> Stored:
        """Save over `revision`."""
        body = {**draft, "revision": revision}
        return _answered(self._call("PUT", f"{EMAILS}/{email_id}/draft", body))

    def publish(self, email_id: str, *, note: str) -> int:
        """Make the draft live."""
        answer = self._call("POST", f"{EMAILS}/{email_id}/publish", {"note": note})
        return int(answer["version"]["number"])

    def problems(self, email_id: str, draft: dict[str, Any]) -> list[tuple[str, str]]:
        """What the other side says of the draft it has: of what was pushed last."""
        if not email_id:
            return []
        answer = self._call("GET", f"{EMAILS}/{email_id}/checks")
        levels = {"BLOCKS_PUBLISHING": "block", "WARNING": "warn"}
        return [
            (levels.get(one["level"], "advice"), one["message"])
            for one in answer["results"]
            if not one.get("dismissed")
        ]


def _answered(body: dict[str, Any]) -> Stored:
    return Stored(str(body["id"]), int(body["revision"]), body["draft"])


def _refusal(status: int, body: dict[str, Any]) -> Refusal:
    details = tuple(
        Detail(str(one.get("in", "")), str(one.get("message", "")), str(one.get("code", "")))
        for one in body.get("errors", [])
    )
    message = str(body.get("message") or f"It answered {status}.")
    return Refusal(str(body.get("category", "REFUSED")), message, http=status, details=details)
