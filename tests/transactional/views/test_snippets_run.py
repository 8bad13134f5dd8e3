"""The snippets of the single-send page are run as they stand: against a live server, by each tool."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.cast import Cast, make_email
from tests.transactional.submission.conftest import Door, Token, door, token
from tokens import credentials
from transactional.compose import versions
from transactional.models import Body, Email, Message
from transactional.views import snippets

__all__ = ["door", "token"]
pytestmark = pytest.mark.django_db(transaction=True)

NASTY = 'L\'Ève & "co" $HOME `id` \\ <b> €'
SAMPLE: dict[str, Any] = {
    "contact": {"firstname": "Anna", "email": "x@y.example"},
    "custom": {"order_id": NASTY, "items": [{"n": 1, "ok": True, "none": None}], "open": False},
}
HTML = (
    "<body>{{ contact.firstname }} {{ custom.order_id }} {{ custom.open }}"
    "{% for i in custom.items %}{{ i.n }}{% endfor %}</body>"
)
PROGRAMS = {
    "curl": ("snippet.sh", ["bash"]),
    "python": ("snippet.py", [shutil.which("python3") or "python3"]),
    "node": ("snippet.mjs", ["node"]),
    "php": ("snippet.php", ["php"]),
}


@pytest.fixture
def email(cast: Cast) -> Email:
    made = make_email(cast.account, html=HTML)
    versions.publish(made, by="alice@shop.example")
    return made


def example(email: Email, key: str) -> str:
    return next(one.code for one in snippets.examples(email, SAMPLE) if one.key == key)


# PHP is run where it is installed; elsewhere its text is read, below
RUN = [one for one in PROGRAMS if one != "php" or shutil.which("php")]


@pytest.mark.parametrize("language", RUN)
def test_a_snippet_sends(
    live_server: Any, cast: Cast, email: Email, settings: Any, tmp_path: Path, language: str
) -> None:
    name, argv = PROGRAMS[language]
    settings.PUBLIC_URL = live_server.url
    _row, key = credentials.create_api_key(
        cast.account, name="k", scopes=["transactional-email"], by="alice"
    )
    (tmp_path / name).write_text(example(email, language))
    done = subprocess.run(
        [*argv, str(tmp_path / name)],
        env={"PATH": os.environ["PATH"], "API_KEY": key, "HOME": "/nowhere"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PENDING" in done.stdout, done.stdout + done.stderr
    message = Message.objects.of(cast.account).get()
    context = orjson.loads(bytes(Body.objects.get(pk=message.pk).context))
    assert context["custom"] == SAMPLE["custom"]
    assert context["contact"]["firstname"] == "Anna"
    assert context["to"] == [["", snippets.READER]]


def test_php_carries_the_same_body(email: Email) -> None:
    code = example(email, "php")
    found = re.search(r"<<<'(BODY_*)'\n(.*?)\n\1;", code, re.S)
    assert found
    call = orjson.loads(found[2])
    assert call == snippets.body(email, SAMPLE, send_id=call["message"]["sendId"])
    assert "\r\n" not in code and "getenv('API_KEY')" in code


def test_a_body_that_holds_the_mark_of_phps_text(email: Email) -> None:
    sample = {"contact": {}, "custom": {**SAMPLE["custom"], "order_id": "x\nBODY;\nsystem('id');"}}
    code = next(one.code for one in snippets.examples(email, sample) if one.key == "php")
    assert "<<<'BODY_'" in code and code.count("\nBODY_;") == 1


@pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks is not installed")
def test_the_smtp_snippet_sends(
    cast: Cast, email: Email, door: Door, token: Token, settings: Any
) -> None:
    settings.SMTP_HOSTNAME, settings.SMTP_PORT = "127.0.0.1", door.port
    done = subprocess.run(
        ["bash", "-c", example(email, "smtp") + " --helo client.example"],
        env={
            **os.environ, "SMTP_USER": token.username, "SMTP_PASSWORD": token.password,
        },
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    message = Message.objects.get()
    assert (message.from_address, message.subject) == ("orders@shop.example", "Receipt")
