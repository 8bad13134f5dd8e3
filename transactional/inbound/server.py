"""The SMTP server of return-paths, feedback loops and reports: takes only what is for a box of ours."""

import asyncio
import logging
import re
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import psycopg
from django.conf import settings
from django.db import Error as DjangoDatabaseError
from django.db import connection

from config import certificate, shared
from config.database import DatabaseThreads
from transactional import signing
from transactional.inbound import intake, reports
from transactional.listener import SHARE_EVERY, Door, Listeners, octets
from transactional.wire.handler import Envelope, Handler, ServerConfig
from transactional.wire.reply import Reply

logger = logging.getLogger(__name__)

THREADS = 2
SIZE_LIMIT = 10 * 1024 * 1024  # a report quotes the mail it is about
RCPT_LIMIT = 20  # a report has one; stops one message from costing many look-ups
TELL_EVERY = 300.0  # seconds between two lines of what was counted
WORDS = 60  # that are counted apart: whatever anybody writes, the count stays small
OTHER = "other"
COUNTED = "inbound:counted"  # Redis hash: word → how often, of all servers together
FEEDBACK = "fbl"
_RETURN_PATH_HOST = re.compile(r"b\d{1,19}\.[a-z0-9.\-]{3,240}")
_UNKNOWN = Reply(550, "5.1.1", ("Nobody here by that name",))
_TAKEN = Reply(250, "2.0.0", ("Thank you",))
_LATER = Reply(451, "4.3.0", ("The report cannot be stored now, try again later",))


class Intake(Handler):
    """Answers 250 once what a report changes is committed. Sends nothing, ever."""

    checks_rcpt: ClassVar[bool] = True

    def __init__(self) -> None:
        self._threads = DatabaseThreads(THREADS, name="intake")
        #: What became of the mail, by word; told in the log every TELL_EVERY seconds.
        self.counted: Counter[str] = Counter()
        self._shared: Counter[str] = Counter()

    async def rcpt(self, envelope: Envelope, address: str) -> Reply | None:
        """Only return-paths that we signed, the feedback address, and the boxes of our domains."""
        if is_feedback(address) or signing.read_verp(address.rpartition("@")[0]) is not None:
            return None
        box = reports.box_of(address)
        if box is not None:
            try:
                if await self._threads.run(_has_owner, box):
                    return None
            except (DjangoDatabaseError, psycopg.Error):
                logger.exception("whose box %s is cannot be told", address)
                return _LATER
        # One that was forged or altered, of another installation, or of a key that is gone
        forged = signing.looks_like_verp(address.rpartition("@")[0])
        self._count("false return-path" if forged else "unknown address")
        return _UNKNOWN

    async def message(self, envelope: Envelope) -> Reply:
        """Read and apply in a thread with a database connection of its own."""
        try:
            words = await self._threads.run(_take, envelope)
        except (DjangoDatabaseError, psycopg.Error):
            logger.exception("a report could not be stored")
            return _LATER
        for word in words:
            self._count(word)
        return _TAKEN

    def _count(self, word: str) -> None:
        known = word in self.counted or len(self.counted) < WORDS
        self.counted[word if known else OTHER] += 1

    def share(self) -> None:
        """Tell the metrics what has come since; what Redis does not hear now it hears the next time."""
        now = Counter(self.counted)
        new = now - self._shared

        def tell(redis: Any) -> bool:
            pipe = redis.pipeline()
            for word, n in new.items():
                pipe.hincrby(COUNTED, word, n)
            pipe.execute()
            return True

        if not new:
            return
        heard: bool = shared.ask(tell, otherwise=False)
        if heard:
            self._shared = now

    def tell(self) -> None:
        """One line in the log, where there is something to tell."""
        if self.counted:
            told = ", ".join(f"{word} {n}" for word, n in sorted(self.counted.items()))
            logger.info("reports so far: %s", told)

    async def close(self) -> None:
        """Let the threads go."""
        await self._threads.close()


def is_feedback(address: str) -> bool:
    """Whether an address is where feedback loops report to."""
    local, _, domain = address.lower().rpartition("@")
    ours = domain == settings.MAIL_HOST.lower() or _RETURN_PATH_HOST.fullmatch(domain)
    return local == FEEDBACK and bool(ours)


def _take(envelope: Envelope) -> list[str]:
    try:
        return _take_each(envelope)
    except (DjangoDatabaseError, psycopg.Error):
        # The connection may be one that the database has dropped since: once more, on a new one
        connection.close()
    try:
        return _take_each(envelope)
    except (DjangoDatabaseError, psycopg.Error):
        connection.close()
        raise


def _take_each(envelope: Envelope) -> list[str]:
    return [_take_one(envelope.data, address) for address in envelope.rcpts]


def _take_one(data: bytes, address: str) -> str:
    box = reports.box_of(address)
    if box is not None:
        return reports.take(data, box)
    return intake.take(data, signing.read_verp(address.rpartition("@")[0]))


def _has_owner(box: reports.Box) -> bool:
    try:
        return reports.owner(box) is not None
    except (DjangoDatabaseError, psycopg.Error):
        connection.close()  # the database may have dropped it since
        return reports.owner(box) is not None


def counted() -> dict[str, int]:
    """How often each word was counted, by all servers since Redis was emptied last."""
    found: dict[str, str] = shared.ask(lambda redis: redis.hgetall(COUNTED), otherwise={})
    return {word: int(n) for word, n in sorted(found.items())[: WORDS + 1]}


async def serve(told: asyncio.Event) -> None:
    """Listen on INBOUND_PORT until told to stop."""
    files = certificate.given_or_own(
        cert=settings.SMTP_TLS_CERT,
        key=settings.SMTP_TLS_KEY,
        directory=Path(settings.DATA_DIR) / "tls",
        names=[settings.SMTP_HOSTNAME],
    )
    config = ServerConfig(
        hostname=settings.MAIL_HOST,
        banner="ESMTP Postino",
        size_limit=SIZE_LIMIT,
        rcpt_limit=RCPT_LIMIT,
        tls_context=files.server_context(),
        bare_newline="normalise",  # other people's report writers
    )
    handler = Intake()
    listeners = Listeners(
        most_per_peer=settings.INBOUND_CONNECTIONS_PER_PEER, octets=octets(SIZE_LIMIT)
    )
    port = await listeners.open(Door(settings.BIND, settings.INBOUND_PORT, config, handler))
    logger.info("inbound listens on %s:%d", settings.BIND, port)
    try:
        loop = asyncio.get_running_loop()
        tell_at = loop.time() + TELL_EVERY
        while not told.is_set():
            try:
                async with asyncio.timeout(SHARE_EVERY):
                    await told.wait()
            except TimeoutError:
                await asyncio.to_thread(handler.share)
                await asyncio.to_thread(listeners.share, "inbound")
            if loop.time() >= tell_at:
                tell_at += TELL_EVERY
                handler.tell()
    finally:
        await listeners.close()
        await asyncio.to_thread(handler.share)
        handler.tell()
        await handler.close()
