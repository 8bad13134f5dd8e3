"""A list full of dead domains, each a site of its own, delays nobody else: real sockets, which never speak."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cast import Cast
from tests.dns_server import DnsServer
from tests.transactional.egress.peers import server, silent
from tests.transactional.egress.test_engine import engine, eventually, token
from tests.transactional.egress.test_shaping_engine import (
    MAIL,
    delivered,
    nothing,
    receivers,
    states,
)
from tokens.models import Account
from transactional.egress import engine as running
from transactional.models import Lane, QueueRow
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, RawSubmission

pytestmark = pytest.mark.django_db(transaction=True)

HEADER = {Lane.URGENT: b"urgent", Lane.NORMAL: b"normal", Lane.BULK: b"bulk"}


@pytest.fixture(autouse=True)
def _short_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "GRACE", 0.5)


def post(account: Account, lane: Lane, *addresses: str) -> None:
    own = b"shop.example" if account.name == "Shop" else b"stranger.example"
    raw = b"X-Postino-Lane: " + HEADER[lane] + b"\r\n" + MAIL.replace(b"shop.example", own)
    principal = token(account)
    answers = accept_many(
        [
            RawSubmission(principal=principal, raw=raw, reverse_path=None, recipients=(one,))
            for one in addresses
        ]
    )
    assert all(isinstance(answer, Accepted) for answer in answers)


def dead(dns_server: DnsServer, n: int) -> Iterator[str]:
    """So many domains, each a site of its own, whose servers take a connection and never speak."""
    for number in range(n):
        dns_server.publish(f"typo{number}.example", "MX", f"10 mx.typo{number}.example.")
        dns_server.publish(f"mx.typo{number}.example", "A", "127.0.3.1")
        yield f"typo{number}.example"


def mails(domains: list[str], most: int) -> list[str]:
    """One to `most` to each."""
    return [f"u{m}@{one}" for n, one in enumerate(domains) for m in range(n % most + 1)]


def test_a_list_of_dead_domains_delays_neither_others_nor_its_own_account_s_mail(
    cast: Cast, settings: Any, dns_server: DnsServer
) -> None:
    account, other_account = cast.account, cast.other_account
    with receivers(settings, dns_server, mute=silent, good=server(nothing), own=server(nothing)):
        names = list(dead(dns_server, 60))
        lost = mails(names, 3)
        post(account, Lane.BULK, *lost)
        with engine(sessions=4):
            waiting = QueueRow.objects.filter(domain__startswith="typo", lease=None)
            eventually(lambda: waiting.filter(parked__startswith="first_tries").exists(), 30)
            post(other_account, Lane.NORMAL, *(f"u{n}@good.example" for n in range(60)))
            post(account, Lane.NORMAL, *(f"u{n}@own.example" for n in range(20)))
            post(account, Lane.BULK, *(f"b{n}@good.example" for n in range(20)))
            eventually(lambda: delivered("good.example", 80) and delivered("own.example", 20), 30)
            left = [status for name in names for status in states(name)]
            assert left == ["queued"] * len(lost)
