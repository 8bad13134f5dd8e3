"""What nobody foresaw: the engine ends its process, a post goes again."""

import threading
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from analytics.models import WebhookDelivery, WebhookEndpoint
from analytics.webhooks.engine import Engine
from analytics.webhooks.postman import Postman
from tests.analytics.conftest import Sent
from tests.analytics.webhooks.conftest import eventually, states, working
from tests.analytics.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


class Odd(Exception):
    """What nobody foresaw."""


@pytest.mark.parametrize("where", ["_turn", "_heartbeat"])
def test_an_engine_that_ends_by_itself_ends_its_process(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    async def fails(*_given: Any) -> None:
        raise Odd

    ended = threading.Event()
    monkeypatch.setattr(Engine, where, fails)
    engine = Engine(broken=ended.set)
    engine.start()
    try:
        assert ended.wait(20)
    finally:
        engine.stop()


def test_an_engine_that_is_told_to_stop_ends_no_process(transactional_db: None) -> None:
    ended = threading.Event()
    engine = Engine(broken=ended.set)
    engine.start()
    engine.stop()
    assert not ended.is_set()


def test_a_post_that_fails_in_us_is_tried_again_and_keeps_no_place(
    endpoint: WebhookEndpoint, receiver: Receiver, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Postman.post
    failures: list[UUID] = []

    async def fails_once(self: Postman, target: Any, job: Any) -> Any:
        if not failures:
            failures.append(job.id)
            raise Odd
        return await real(self, target, job)

    monkeypatch.setattr(Postman, "post", fails_once)
    with working() as engine:
        sent.write("delivered")
        eventually(lambda: failures and not engine._jobs and not engine._posts)
        eventually(lambda: WebhookDelivery.objects.get().tries == 1)
        WebhookDelivery.objects.update(due_at=timezone.now())
        eventually(lambda: states(endpoint) == ["delivered"])
    assert len(receiver.hits) == 1
