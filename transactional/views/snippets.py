"""The examples that send an email from a program, with its real id, host and variables."""

import pprint
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings

from config.errors import PostinoError
from transactional.compose import render
from transactional.models import Email

PATH = "/marketing/v3/transactional/single-email/send"
READER = "anna@example.com"


@dataclass(frozen=True, slots=True)
class Snippet:
    """A command to paste; `variables` are the properties the draft names."""

    curl: str
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A program in one language."""

    key: str
    label: str
    code: str


def single_send(email: Email) -> Snippet:
    """A curl call of the single-send API for this email. A broken draft names no variables."""
    return Snippet(_curl(body(email, email.sample)), named(email))


def examples(email: Email, sample: Mapping[str, Any]) -> tuple[Example, ...]:
    """The same call in each language, filled with this sample data; and mail over SMTP."""
    call = body(email, sample, send_id=f"email-{email.pk}-event-1")
    made = [Example(key, label, write(call)) for key, label, write in _LANGUAGES]
    return (*made, Example("smtp", "SMTP", _smtp(email)))


def named(email: Email) -> tuple[str, ...]:
    """The paths under contact and custom that the draft's templates name, in order."""
    try:
        paths = sorted(render.compiled(email).paths)
    except PostinoError:
        return ()
    return tuple(p for p in paths if p.startswith(("contact.", "custom.")))


def body(email: Email, sample: Mapping[str, Any], *, send_id: str = "") -> dict[str, Any]:
    """The body of a call, with a value for each property that is named."""
    message = {"to": READER, **({"sendId": send_id} if send_id else {})}
    call: dict[str, Any] = {"emailId": email.pk, "message": message}
    paths = named(email)
    contact = _filled(sample.get("contact", {}), paths, "contact")
    contact = {key: str(value) for key, value in contact.items() if key != "email"}
    if contact:
        call["contactProperties"] = contact
    custom = _filled(sample.get("custom", {}), paths, "custom")
    if custom:
        call["customProperties"] = custom
    return call


def _filled(sample: Mapping[str, Any], paths: tuple[str, ...], head: str) -> dict[str, Any]:
    """The sample's values for what the draft uses, and a word where the sample has none."""
    wanted = dict.fromkeys(p.split(".")[1] for p in paths if p.startswith(f"{head}."))
    return {name: sample.get(name, f"<{name}>") for name in wanted}


def _json(call: Mapping[str, Any]) -> str:
    return orjson.dumps(call, option=orjson.OPT_INDENT_2).decode()


def _curl(call: Mapping[str, Any]) -> str:
    return (
        f"curl {settings.PUBLIC_URL}{PATH} \\\n"
        '  -H "Authorization: Bearer $API_KEY" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(_json(call))}"
    )


def _python(call: Mapping[str, Any]) -> str:
    data = pprint.pformat(dict(call), sort_dicts=False, width=80).replace("\n", "\n    ")
    return (
        "import json, urllib.request\nfrom os import environ\n\n"
        "request = urllib.request.Request(\n"
        f'    "{settings.PUBLIC_URL}{PATH}",\n'
        f"    data=json.dumps({data}).encode(),\n"
        "    headers={\n"
        '        "Authorization": f"Bearer {environ[\'API_KEY\']}",\n'
        '        "Content-Type": "application/json",\n'
        "    },\n"
        ")\n"
        "with urllib.request.urlopen(request, timeout=10) as answer:\n"
        "    print(json.load(answer))"
    )


def _node(call: Mapping[str, Any]) -> str:
    return (
        f'const answer = await fetch("{settings.PUBLIC_URL}{PATH}", {{\n'
        '  method: "POST",\n'
        "  headers: {\n"
        "    Authorization: `Bearer ${process.env.API_KEY}`,\n"
        '    "Content-Type": "application/json",\n'
        "  },\n"
        f"  body: JSON.stringify({_json(call).replace(chr(10), chr(10) + '  ')}),\n"
        "});\n"
        "console.log(answer.status, await answer.json());"
    )


def _php(call: Mapping[str, Any]) -> str:
    mark = "BODY"
    while mark in _json(call):
        mark += "_"
    return (
        "<?php\n"
        f"$body = <<<'{mark}'\n{_json(call)}\n{mark};\n\n"
        "$answer = file_get_contents(\n"
        f'    "{settings.PUBLIC_URL}{PATH}",\n'
        "    false,\n"
        "    stream_context_create(['http' => [\n"
        "        'method' => 'POST',\n"
        "        'header' => 'Authorization: Bearer ' . getenv('API_KEY')\n"
        '            . "\\r\\nContent-Type: application/json",\n'
        "        'content' => $body,\n"
        "        'ignore_errors' => true,\n"
        "    ]])\n"
        ");\n"
        "echo $answer;"
    )


def _smtp(email: Email) -> str:
    sender = email.from_address or "hello@your-domain.example"
    return (
        f"swaks --server {settings.SMTP_HOSTNAME}:{settings.SMTP_PORT} --tls \\\n"
        '  --auth PLAIN --auth-user "$SMTP_USER" --auth-password "$SMTP_PASSWORD" \\\n'
        f"  --from {shlex.quote(sender)} --to {READER} \\\n"
        f"  --header {shlex.quote('Subject: ' + _plain(email))} \\\n"
        "  --body 'Text that your program composed.'"
    )


def _plain(email: Email) -> str:
    """The subject as words: over SMTP no template is filled in."""
    words = email.subject if "{" not in email.subject else email.name
    return "".join(char for char in words if char.isprintable())[:120]


_LANGUAGES: tuple[tuple[str, str, Callable[[Mapping[str, Any]], str]], ...] = (
    ("curl", "curl", _curl),
    ("python", "Python", _python),
    ("node", "Node.js", _node),
    ("php", "PHP", _php),
)
