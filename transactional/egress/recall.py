"""The only place that acts on the journals of delivery processes which have died on this machine (`journal.py`).

What a receiver had answered is written down as its process would have: judged alike, under its lease, with its
events and what follows of them. A dot that had not left takes its marker back, so the mail is in no doubt. One that had
left without an answer stays as it is: the sweeper says what becomes of it. Everything else that the process held goes back to
the queue at once: it has no marker, so no dot of it has left. A row that is somebody else's by then, or nobody's,
is changed by none of it. A process that is merely stopped still has its file's lock: it is not dead.

So it must come before the sweeper: a process does it before its first claim and whenever another may have died, and the
sweep on its machine does it first. A machine on which nothing runs reads its journals when something does again; where
that is later than the leases' end, another's sweep has called the copies in doubt.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.utils import timezone

from config import shared
from config.ids import uuid7
from transactional import lifecycle, queue
from transactional.egress import journal, outliving, poison, verdict
from transactional.egress.journal import Entry, State
from transactional.egress.verdict import Tried
from transactional.lifecycle import Attempt, Outcome
from transactional.queue import Job, Orphan
from transactional.wire import outcome as wire

logger = logging.getLogger(__name__)

LOOK = 2.0  # seconds between two looks for others' deaths: what they held waits for it
BATCH = 200  # outcomes of one transaction
UNSTORABLE = (psycopg.DataError, psycopg.IntegrityError)
# An answer is written down; a dot had not left; it had left, and had no answer; an answer was read too late; what
# was held without a marker, and is the queue's again
_WORDS = ("written", "stayed", "left", "late", "given_back")
_COUNTED = "egress:recalled"  # Redis hash: word → how many, of all machines together

Connect = Callable[[], Awaitable[psycopg.AsyncConnection[Any]]]


def folder() -> Path:
    """Where the processes of this machine keep their journals."""
    return Path(settings.DATA_DIR) / "run" / "answers"


def words() -> Path:
    """Where they leave what they are building."""
    return Path(settings.DATA_DIR) / "run" / "building"


async def look(connect: Connect) -> None:
    """Write down what the dead had heard. Raises psycopg.OperationalError: the database is away, and it is all
    still there. Whatever else is wrong with a file is logged, and keeps nobody from the queue.
    """
    try:
        with outliving.of_the_dead(folder()) as contents:
            if contents:
                async with await connect() as connection:
                    await poison.recall(
                        connection, words()
                    )  # before anybody takes what they died of
                    await _write_down(connection, contents)
    except psycopg.OperationalError:
        raise
    except Exception:  # nobody foresaw what stands there
        logger.exception("journals of dead processes are not written down")


async def keep_looking(connect: Connect) -> None:
    """The same again and again, until cancelled: another process of this machine may die, and not come back soon."""
    while True:
        await asyncio.sleep(LOOK)
        try:
            await look(connect)
        except psycopg.OperationalError as err:
            logger.warning("journals of dead processes are not written down yet: %s", err)


def look_now(connect: Connect) -> None:
    """`look` for who has no loop; blocks."""
    asyncio.run(look(connect))


async def _write_down(connection: psycopg.AsyncConnection[Any], contents: Sequence[bytes]) -> None:
    entries = [entry for content in contents for entry in journal.read(content)]
    told = [entry for entry in entries if entry.state is not State.LEAVING]
    written = stayed = late = 0
    for at in range(0, len(told), BATCH):
        some = {(one.recipient, one.lease): one for one in told[at : at + BATCH]}
        found = await queue.orphaned(connection, list(some))
        ours = [(one, some.pop(one.job.held)) for one in found]
        outcomes = [_outcome(*one) for one in ours if one[1].state is State.ANSWERED]
        unmarks = [one.job for one, entry in ours if entry.state is State.STAYED]
        written += await _flush(connection, outcomes, unmarks)
        stayed += len(unmarks)
        # The others' outcomes were committed in time, or their rows were taken away before we came
        gone = [(one.recipient, one.began) for one in some.values() if one.state is State.ANSWERED]
        late += await queue.doubted(connection, gone) if gone else 0
    holders = [one for one in map(journal.holder, contents) if one is not None]
    given_back = sum([await queue.give_back(connection, one) for one in holders])
    left = len(entries) - len(told)
    logger.warning(
        "%d delivery processes died: %d answers of theirs written down, %d dots had not left, "
        "%d had left without an answer, %d answers come too late, %d messages given back",
        len(contents), written, stayed, left, late, given_back,
    )  # fmt: skip
    await asyncio.to_thread(_tell, (written, stayed, left, late, given_back))


async def _flush(
    connection: psycopg.AsyncConnection[Any], outcomes: Sequence[Outcome], unmarks: Sequence[Job]
) -> int:
    """How many outcomes were taken. One that the database cannot store keeps the others from nothing."""
    try:
        _, kept = await lifecycle.flush(connection, marks=[], unmarks=unmarks, outcomes=outcomes)
        return len(kept)
    except UNSTORABLE as err:
        if len(outcomes) + bool(unmarks) <= 1:
            logger.error("an answer of a dead process cannot be stored: %s", err)
            return 0
    await _flush(connection, [], unmarks)
    return sum([await _flush(connection, [one], []) for one in outcomes])


def _outcome(orphan: Orphan, entry: Entry) -> Outcome:
    """What its process would have made of the answer."""
    job, way = orphan.job, entry.way
    said = entry.at or entry.began
    took = max(0.0, (said - entry.began).total_seconds())
    seen = wire.Outcome(entry.stage, entry.reply, duration=took)
    tried = Tried(job, source_id=way.source_id, warms_up_at=way.warms_up_at, last=seen)
    tried.smarthost_id = way.smarthost_id
    if way.smarthost_id is not None:
        tried.trail.note("fallback", "")
    tried.trail.note("answer", "recalled", host=way.host)
    tried.tries.append(
        Attempt(
            id=uuid7(),
            at=min(entry.began, timezone.now()),
            duration_ms=int(took * 1000),
            source_address=way.source_address,
            host=way.host,
            address=way.address,
            tls=way.tls,
            stage=str(entry.stage),
            code=entry.reply.code,
            reply=str(entry.reply),
            transcript=f"S: {' '.join(str(entry.reply).split())}",
        )
    )
    ended = verdict.judge(
        tried, seen, "", orphan.doubts
    )  # an answer is in no doubt: no policy decides
    return replace(ended, at=min(said, timezone.now()))


def _tell(counts: Sequence[int]) -> None:
    def add(redis: Any) -> None:
        pipe = redis.pipeline()
        for word, number in zip(_WORDS, counts, strict=True):
            pipe.hincrby(_COUNTED, word, number)
        pipe.execute()

    shared.ask(add, otherwise=None)


def counted() -> dict[str, int]:
    """What came of journals since Redis was emptied last, by word."""
    told: dict[str, str] = shared.ask(lambda redis: redis.hgetall(_COUNTED), otherwise={})
    known = {word: told.get(word, "") for word in _WORDS}
    return {word: int(said) if said.isdigit() else 0 for word, said in known.items()}
