import asyncio

import pytest
from django.db import OperationalError
from pytest_django import Settings

from config.ids import uuid7
from transactional import signing
from transactional.inbound import intake
from transactional.inbound.server import Intake, is_feedback
from transactional.wire.handler import Envelope


def hand_over(count: int = 1) -> tuple[int, dict[str, int]]:
    async def main() -> tuple[int, dict[str, int]]:
        handler = Intake()
        rcpts = tuple(signing.verp(uuid7(), "b1.shop.example") for _ in range(count))
        envelope = Envelope("127.0.0.1", "a", False, None, None, rcpts, b"Subject: x\r\n\r\nx\r\n")
        try:
            reply = await handler.message(envelope)
        finally:
            await handler.close()
        return reply.code, dict(handler.counted)

    return asyncio.run(main())


@pytest.mark.django_db(transaction=True)
def test_every_recipient_of_a_report_counts() -> None:
    assert hand_over(3) == (250, {"no report": 3})


def test_what_cannot_be_stored_is_not_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[object] = []

    def take(data: bytes, recipient_id: object) -> str:
        tries.append(recipient_id)
        raise OperationalError("gone")

    monkeypatch.setattr(intake, "take", take)
    assert hand_over() == (451, {})
    assert len(tries) == 2  # the second time on a new connection


def test_a_connection_that_the_database_has_dropped_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[object] = []

    def take(data: bytes, recipient_id: object) -> str:
        tries.append(recipient_id)
        if len(tries) == 1:
            raise OperationalError("the connection is closed")
        return "bounce"

    monkeypatch.setattr(intake, "take", take)
    assert hand_over() == (250, {"bounce": 1})


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("fbl@mx.shop.test", True),
        ("FBL@MX.SHOP.TEST", True),
        ("fbl@b12.shop.example", True),
        ("fbl@shop.example", False),
        ("fbl@b.shop.example", False),
        ("other@mx.shop.test", False),
        ("fbl", False),
    ],
)
def test_where_feedback_loops_report_to(settings: Settings, address: str, ours: bool) -> None:
    settings.MAIL_HOST = "mx.shop.test"
    assert is_feedback(address) is ours
