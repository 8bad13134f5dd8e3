"""Single sends of one process that come at the same moment share one batch at the door.

Alone, a send goes straight through. While one batch is being committed, the sends that arrive
wait for the next; one of them then leads it, on its own thread and connection, and while sends keep
coming it waits a moment for those that the last batch's answers bring. So a busy process pays
statements and commit per batch, and an idle one waits for nobody.
"""

import logging
import threading
import time

from django.db import Error as DatabaseError

from transactional.submission.accept import Answer, accept_many
from transactional.submission.request import TemplateSubmission

logger = logging.getLogger(__name__)

BATCH = 100  # sends per transaction: what SMTP submission takes, too
GATHER = 0.003  # seconds a leader waits for more, where the batch before its own was shared
PATIENCE = 30.0  # seconds a send waits for its batch: more means that the leader's thread is gone


class _Waiting:
    """One send on its way: its answer, or the call to lead the next batch."""

    __slots__ = ("_silence", "answer", "failed", "leads", "submission", "told")

    def __init__(self, submission: TemplateSubmission) -> None:
        self.submission = submission
        self.answer: Answer | None = None
        self.leads = False
        self.failed = False
        self.told = False
        self._silence = threading.Lock()  # costs a third of an Event, and each waits but once
        self._silence.acquire()

    def tell(self) -> None:
        """There is an answer, a failure, or the call to lead: wake its thread."""
        if not self.told:
            self.told = True
            self._silence.release()

    def wait(self, seconds: float) -> None:
        """Until it is told, or its patience ends."""
        self._silence.acquire(timeout=seconds)


class Together:
    """The meeting point of a process's sends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._led = False
        self._busy = False  # the last batch was shared

    def accept(self, submission: TemplateSubmission) -> Answer:
        """The door's answer, after the commit. Raises as `accept_many` does."""
        mine = _Waiting(submission)
        with self._lock:
            self._waiting.append(mine)
            leads, self._led = not self._led, True
        if not leads:
            mine.wait(PATIENCE)
            leads = self._called(mine)
        if leads:
            self._lead()
        if mine.answer is not None:
            return mine.answer
        if mine.failed:
            return accept_many([mine.submission])[0]
        # Its batch is still under way: to try again now could send it twice
        raise DatabaseError("the door has not answered in time")

    def _called(self, mine: _Waiting) -> bool:
        """Whether to lead. One whose patience has ended leaves the line, to go by itself."""
        with self._lock:
            if not mine.told and mine in self._waiting:
                self._waiting.remove(mine)
                mine.failed = True
            return mine.leads

    def _lead(self) -> None:
        """Answer all that wait now, then hand over to the first of those that came meanwhile."""
        if self._busy:
            time.sleep(GATHER)
        with self._lock:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            self._busy = len(batch) > 1
        try:
            answers = accept_many([one.submission for one in batch])
            for one, answer in zip(batch, answers, strict=True):
                one.answer = answer
        except Exception as err:  # noqa: BLE001 — nothing was stored: each then meets its own error
            logger.info("a batch of %d sends failed: %s", len(batch), err)
        finally:
            for one in batch:
                one.failed = one.answer is None
                one.tell()
            with self._lock:
                following = self._waiting[0] if self._waiting else None
                self._led = following is not None
                if following is not None:
                    following.leads = True
                    following.tell()


_together = Together()


def accept(submission: TemplateSubmission) -> Answer:
    """One send through the door of this process."""
    return _together.accept(submission)
