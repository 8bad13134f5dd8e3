"""SMTP submission (RFC 6409): who may, and one reply per message, after the commit."""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import psycopg
from django.conf import settings
from django.db import Error as DjangoDatabaseError
from django.db import connection

from config import certificate, disk
from config.database import DatabaseThreads
from config.errors import PostinoError
from config.errors import Refusal as PolicyRefusal
from tokens import auth, guesses, throttle
from tokens.auth import Principal
from transactional.listener import SHARE_EVERY, Door, Listeners, octets
from transactional.submission.batch import GroupCommit, Overloaded, Unavailable
from transactional.submission.request import Accepted, RawSubmission
from transactional.wire.handler import Auth, Envelope, Handler, Refusal, ServerConfig
from transactional.wire.reply import Reply

logger = logging.getLogger(__name__)

AUTH_THREADS = 4  # a check is one query; more threads would only wait for each other
_OVERLOADED = Reply(452, "4.3.1", ("Too much mail waits to be stored, try again later",))
_UNAVAILABLE = Reply(451, "4.3.0", ("The message cannot be stored now, try again later",))
_THROTTLED = Reply(421, "4.7.0", ("Too many failed authentications, try again later",))


class Submission(Handler):
    """Answers for both submission ports."""

    def __init__(self, commits: GroupCommit) -> None:
        self._commits = commits
        self._checks = DatabaseThreads(AUTH_THREADS, name="auth")

    async def authenticate(self, username: str, password: str, peer: str) -> Auth | Refusal:
        """Ask `tokens.auth`; a database that does not answer becomes 454 in the caller."""
        return await self._checks.run(_check, username, password, peer)

    async def message(self, envelope: Envelope) -> Reply:
        """250 only once the message is committed."""
        principal = envelope.auth.principal if envelope.auth else None
        if not isinstance(principal, Principal):
            return Reply(530, "5.7.0", ("Authentication required",))
        if disk.short():
            return spoken(disk.STORAGE_FULL)
        submission = RawSubmission(
            principal=principal,
            raw=envelope.data,
            reverse_path=envelope.mail_from,
            recipients=envelope.rcpts,
            smtputf8=envelope.smtputf8,
        )
        try:
            answer = await self._commits.submit(submission)
        except Overloaded:
            return _OVERLOADED
        except Unavailable:
            return spoken(disk.STORAGE_FULL) if disk.short() else _UNAVAILABLE
        if isinstance(answer, Accepted):
            return Reply(250, "2.0.0", (f"queued as {answer.message_id}",))
        return spoken(answer.refusal)

    async def close(self) -> None:
        """Let the threads go."""
        await self._checks.close()


def spoken(refusal: PolicyRefusal) -> Reply:
    """A refusal of the one door as an SMTP reply."""
    code, _, rest = refusal.smtp_line.partition(" ")
    enhanced, _, text = rest.partition(" ")
    return Reply(int(code), enhanced, (text,))


def _check(username: str, password: str, peer: str) -> Auth | Refusal:
    """In a thread with a database connection of its own."""
    if throttle.blocked(name=username, host=peer):
        return Refusal(_THROTTLED)
    try:
        try:
            principal = auth.authenticate_smtp(username, password)
        except (DjangoDatabaseError, psycopg.Error):
            # The connection may be one that the database has dropped since: once more, on a new one
            connection.close()
            principal = auth.authenticate_smtp(username, password)
    except PostinoError as error:
        failure = guesses.note("smtp", name=username, host=peer)
        logger.warning("authentication failed: user %r from %s", username[:100], peer)
        return Refusal(spoken(error.refusal), slow=failure.slow)
    throttle.succeeded(name=username, host=peer)
    return Auth(username, principal)


def tls_files() -> certificate.CertificateFiles:
    """The certificate that both ports show."""
    return certificate.given_or_own(
        cert=settings.SMTP_TLS_CERT,
        key=settings.SMTP_TLS_KEY,
        directory=Path(settings.DATA_DIR) / "tls",
        names=[settings.SMTP_HOSTNAME],
    )


async def open_doors(
    listeners: Listeners, handler: Handler, *, auth_delay: float = 1.0
) -> tuple[int, int]:
    """Listen with STARTTLS and with implicit TLS, as the settings say; the two ports.

    `auth_delay`: seconds before the answer to a first wrong guess.
    """
    config = ServerConfig(
        hostname=settings.SMTP_HOSTNAME,
        banner="ESMTP Postino",
        size_limit=settings.SMTP_SIZE_LIMIT,
        rcpt_limit=settings.SMTP_RCPT_LIMIT,
        require_auth=True,
        auth_delay=auth_delay,
        tls_context=tls_files().server_context(),
        # programs write lone LFs; the end of DATA is decided before they are mended
        bare_newline="normalise",
    )
    implicit = replace(config, implicit_tls=True)
    port = await listeners.open(Door(settings.BIND, settings.SMTP_PORT, config, handler))
    tls_port = await listeners.open(Door(settings.BIND, settings.SMTPS_PORT, implicit, handler))
    return port, tls_port


async def serve(told: asyncio.Event) -> None:
    """Listen on both ports until told to stop; then finish what was begun."""
    commits = GroupCommit()
    handler = Submission(commits)
    listeners = Listeners(octets=octets(settings.SMTP_SIZE_LIMIT))
    port, tls_port = await open_doors(listeners, handler)
    logger.info("submission listens on %s: STARTTLS %d, TLS %d", settings.BIND, port, tls_port)
    try:
        while not told.is_set():
            try:
                async with asyncio.timeout(SHARE_EVERY):
                    await told.wait()
            except TimeoutError:
                await asyncio.to_thread(listeners.share, "submission")
    finally:
        await listeners.close()
        await commits.close()
        await handler.close()
