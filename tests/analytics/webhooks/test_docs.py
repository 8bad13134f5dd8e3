"""What `docs/webhooks.md` tells receivers to do, done: its code verifies what is really signed."""

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from analytics.webhooks import schedule, signature
from analytics.webhooks.payload import PREFIX, TYPES, sample
from config.ids import uuid7, uuid7_time

TEXT = (Path(settings.BASE_DIR) / "docs" / "webhooks.md").read_text()


def code(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", TEXT, re.S)
    assert found
    return found[1]


def request(*, age: int = 0) -> tuple[str, dict[str, str], bytes]:
    event_id, key = uuid7(), signature.mint()
    body = sample(1, event_id, "bounced", uuid7_time(event_id))
    now = int(time.time()) - age
    return key, signature.headers(str(event_id), now, body, [signature.mint(), key]), body


def in_python(key: str, headers: dict[str, str], body: bytes) -> bool:
    names: dict[str, Any] = {}
    exec(code("python"), names)
    return bool(names["verify"](key, headers, body))


def in_node(key: str, headers: dict[str, str], body: bytes) -> bool:
    given = json.dumps([key, headers, body.decode()])
    script = f"{code('js')}\nconst [k, h, b] = {given};\nconsole.log(verify(k, h, Buffer.from(b)));"
    said = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    return said.stdout.strip() == "true"


@pytest.mark.parametrize("verify", [in_python, in_node])
def test_the_code_in_the_documentation_verifies(verify: Any) -> None:
    key, headers, body = request()
    assert verify(key, headers, body)
    assert not verify(signature.mint(), headers, body)
    assert not verify(key, headers, body.replace(b"bounced", b"opened!"))
    assert not verify(*request(age=600))


def test_the_example_has_the_fields_that_are_sent() -> None:
    shown, sent = json.loads(code("json")), json.loads(request()[2])
    assert set(shown) == set(sent)
    assert set(shown["data"]) == set(sent["data"])
    for kind in TYPES:
        assert f"`{kind}`" in TEXT, kind
    assert shown["type"].removeprefix(PREFIX) in TYPES


def test_the_schedule_is_the_one_that_is_told() -> None:
    told = "1, 5, 10, 10, 15 and 30 minutes, 1, 2, 3 and 6 hours"
    assert told in TEXT.replace("\n  ", " ")
    numbers = [int(n) for n in re.findall(r"\d+", told)]
    assert [n * 60 for n in numbers[:6]] + [n * 3600 for n in numbers[6:]] == list(schedule.WAITS)
