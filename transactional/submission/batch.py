"""Group commit: the only place where SMTP submissions of many sessions become one transaction."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg
from django.db import InterfaceError, OperationalError, connection

from config.database import DatabaseThreads
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, RawSubmission, Refused

logger = logging.getLogger(__name__)

BATCH = 100  # messages of one commit; more would keep the first of them waiting
COLLECT = 0.003  # seconds the first message of a batch waits for company
WRITERS = 2  # commits that may overlap
OVERTAKE = 0.1  # seconds after which a slow commit no longer holds up less than a whole batch
WAITING_OCTETS = (
    128 * 1024 * 1024
)  # of content waiting for a commit; stops a flood from eating memory
ANSWER_BY = 30.0  # seconds; a database that hangs must not hang its senders

Answer = Accepted | Refused
Accept = Callable[[Sequence[RawSubmission]], list[Answer]]
_UNREACHABLE = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)


class Overloaded(Exception):
    """Too much content waits already: ask again later. Nothing was stored."""


class Unavailable(Exception):
    """The message could not be committed in time; if at all, it was not acknowledged."""


@dataclass(slots=True, eq=False)
class _Waiting:
    submission: RawSubmission
    answer: asyncio.Future[Answer]
    until: float  # in the loop's clock


class GroupCommit:
    """Belongs to one event loop; its writer threads have a database connection each."""

    def __init__(self, *, accept: Accept = accept_many, answer_by: float = ANSWER_BY) -> None:
        self._accept = accept
        self._answer_by = answer_by
        self._loop = asyncio.get_running_loop()
        self._threads = DatabaseThreads(WRITERS, name="writer")
        self._free = WRITERS
        self._waiting: deque[_Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._octets = 0
        self._unanswered: dict[_Waiting, None] = {}  # the oldest first; one timer for them all
        self._late: asyncio.TimerHandle | None = None
        self._running: set[asyncio.Future[None]] = set()

    async def submit(self, submission: RawSubmission) -> Answer:
        """The door's answer, after the commit. Raises Overloaded or Unavailable."""
        size = len(submission.raw)
        if self._octets + size > WAITING_OCTETS:
            raise Overloaded
        until = self._loop.time() + self._answer_by
        one = _Waiting(submission, self._loop.create_future(), until)
        self._octets += size
        self._waiting.append(one)
        self._unanswered[one] = None
        if self._late is None:
            self._late = self._loop.call_at(until, self._give_up)
        self._schedule()
        try:
            return await one.answer
        finally:
            self._octets -= size
            del self._unanswered[one]
            if not one.answer.done():
                one.answer.cancel()  # still waiting: it will not be taken any more

    async def close(self) -> None:
        """Finish what was handed in, then let the writers go."""
        while self._running or self._waiting:
            self._hand_over()
            await asyncio.sleep(0.01)
        if self._late is not None:
            self._late.cancel()
        await self._threads.close()

    def _give_up(self) -> None:
        """Answer those who have waited too long; look again when the next of them has."""
        self._late = None
        now = self._loop.time()
        for one in self._unanswered:
            if one.until > now:
                self._late = self._loop.call_at(one.until, self._give_up)
                return
            if not one.answer.done():
                logger.error("no commit within %s s", self._answer_by)
                one.answer.set_exception(Unavailable())

    def _schedule(self) -> None:
        if len(self._waiting) >= BATCH:
            self._hand_over()
        elif self._timer is None and self._waiting and self._free:
            # Half a batch costs as much CPU as a whole one, so while a writer is at work it grows
            wait = COLLECT if self._free == WRITERS else OVERTAKE
            self._timer = self._loop.call_later(wait, self._hand_over)

    def _hand_over(self) -> None:
        """Give free writers what waits."""
        self._cancel_timer()
        while self._free and self._waiting:
            batch: list[_Waiting] = []
            while self._waiting and len(batch) < BATCH:
                one = self._waiting.popleft()
                if not one.answer.done():
                    batch.append(one)
            if batch:
                self._free -= 1
                done = self._threads.run(self._write, batch)
                self._running.add(done)
                done.add_done_callback(self._written)

    def _written(self, done: asyncio.Future[None]) -> None:
        self._running.discard(done)
        self._free += 1
        if not done.cancelled() and (error := done.exception()):
            logger.error("a writer failed", exc_info=error)
        # those who have just been answered come back at once: wait for them as for the first
        self._cancel_timer()
        self._schedule()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _write(self, batch: list[_Waiting]) -> None:
        """In a writer thread: commit, then wake the sessions, all of them at once."""
        answers = self._commit([one.submission for one in batch])
        self._loop.call_soon_threadsafe(_resolve, batch, answers)

    def _commit(self, batch: list[RawSubmission]) -> Sequence[Answer | None]:
        try:
            return self._accept(batch)
        except Exception:  # whatever one message did must not hurt the others
            logger.warning("a batch of %d failed; one by one now", len(batch), exc_info=True)
            connection.close()
        answers: list[Answer | None] = [None] * len(batch)
        for place, one in enumerate(batch):
            try:
                [answers[place]] = self._accept([one])
            except _UNREACHABLE:
                logger.error("the database does not answer; %d refused for now", len(batch) - place)
                connection.close()
                break
            except Exception:  # as above
                logger.exception("a message from %s failed", one.principal.label)
                connection.close()
        return answers


def _resolve(batch: Sequence[_Waiting], answers: Sequence[Answer | None]) -> None:
    """In the loop: None means that this message was not stored."""
    for one, answer in zip(batch, answers, strict=True):
        if one.answer.done():
            continue
        if answer is None:
            one.answer.set_exception(Unavailable())
        else:
            one.answer.set_result(answer)
