"""Webhook endpoints that are down, slow, moved or gone beside a healthy one, and the process that posts
killed in the middle: no event is lost, mail does not notice, dead letters are seen and sent again.

The clock of the schedule is played: what waits for its next try is made due.
"""

import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from analytics.webhooks import schedule
from tests.analytics.webhooks.receiver import Hit, Receiver
from tests.faults.conftest import Scale
from tests.faults.load import Load
from tests.faults.site import Site, balance, drained, within

pytestmark = [pytest.mark.stack, pytest.mark.timeout(2400)]
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


def answered(hit: Hit) -> int:
    """By path: what an endpoint of that kind does."""
    if hit.path == "/slow":
        time.sleep(6)  # the installation waits 4 s
    if hit.path == "/steady":
        time.sleep(0.02)
    return {"/down": 503, "/moved": 301, "/gone": 410}.get(hit.path, 200)


def events(site: Site, since: int) -> set[str]:
    """What the log has of transactions from this one on."""
    rows = site.ask("SELECT id::text FROM transactional_event WHERE xid >= %s", since)
    return {row[0] for row in rows}


def of(receiver: Receiver, path: str) -> list[Hit]:
    """What came to a path."""
    return [hit for hit in list(receiver.hits) if hit.path == path]


def got(receiver: Receiver, path: str) -> dict[str, int]:
    """How often each event came to a path, by its webhook-id."""
    return Counter(hit.id for hit in of(receiver, path))


def make_due(site: Site, hook: str) -> None:
    """Turn the clock: what of an endpoint waits is due now, and so is its probe."""
    site.ask(
        "UPDATE analytics_webhookdelivery SET due_at = now() WHERE endpoint_id = %s"
        " AND state = 'waiting' AND lease IS NULL RETURNING 1", int(hook),
    )  # fmt: skip
    site.ask(
        "UPDATE analytics_webhookendpoint SET probe_at = now() WHERE id = %s RETURNING 1", int(hook)
    )


def test_no_endpoint_touches_the_mail_and_none_loses_an_event(
    site: Site, scale: Scale, receiver: Receiver, api: Api
) -> None:
    receiver.answer = answered
    assert drained(site) == 0  # what other cases left
    ((since,),) = site.ask("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    made = {
        name: api("POST", url=f"http://127.0.0.1:{receiver.port}/{name}")
        for name in ("steady", "slow", "down", "moved", "gone")
    }
    count = scale.messages // 3
    with Load(site.installation.quickstart, "hooks", count, pause=0.8) as load:
        for share in (0.2, 0.6):
            load.reached(share)
            before = sum(got(receiver, "/steady").values())
            # mypy knows no types of a lambda's parameters
            assert within(180, lambda n=before: sum(got(receiver, "/steady").values()) > n)  # type: ignore[misc]
            os.kill(site.children("-Q webhooks")[0], signal.SIGKILL)
        load.reached(1)
    assert not load.unexpected
    assert drained(site) == 0
    verdict = balance(site, "hooks", load.acknowledged)
    assert not verdict.lost and not verdict.copies and not verdict.wrong, verdict
    wanted = events(site, since)
    assert len(wanted) >= 2 * count  # each was delivered, and what else its story tells
    assert within(180, lambda: set(got(receiver, "/steady")) >= wanted)
    hits = of(receiver, "/steady")
    steady = Counter(hit.id for hit in hits)
    # More may have followed since: the mail that tells the owner of the endpoints that fail
    assert wanted <= set(steady) <= events(site, since)
    secret = Webhook(made["steady"]["secret"])
    told = [secret.verify(hit.body, hit.headers) for hit in hits]
    assert [one["data"]["eventId"] for one in told] == [hit.id for hit in hits]
    order: dict[str, set[int]] = defaultdict(set)
    for one in told:
        if one["data"]["eventId"] in wanted:
            order[one["data"]["messageId"]].add(one["data"]["sequence"])
    assert all(seen == set(range(1, len(seen) + 1)) for seen in order.values())
    copies = sum(steady.values()) - len(steady)
    print(f"{len(wanted)} events, 2 kills, {copies} second copies")
    assert max(steady.values()) <= 1 + 2  # a kill makes one more copy of what was under way
    # Those that fail get some tries and then a probe at a time; the one that is gone is left alone
    assert len(got(receiver, "/down")) < len(wanted) / 2

    def stands(name: str) -> Any:
        return api("GET", f"/{made[name]['id']}")

    # How a post went is written after it, and what a kill left open is posted anew
    assert within(180, lambda: stands("gone")["state"] == "gone")
    assert within(180, lambda: stands("moved")["lastOutcome"] == "redirect")
    assert within(180, lambda: stands("slow")["lastOutcome"] == "timeout")
    for hook in made.values():
        api("DELETE", f"/{hook['id']}")


def test_dead_letters_after_their_tries_are_seen_and_sent_again(
    site: Site, receiver: Receiver, api: Api
) -> None:
    receiver.answer = 503
    assert drained(site) == 0
    ((since,),) = site.ask("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    hook = api("POST", url=f"http://127.0.0.1:{receiver.port}/later")
    with Load(site.installation.quickstart, "letters", 2, threads=1) as load:
        load.reached(1)
    assert drained(site) == 0
    wanted = events(site, since)
    assert len(wanted) >= 4
    path = f"/{hook['id']}"

    def dead() -> list[Any]:
        found: list[Any] = api("GET", f"{path}/deliveries?state=dead")["results"]
        return found

    ends = time.monotonic() + 600
    while len(dead()) < len(wanted):
        assert time.monotonic() < ends, dead()
        make_due(site, hook["id"])
        time.sleep(0.1)
    letters = dead()
    assert all(one["tries"] >= schedule.TRIES for one in letters)
    assert {one["eventId"] for one in letters} == wanted == set(got(receiver, "/later"))
    assert all(count >= schedule.TRIES for count in got(receiver, "/later").values())
    assert api("GET", path)["deadLetters"] == len(wanted)
    receiver.answer = 200
    api("POST", f"{path}/replay", since=hook["createdAt"])
    assert within(180, lambda: api("GET", path)["delivered"] == len(wanted))
    assert api("GET", path)["deadLetters"] == 0
    api("DELETE", path)
