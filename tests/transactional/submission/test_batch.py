import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import pytest
from django.db import OperationalError

from config.ids import uuid7
from tokens.auth import Principal
from transactional.submission import batch
from transactional.submission.batch import Answer, GroupCommit, Overloaded, Unavailable
from transactional.submission.request import Accepted, RawSubmission

ALICE = Principal(account_id=1, kind="smtp", credential_id=1, name="a")


def mail(text: str) -> RawSubmission:
    return RawSubmission(
        principal=ALICE, raw=text.encode(), reverse_path=None, recipients=("r@far.example",)
    )


def accepted() -> Accepted:
    return Accepted(uuid7(), datetime.now(UTC), 1)


def drive(
    accept: Callable[[Sequence[RawSubmission]], list[Answer]],
    work: Callable[[GroupCommit], Awaitable[object]],
    *,
    answer_by: float = 30.0,
) -> object:
    async def main() -> object:
        commits = GroupCommit(accept=accept, answer_by=answer_by)
        try:
            return await work(commits)
        finally:
            await commits.close()

    return asyncio.run(main())


def test_what_arrives_together_is_committed_together_and_answered_in_place() -> None:
    sizes: list[int] = []
    stored: dict[str, Accepted] = {}

    def accept(batch: Sequence[RawSubmission]) -> list[Answer]:
        sizes.append(len(batch))
        answers: list[Answer] = []
        for one in batch:
            stored[one.raw.decode()] = accepted()
            answers.append(stored[one.raw.decode()])
        return answers

    texts = [str(n) for n in range(450)]

    async def work(commits: GroupCommit) -> list[Answer]:
        return await asyncio.gather(*(commits.submit(mail(text)) for text in texts))

    answers = drive(accept, work)
    assert answers == [stored[text] for text in texts]
    assert sum(sizes) == 450
    assert max(sizes) == batch.BATCH and len(sizes) <= 10


def test_one_bad_message_does_not_hurt_its_company() -> None:
    def accept(batch: Sequence[RawSubmission]) -> list[Answer]:
        if any(one.raw == b"bad" for one in batch):
            raise ValueError("bad")
        return [accepted() for _ in batch]

    async def work(commits: GroupCommit) -> list[object]:
        texts = ["a", "bad", "b", "c"]
        jobs = [commits.submit(mail(text)) for text in texts]
        return await asyncio.gather(*jobs, return_exceptions=True)

    answers = drive(accept, work)
    assert [type(one) for one in answers] == [Accepted, Unavailable, Accepted, Accepted]


def test_a_database_that_is_gone_is_asked_twice_and_no_more() -> None:
    calls: list[int] = []

    def accept(batch: Sequence[RawSubmission]) -> list[Answer]:
        calls.append(len(batch))
        raise OperationalError("gone")

    async def work(commits: GroupCommit) -> list[object]:
        jobs = [commits.submit(mail(str(n))) for n in range(50)]
        return await asyncio.gather(*jobs, return_exceptions=True)

    answers = drive(accept, work)
    assert {type(one) for one in answers} == {Unavailable}
    assert calls == [50, 1]


def test_content_that_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "WAITING_OCTETS", 100)
    go = threading.Event()

    def accept(batch: Sequence[RawSubmission]) -> list[Answer]:
        go.wait(10)
        return [accepted() for _ in batch]

    async def work(commits: GroupCommit) -> Answer:
        first = asyncio.create_task(commits.submit(mail("x" * 90)))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await commits.submit(mail("y" * 20))
        go.set()
        await first
        return await commits.submit(mail("y" * 20))

    assert isinstance(drive(accept, work), Accepted)


def test_a_slow_commit_is_overtaken() -> None:
    begun, go = threading.Event(), threading.Event()

    def accept(batch: Sequence[RawSubmission]) -> list[Answer]:
        if batch[0].raw == b"slow":
            begun.set()
            go.wait(20)
        return [accepted() for _ in batch]

    async def work(commits: GroupCommit) -> Answer:
        slow = asyncio.create_task(commits.submit(mail("slow")))
        assert await asyncio.to_thread(begun.wait, 20)
        quick = await commits.submit(mail("quick"))
        assert not slow.done()
        go.set()
        await slow
        return quick

    assert isinstance(drive(accept, work), Accepted)


def test_a_database_that_hangs_does_not_hang_its_senders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "OVERTAKE", 60)
    begun, go = threading.Event(), threading.Event()
    taken: list[bytes] = []

    def accept(batch: Sequence[RawSubmission]) -> list[Answer]:
        taken.extend(one.raw for one in batch)
        begun.set()
        go.wait(20)
        return [accepted() for _ in batch]

    async def work(commits: GroupCommit) -> list[object]:
        jobs = []
        for text in "abcd":  # one in hand, three that wait for it
            jobs.append(asyncio.create_task(commits.submit(mail(text))))
            assert await asyncio.to_thread(begun.wait, 20)
        answers = await asyncio.gather(*jobs, return_exceptions=True)
        go.set()
        return answers

    answers = drive(accept, work, answer_by=0.3)
    assert {type(one) for one in answers} == {Unavailable}
    # what was told "try again" before a writer had it is not stored behind its sender's back
    assert taken == [b"a"]


def test_closing_finishes_what_was_handed_in() -> None:
    done: list[bytes] = []

    def accept(batch: Sequence[RawSubmission]) -> list[Answer]:
        time.sleep(0.05)
        done.extend(one.raw for one in batch)
        return [accepted() for _ in batch]

    async def main() -> list[Answer]:
        commits = GroupCommit(accept=accept)
        jobs = [asyncio.create_task(commits.submit(mail(str(n)))) for n in range(5)]
        await asyncio.sleep(0)
        await commits.close()
        return await asyncio.gather(*jobs)

    assert {type(one) for one in asyncio.run(main())} == {Accepted}
    assert len(done) == 5
