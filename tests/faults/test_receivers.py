"""Receivers that misbehave, each with a domain of its own, all at once beside a healthy one.

Rows S1, S2, S3, S6 and S7 of the faults: greylisting, 4xx for ever, 421 in its three forms, tarpits,
and servers that never speak. Each has a ledger: what was accepted, what arrived, what the log says.
"""

import re
import socket
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.dns_server import DnsServer
from tests.transactional.egress.peers import Peers, Talk, say, server, silent
from tests.transactional.egress.test_engine import engine, eventually, token
from tests.transactional.egress.test_shaping_engine import receivers
from tokens.models import Account
from transactional.egress import engine as running
from transactional.models import DeliveryAttempt, Event, QueueRow, Recipient, Suppression
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, RawSubmission

pytestmark = pytest.mark.django_db(transaction=True)

GREYLISTED_FOR = 300.0  # seconds, times RETRY_SCALE
RCPT = re.compile(r"<([^>]+)>")


@dataclass
class Books:
    """What the receivers wrote down."""

    taken: Counter[str] = field(default_factory=Counter)
    paths: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    at: dict[str, float] = field(default_factory=dict)

    def took(self, line: str) -> None:
        found = RCPT.search(line)
        assert found is not None
        self.taken[found[1]] += 1
        self.at.setdefault(found[1], time.monotonic())

    def of(self, domain: str) -> dict[str, int]:
        return {to: n for to, n in self.taken.items() if to.endswith(f"@{domain}")}


def greylist(books: Books, seconds: float) -> Talk:
    """451 until `seconds` after a triplet was first seen (RFC 6647)."""
    first: dict[tuple[str, str], float] = {}

    async def talk(reader: Any, writer: Any) -> None:
        path = ""

        def answers(line: str) -> str | None:
            nonlocal path
            if line.startswith("MAIL"):
                path = line.split(">")[0]
            if line.startswith("RCPT"):
                to = line[9:-1]
                books.paths[to].add(path)
                since = first.setdefault((path, to), time.monotonic())
                if time.monotonic() - since < seconds:
                    return "451 4.7.1 Greylisted, please come back"
            return None

        await server(answers, took=books.took)(reader, writer)

    return talk


def crowded(books: Books, most: int) -> Talk:
    """421 at the banner to more than `most` connections at once; 421 after five messages on one."""
    here = [0]

    async def talk(reader: Any, writer: Any) -> None:
        here[0] += 1
        try:
            if here[0] > most:
                await say(writer, "421 4.7.0 Too many connections from your host")
            else:
                await server(lambda line: None, pause=0.01, after=5, took=books.took)(
                    reader, writer
                )
        finally:
            here[0] -= 1

    return talk


@contextmanager
def blackhole(address: str, port: int) -> Iterator[None]:
    """A port whose queue of connections is full: SYNs get no answer."""
    with socket.socket() as listener:
        listener.bind((address, port))
        listener.listen(0)
        crowd = [socket.socket() for _ in range(3)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex((address, port))
        try:
            yield
        finally:
            for one in crowd:
                one.close()


def submit(account: Account, domain: str, n: int, headers: bytes = b"") -> None:
    who = token(account)
    raw = headers + b"From: orders@shop.example\r\nSubject: Hi\r\n\r\nHello\r\n"
    for start in range(0, n, 100):
        answers = accept_many(
            [
                RawSubmission(
                    principal=who, raw=raw, reverse_path=None, recipients=(f"u{i}@{domain}",)
                )
                for i in range(start, min(n, start + 100))
            ]
        )
        assert all(isinstance(answer, Accepted) for answer in answers)


def states(domain: str) -> Counter[str]:
    rows = Recipient.objects.filter(address__endswith=f"@{domain}")
    return Counter(rows.values_list("status", flat=True))


def waits(books: Books, domain: str, since: float) -> str:
    """Median and 95th percentile, to be read by people: no test depends on them."""
    times = sorted(books.at[to] - since for to in books.of(domain))
    return f"p50 {statistics.median(times):.2f} s, p95 {times[int(len(times) * 0.95)]:.2f} s"


def talks(books: Books, scale: float) -> dict[str, Talk]:
    return {
        "good": server(lambda line: None, took=books.took),
        "grey": greylist(books, GREYLISTED_FOR * scale),
        "never": server(lambda line: "451 4.3.0 Not now" if line[:4] == "RCPT" else None),
        "busy": crowded(books, 2),
        "slow": server(lambda line: None, pause=30, took=books.took),
        "mute": silent,
    }


def test_bad_receivers_leave_the_healthy_one_alone_and_lose_nothing(
    account: Account,
    settings: Any,
    dns_server: DnsServer,
    full_scale: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.RETRY_SCALE = scale = 0.1 if full_scale else 0.01
    monkeypatch.setattr(running, "GRACE", 0.5)
    bad, good = (500, 5000) if full_scale else (25, 150)
    books = Books()
    with (
        receivers(settings, dns_server, **talks(books, scale)) as peers,
        blackhole("127.0.3.99", peers.port),
    ):
        dns_server.publish("hole.example", "A", "127.0.3.99")
        for name in ("slow", "mute", "hole", "grey", "busy"):
            submit(account, f"{name}.example", bad)
        submit(account, "never.example", bad, b"X-Postino-Deliver-Within: 6\r\n")
        submit(account, "good.example", good)
        since = time.monotonic()
        with engine(sessions=20 if full_scale else 6):
            eventually(lambda: len(books.of("good.example")) == good, 240)
            eventually(lambda: states("grey.example")["delivered"] == bad, 240)
            eventually(lambda: states("busy.example")["delivered"] == bad, 240)
            eventually(lambda: states("never.example")["expired"] == bad, 240)
    print(f"healthy beside six bad ones: {waits(books, 'good.example', since)}")
    print(f"greylisted for {GREYLISTED_FOR * scale:.0f} s: {waits(books, 'grey.example', since)}")
    balance(books, bad, good, peers)


def balance(books: Books, bad: int, good: int, peers: Peers) -> None:
    """Each domain's ledger."""
    assert books.of("good.example") == {f"u{n}@good.example": 1 for n in range(good)}
    # S1: once each, and every try with the same return-path
    assert books.of("grey.example") == {f"u{n}@grey.example": 1 for n in range(bad)}
    tried = {to: paths for to, paths in books.paths.items() if to.endswith("@grey.example")}
    assert {len(paths) for paths in tried.values()} == {1}
    # S2: one end each, that names the last reply, and no suppression
    ends = Event.objects.filter(type="expired")
    assert ends.count() == bad
    assert all("Not now" in data["response"] for data in ends.values_list("data", flat=True))
    # S3: slowed down, none failed
    assert books.of("busy.example") == {f"u{n}@busy.example": 1 for n in range(bad)}
    slowed = {
        one["code"]
        for attempt in DeliveryAttempt.objects.filter(host="mx.busy.example")
        for one in attempt.decisions or ()
        if one["step"] == "shaping"
    }
    assert slowed & {"slowed", "rule_connections"} or peers.connections["127.0.3.4"] >= bad // 5
    # S6, S7: nothing lost, nothing ended: it is on its way, or waits in the queue
    for domain in ("slow.example", "mute.example", "hole.example"):
        found = states(domain)
        assert sum(found.values()) == bad
        assert set(found) <= {"queued", "deferred", "delivered"}
        rows = QueueRow.objects.filter(domain=domain).count()
        assert rows == bad - found["delivered"]
    assert not Event.objects.filter(type__in=("bounced", "uncertain")).exists()
    assert not Suppression.objects.exists()
