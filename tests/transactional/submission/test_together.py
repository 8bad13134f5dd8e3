"""Sends that come together share a batch, and none of them pays for another's fault."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connections

from tests.config.stack.process_table import eventually
from tokens.auth import Principal
from transactional.models import Email, Message, QueueRow, Source
from transactional.submission import together
from transactional.submission.accept import Answer, accept_many
from transactional.submission.request import Accepted, TemplateSubmission


def submission(key: Principal, email: Email, n: int, **fields: Any) -> TemplateSubmission:
    values: dict[str, Any] = {
        "principal": key,
        "source": Source.API,
        "email_id": email.pk,
        "to": f"u{n}@x.example",
        "custom": {"order_id": str(n)},
        **fields,
    }
    return TemplateSubmission(**values)


coming: list[int] = []  # those of a crowd that have not knocked yet


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """What each call gives or raises, all started at the same moment."""
    results: list[Any] = [None] * len(calls)
    start = threading.Barrier(len(calls))
    coming[:] = range(len(calls))

    def run(place: int) -> None:
        start.wait()
        coming.remove(place)
        try:
            results[place] = calls[place]()
        except DatabaseError as err:
            results[place] = err
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


@pytest.mark.django_db(transaction=True)
def test_each_gets_its_own_answer(key: Principal, email: Email) -> None:
    door = together.Together()
    calls = [
        lambda n=n: [door.accept(submission(key, email, 100 * n + i)) for i in range(5)]
        for n in range(8)
    ]
    answers = [answer for part in at_once(calls) for answer in part]
    assert all(isinstance(answer, Accepted) for answer in answers)
    assert len({answer.message_id for answer in answers}) == 40
    assert QueueRow.objects.count() == 40
    for answer in answers[:5]:
        subject = Message.objects.get(pk=answer.message_id).subject
        assert subject == f"Order {answers.index(answer)}"


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the batches that reach the door, which takes a while."""
    sizes: list[int] = []

    def slow(submissions: list[TemplateSubmission]) -> list[Answer]:
        sizes.append(len(submissions))
        assert eventually(lambda: not coming, 20)
        time.sleep(0.2)
        return accept_many(submissions)

    monkeypatch.setattr(together, "accept_many", slow)
    return sizes


@pytest.mark.django_db(transaction=True)
def test_those_that_come_while_a_batch_is_under_way_share_the_next(
    key: Principal, email: Email, batches: list[int]
) -> None:
    door = together.Together()
    answers = at_once([lambda n=n: door.accept(submission(key, email, n)) for n in range(6)])
    assert all(isinstance(answer, Accepted) for answer in answers)
    assert sum(batches) == 6
    assert len(batches) <= 3


@pytest.mark.django_db(transaction=True)
def test_a_leader_waits_for_more_only_behind_a_shared_batch(
    key: Principal, email: Email, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    sleep = time.sleep

    def noted(seconds: float) -> None:
        if seconds == together.GATHER:
            waited.append(len(batches))
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", noted)
    door = together.Together()
    door.accept(submission(key, email, 0))
    door.accept(submission(key, email, 1))
    assert (batches, waited) == ([1, 1], [])
    at_once([lambda n=n: door.accept(submission(key, email, n)) for n in range(2, 8)])
    shared = len(batches)
    assert max(batches) > 1
    before = len(waited)
    door.accept(submission(key, email, 8))
    assert waited[before:] == [shared]  # behind a shared one
    door.accept(submission(key, email, 9))
    assert waited[before:] == [shared]  # behind its own
    assert sum(batches) == 10


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_fails_is_tried_one_by_one(
    key: Principal, email: Email, monkeypatch: pytest.MonkeyPatch
) -> None:
    def picky(submissions: list[TemplateSubmission]) -> list[Answer]:
        time.sleep(0.1)
        if any(one.to == "u3@x.example" for one in submissions):
            raise DatabaseError("as asked")
        return accept_many(submissions)

    monkeypatch.setattr(together, "accept_many", picky)
    door = together.Together()
    answers = at_once([lambda n=n: door.accept(submission(key, email, n)) for n in range(6)])
    assert [type(answer) for answer in answers] == [
        DatabaseError if n == 3 else Accepted for n in range(6)
    ]
    assert QueueRow.objects.count() == 5
    assert isinstance(door.accept(submission(key, email, 9)), Accepted)


def test_one_whose_batch_never_ends_is_not_sent_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    hangs, entered = threading.Event(), threading.Event()
    calls: list[int] = []

    def stuck(submissions: list[Any]) -> list[Any]:
        calls.append(len(submissions))
        entered.set()
        hangs.wait(10)
        return [object() for _ in submissions]

    monkeypatch.setattr(together, "accept_many", stuck)
    monkeypatch.setattr(together, "PATIENCE", 0.1)
    door = together.Together()
    one: Any = object()
    first = threading.Thread(target=door.accept, args=(one,))
    first.start()
    entered.wait(10)
    follower = threading.Thread(target=door.accept, args=(one,))
    follower.start()  # no batch has taken it when its patience ends: it goes alone
    assert eventually(lambda: len(calls) == 2, 9)
    assert calls == [1, 1]
    hangs.set()
    first.join(10)
    follower.join(10)
    assert calls == [1, 1]
