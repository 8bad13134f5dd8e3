"""Receivers that hang up: the next exchanger within the same try, and copies in doubt, few and marked."""

from typing import Any

import pytest

from tests.faults.behaviours import Drops, DropsAfterDot, DropsInContent
from tests.faults.receivers import Receiver
from tests.faults.world import World
from tests.transactional.egress.test_engine import drained, engine, eventually, token
from tokens.models import Account
from transactional.models import DeliveryAttempt, Event, Recipient, Stream
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, RawSubmission

pytestmark = pytest.mark.django_db(transaction=True)


def send(account: Account, domain: str, n: int, body: bytes = b"Hello\r\n") -> None:
    raw = b"From: orders@shop.example\r\nSubject: Hi\r\n\r\n" + body
    who = token(account)
    answers = accept_many(
        [
            RawSubmission(principal=who, raw=raw, reverse_path=None, recipients=(f"u{i}@{domain}",))
            for i in range(n)
        ]
    )
    assert all(isinstance(answer, Accepted) for answer in answers)


@pytest.fixture
def world(settings: Any) -> World:
    made = World()
    settings.EGRESS, settings.EGRESS_PRIVATE_NETS = "mx", ["127.0.4.0/24"]
    settings.DNS_SERVERS, settings.DNS_PORT = ["127.0.0.1"], made.dns.port
    settings.RETRY_SCALE = 0.005
    return made


def told(domain: str) -> list[str]:
    found = Event.objects.filter(recipient__address__endswith=f"@{domain}").order_by("at", "id")
    return list(found.values_list("type", flat=True))


@pytest.mark.parametrize("where", ["MAIL", "RCPT", "DATA", "content"])
def test_a_host_that_hangs_up_early_is_left_for_the_next_within_one_try(
    account: Account, settings: Any, world: World, where: str
) -> None:
    books = world.books
    bad = DropsInContent(books) if where == "content" else Drops(books, where)
    first, second = world.host("mx1.x.test", bad), world.host("mx2.x.test", Receiver(books))
    world.domain("x.example", f"10 {first}", f"20 {second}")
    body = (b"x" * 70 + b"\r\n") * (120_000 if where == "content" else 1)
    with world.open():
        settings.EGRESS_PORT = world.port
        send(account, "x.example", 3, body)
        with engine():
            eventually(drained)
    assert books.accepted("x.example") == {f"u{n}@x.example": 1 for n in range(3)}
    assert [copy.here for copy in books.came] == [world.addresses[second]] * 3
    assert set(Recipient.objects.values_list("status", "attempts")) == {("delivered", 1)}
    hosts = DeliveryAttempt.objects.order_by("at").values_list("host", "number")
    assert ("mx1.x.test", 1) in hosts and set(hosts) <= {("mx1.x.test", 1), ("mx2.x.test", 1)}


@pytest.mark.parametrize(
    ("policy", "times", "copies", "ends"),
    [
        ("resend", 2, 3, ["uncertain", "uncertain", "delivered"]),
        ("resend", 99, 4, ["uncertain", "uncertain", "uncertain", "held"]),
        ("hold", 99, 1, ["held"]),
    ],
)
def test_copies_in_doubt_are_few_and_marked(
    account: Account,
    settings: Any,
    world: World,
    policy: str,
    times: int,
    copies: int,
    ends: list[str],
) -> None:
    Stream.objects.default(account, "transactional")
    Stream.objects.of(account).update(uncertain_policy=policy)
    world.site("x.example", DropsAfterDot(world.books, times))
    with world.open():
        settings.EGRESS_PORT = world.port
        send(account, "x.example", 1)
        with engine():
            eventually(drained)
    came = world.books.came
    assert [copy.resent for copy in came] == [False] + [True] * (copies - 1)
    assert len({copy.path for copy in came}) == 1
    assert told("x.example") == ["accepted", *ends]
    assert Recipient.objects.get().status == ends[-1]
    kept_by = {"resend": "copies", "hold": "hold"}[policy]
    held = Event.objects.filter(type="held").values_list("data__because", "data__copies")
    assert list(held) == ([(kept_by, copies)] if ends[-1] == "held" else [])
    codes = [
        one["code"]
        for row in DeliveryAttempt.objects.order_by("number")
        for one in row.decisions
        if one["step"] == "retry"
    ]
    wanted = {"uncertain": ["in_doubt"], "held": ["in_doubt_held"], "delivered": []}
    assert codes == [code for end in ends for code in wanted[end]]
