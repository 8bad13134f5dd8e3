"""A webhook endpoint that is down until its events are dead letters: they are seen, and sent again.

The clock of the schedule is played: what waits for its next try is made due.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from analytics.webhooks import schedule
from tests.analytics.webhooks.receiver import Receiver
from tests.faults.load import Load
from tests.faults.site import Site, within

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]
PATH = "/api/v1/webhooks"
Api = Callable[..., Any]


@pytest.fixture(scope="module")
def receiver(webhook_port: int) -> Iterator[Receiver]:
    found = Receiver(webhook_port)
    yield found
    found.close()


@pytest.fixture(scope="module")
def api(site: Site) -> Iterator[Api]:
    """Calls with a key of the demo's account."""
    key = site.installation.shell(
        "from tokens import credentials; from tokens.models import Account;"
        "print(credentials.create_api_key(Account.objects.earliest('pk')"
        ", name='w', scopes=['webhooks'], by='t')[1])"
    ).split()[-1]
    base, bearer = site.installation.quickstart["url"], {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=base, headers=bearer, trust_env=False) as client:

        def call(method: str, path: str = "", **body: Any) -> Any:
            answer = client.request(method, PATH + path, json=body or None)
            assert answer.is_success, (path, answer.text)
            return answer.json() if answer.content else None

        yield call


def got(receiver: Receiver, path: str) -> dict[str, int]:
    """How often each event came to a path."""
    found: dict[str, int] = defaultdict(int)
    for hit in list(receiver.hits):
        if hit.path == path:
            found[hit.id] += 1
    return found


def make_due(site: Site, hook: str) -> None:
    """Turn the clock: what of an endpoint waits is due now, and so is its probe."""
    site.ask(
        "UPDATE analytics_webhookdelivery SET due_at = now() WHERE endpoint_id = %s"
        " AND state = 'waiting' AND lease IS NULL RETURNING 1", int(hook),
    )  # fmt: skip
    site.ask(
        "UPDATE analytics_webhookendpoint SET probe_at = now() WHERE id = %s RETURNING 1", int(hook)
    )


def test_dead_letters_after_their_tries_are_seen_and_sent_again(
    site: Site, receiver: Receiver, api: Api
) -> None:
    receiver.answer = 503
    hook = api("POST", url=f"http://127.0.0.1:{receiver.port}/later")
    with Load(site.installation.quickstart, "later", 2, threads=1) as load:
        load.reached(1)
    assert within(90, lambda: len(got(receiver, "/later")) >= 4)
    path = f"/{hook['id']}"

    def dead() -> list[Any]:
        found: list[Any] = api("GET", f"{path}/deliveries?state=dead")["results"]
        return found

    ends = time.monotonic() + 120
    while len(dead()) < 4:
        assert time.monotonic() < ends, dead()
        make_due(site, hook["id"])
        time.sleep(0.1)
    letters = dead()
    assert all(one["tries"] >= schedule.TRIES for one in letters)
    assert all(count >= schedule.TRIES for count in got(receiver, "/later").values())
    assert api("GET", path)["deadLetters"] == 4
    receiver.answer = 200
    api("POST", f"{path}/replay", since=hook["createdAt"])
    assert within(60, lambda: api("GET", path)["delivered"] == 4)
    assert api("GET", path)["deadLetters"] == 0
    api("DELETE", path)
