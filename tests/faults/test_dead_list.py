"""One account's mail to receivers that are silent, dead or turn slow; another account's mail beside it.

A whole installation that delivers by MX into a world whose receivers are a process of their own (`bench/dead_world.py`,
as in `python -m bench.dead`, which times what is only proven here: that all of the other's mail arrives meanwhile, and
what of the worker the first account can take).
"""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from bench.dead import World, list_of
from bench.dead_world import GOOD, TURNING
from tests.faults import scene
from tests.faults.post import Mail, Post
from tests.installation import Installation, running
from transactional.egress import questions, slots

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1200)]


@dataclass(frozen=True)
class Sizes:
    """Sessions of the worker, domains, messages."""

    sessions: int
    dead: int
    silent: int
    turned: int  # messages to each site that turns slow
    others: int


FULL = Sizes(sessions=100, dead=600, silent=600, turned=100, others=360)
SMALL = Sizes(sessions=12, dead=64, silent=30, turned=12, others=40)
PACE = 18  # of the other's messages a second


@dataclass(frozen=True)
class Held:
    """What the first account took at once at most, while the other's mail went."""

    rows: int  # that the worker held a lease of
    open: dict[str, int]  # connections, by who they were to
    silent: int  # domains of silent name servers that were asked about


@dataclass(frozen=True)
class Stage:
    """What the cases work on."""

    installation: Installation
    world: World
    sizes: Sizes
    first: Post
    second: Post

    def ask(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """One question to the installation's database."""
        url = self.installation.joined["DATABASE_URL"]
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as session:
            return session.execute(sql, values).fetchall()

    def beside(self, name: str, domains: Sequence[str]) -> Held:
        """Send the first account's mail to these domains, and the other's beside it, which all arrives."""
        before = self.world.ask("clear")["taken"][GOOD]
        listed = [Mail((f"{name}{n}@{domain}",)) for n, domain in enumerate(domains)]
        others = [
            Mail((f"{name}{n}@{GOOD}",), "" if n % 5 else "X-Postino-Lane: urgent\r\n")
            for n in range(self.sizes.others)
        ]
        sending = [
            threading.Thread(target=self.first.send, args=[listed], daemon=True),
            threading.Thread(
                target=self.second.send, args=[others], kwargs={"pace": PACE}, daemon=True
            ),
        ]
        for one in sending:
            one.start()
        rows, limit = 0, time.monotonic() + 120
        while any(one.is_alive() for one in sending) or self._ended(name) < len(others):
            rows = max(rows, self._held())
            assert time.monotonic() < limit, (self._ended(name), self.installation.lines[-5:])
            time.sleep(0.2)
        told = self.world.ask("report")
        assert told["taken"][GOOD] - before == len(others)
        assert self._tries(name) == len(others)
        return Held(rows, told["open"], told["silent"])

    def open(self, kind: str) -> int:
        """Connections at once at most, so far."""
        return int(self.world.ask("report")["open"].get(kind, 0))

    def _ended(self, name: str) -> int:
        sql = (
            "SELECT count(*) FROM transactional_recipient WHERE address LIKE %s"
            " AND status = 'delivered'"
        )
        return int(self.ask(sql, f"{name}%@{GOOD}")[0][0])

    def _tries(self, name: str) -> int:
        sql = (
            "SELECT count(*) FROM transactional_deliveryattempt d"
            " JOIN transactional_recipient r ON r.id = d.recipient_id WHERE r.address LIKE %s"
        )
        return int(self.ask(sql, f"{name}%@{GOOD}")[0][0])

    def _held(self) -> int:
        sql = "SELECT count(*) FROM transactional_queuerow WHERE lease IS NOT NULL AND domain <> %s"
        return int(self.ask(sql, GOOD)[0][0])

    def at_most(self, held: Held) -> None:
        """The bounds that hold whatever an account sends: what is set aside is never more than half."""
        sessions = self.sizes.sessions
        assert 0 < held.rows <= (slots.OF_ONE + slots.ASIDE // 2) * sessions
        conversations = held.open.get("dead", 0) + held.open.get("turning", 0)
        assert conversations <= (1 + slots.ASIDE // 2) * sessions


@pytest.fixture(scope="module")
def stage(full_scale: bool) -> Iterator[Stage]:
    sizes = FULL if full_scale else SMALL
    environment = {"EGRESS_SESSIONS": str(sizes.sessions), "EGRESS_WORKERS": "1"}
    with World(sizes.dead) as world, running(**environment, **world.environment) as installation:
        scene.ready(installation)
        first = Post(installation.quickstart, "orders@shop.example")
        second = Post(scene.other(installation), "hello@second.example")
        # Known to be well before they turn slow
        first.send([Mail((f"before@{name}",)) for name in TURNING])
        assert scene.within(30, lambda: world.ask("report")["taken"]["turning"] == len(TURNING))
        yield Stage(installation, world, sizes, first, second)


def test_a_list_of_dead_domains_takes_its_share_of_the_worker_and_no_more(stage: Stage) -> None:
    stage.at_most(stage.beside("d", list_of(stage.sizes.dead)))
    assert scene.within(60, lambda: stage.open("dead") > stage.sizes.sessions // 2)
    assert stage.open("dead") <= stage.sizes.sessions  # one try each goes first


def test_name_servers_that_never_answer_are_asked_about_a_few_domains_at_once(stage: Stage) -> None:
    held = stage.beside("s", [f"silent{n}.example" for n in range(stage.sizes.silent)] * 3)
    stage.at_most(held)
    # A domain counts for two seconds after its question was given up
    assert 0 < held.silent <= 2 * (stage.sizes.sessions // questions.OF_SESSIONS)


def test_sites_that_turn_slow_do_not_eat_the_worker(stage: Stage) -> None:
    stage.world.ask("turn")
    stage.at_most(stage.beside("t", [*TURNING] * stage.sizes.turned))
    assert scene.within(60, lambda: stage.open("turning") > stage.sizes.sessions // 4)
    assert max(stage.open(name) for name in TURNING) <= stage.sizes.sessions // 2
