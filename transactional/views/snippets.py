"""The example that sends an email from a program, with its real id, host and variables."""

import shlex
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings

from config.errors import PostinoError
from transactional.compose import render
from transactional.models import Email

PATH = "/marketing/v3/transactional/single-email/send"


@dataclass(frozen=True, slots=True)
class Snippet:
    """A command to paste; `variables` are the properties the draft names."""

    curl: str
    variables: tuple[str, ...]


def single_send(email: Email) -> Snippet:
    """A curl call of the single-send API for this email. A broken draft names no variables."""
    try:
        paths = sorted(render.compiled(email).paths)
    except PostinoError:
        paths = []
    named = tuple(p for p in paths if p.startswith(("contact.", "custom.")))
    body: dict[str, Any] = {"emailId": email.pk, "message": {"to": "anna@example.com"}}
    contact = _filled(email.sample.get("contact", {}), named, "contact")
    contact = {key: str(value) for key, value in contact.items() if key != "email"}
    if contact:
        body["contactProperties"] = contact
    custom = _filled(email.sample.get("custom", {}), named, "custom")
    if custom:
        body["customProperties"] = custom
    text = orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
    curl = (
        f"curl {settings.PUBLIC_URL}{PATH} \\\n"
        '  -H "Authorization: Bearer $API_KEY" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(text)}"
    )
    return Snippet(curl, named)


def _filled(sample: dict[str, Any], named: tuple[str, ...], head: str) -> dict[str, Any]:
    """The sample's values for what the draft uses, and a word where the sample has none."""
    wanted = dict.fromkeys(p.split(".")[1] for p in named if p.startswith(f"{head}."))
    return {name: sample.get(name, f"<{name}>") for name in wanted}
