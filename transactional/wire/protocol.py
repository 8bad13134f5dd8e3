"""The asyncio adapter of the SMTP server: one transport, one conversation, one handler.

Opens nothing: the owner listens, and counts connections. RFC 5321 §4.5.3.2.7 (server timeout).
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any, cast

from transactional.wire.handler import Envelope, Handler, Refusal, ServerConfig
from transactional.wire.reply import Reply
from transactional.wire.room import Room
from transactional.wire.server import ServerSession
from transactional.wire.server_state import (
    Action,
    CheckPassword,
    CheckRcpt,
    Close,
    StartTls,
    TakeMessage,
)

logger = logging.getLogger(__name__)

# What a peer may send ahead while a handler works; beyond it we stop reading.
MAX_HELD_BYTES = 65_536
# After our last word we still read this long: closing with unread input would reset the
# connection, and the peer would never see why.
_LINGER_SECONDS = 1.0
ABORT_SECONDS = 10.0  # for a peer to read our last words
_HANDSHAKE_SECONDS = 30.0
_LOCAL_ERROR = Reply(451, "4.3.0", ("Local error, try again later",))
_TIMED_OUT = Reply(421, "4.4.2", ("Timeout, closing the connection",))
_STOPPING = Reply(421, "4.3.2", ("Server is stopping, try again later",))


class SmtpServerProtocol(asyncio.Protocol):
    """Give `lambda: SmtpServerProtocol(config, handler)` to `loop.create_server`.

    `on_close` is called once, with this object, when the connection is gone. With
    `config.implicit_tls` the transport it gets has to be under TLS already.
    """

    def __init__(
        self,
        config: ServerConfig,
        handler: Handler,
        *,
        on_close: Callable[["SmtpServerProtocol"], None] | None = None,
        room: Room | None = None,
    ) -> None:
        self.peer = ""
        self._config = config
        self._handler = handler
        self._on_close = on_close
        self._room = room
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._session: ServerSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._last: asyncio.TimerHandle | None = None
        self._closing = False
        self._stopping = False
        self._handshaking = False
        self._eof = False
        self._early = b""
        self._write_paused = False
        self._seen = 0.0  # when the peer last got something done
        self._data_began = 0.0
        self._pace = (0.0, 0)  # when the content was looked at last, and how much had come
        self._progress = 0

    # -- called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peername = transport.get_extra_info("peername")
        self.peer = str(peername[0]) if peername else ""
        checks = self._handler.checks_rcpt
        self._session = ServerSession(self._config, self.peer, check_rcpt=checks, room=self._room)
        self._seen = self._loop.time()
        self._watch()
        self._act(None)

    def data_received(self, data: bytes) -> None:
        session = self._session
        if session is None or self._closing:
            return
        if self._handshaking:
            # Reading in clear had stopped before, so these came under TLS, in one packet with the
            # end of the peer's handshake, before `start_tls` could tell us of it.
            self._early += data
            return
        was_in_data = session.in_data
        if session.busy or self._write_paused:
            session.hold(data)
        else:
            self._act(session.feed(data))
        self._note_progress(session, was_in_data)
        self._balance()

    def eof_received(self) -> bool:
        # A peer that half-closed still wants the answer that is being worked on.
        self._eof = True
        # TLS cannot stay half-open.
        return self.busy and self._session is not None and not self._session.tls

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        if self._last is not None:
            self._last.cancel()
        if self._session is not None:
            self._session.gone()
        # A handler that has begun to commit goes on; its reply has nowhere to go.
        if self._on_close is not None:
            self._on_close(self)

    def pause_writing(self) -> None:
        # A peer that does not read its replies gets no more of them.
        self._write_paused = True
        self._balance()

    def resume_writing(self) -> None:
        self._write_paused = False
        if self._session is not None and not self._closing and not self._session.busy:
            self._act(self._session.feed(b""))
        self._balance()

    # -- called by the owner

    @property
    def busy(self) -> bool:
        """A handler is at work for this connection."""
        return self._task is not None

    @property
    def spare(self) -> bool:
        """Nothing of a message is in hand: its end costs the peer another connection, and no more."""
        session = self._session
        if session is None or self._closing:
            return False
        return self._handshaking or (not self.busy and session.between)

    def give_way(self) -> None:
        """End now: with 421, or without a word in the middle of a handshake."""
        if self._handshaking and self._transport is not None:
            self._closing = True
            self._transport.abort()
        else:
            self.stop()

    def stop(self) -> None:
        """Say 421 and close, after the handler at work (if any) has answered."""
        self._stopping = True
        if self._task is None and self._session is not None and not self._closing:
            self._act(self._session.hang_up(_STOPPING))

    # -- inside

    def _act(self, action: Action | None) -> None:
        """Send what is due, then begin what the conversation asks for."""
        session, transport = self._session, self._transport
        if session is None or transport is None:
            return
        if out := session.take_output():
            transport.write(out)
        match action:
            case None:
                return
            case TakeMessage(envelope):
                self._start(self._take_message(session, envelope))
            case CheckRcpt(envelope, address):
                self._start(self._check_rcpt(session, envelope, address))
            case CheckPassword(username, password):
                self._start(self._check_password(session, username, password))
            case StartTls():
                # The peer's first TLS octets must not reach us in clear.
                transport.pause_reading()
                self._handshaking = True
                self._start(self._start_tls(session, transport))
            case Close(polite):
                self._close(transport, linger=not polite)

    def _start(self, work: Coroutine[Any, Any, Action | None]) -> None:
        self._task = self._loop.create_task(self._answer(work))

    async def _answer(self, work: Coroutine[Any, Any, Action | None]) -> None:
        session = self._session
        action = await work
        self._task = None
        self._seen = self._loop.time()
        if session is None or self._closing:
            return
        if self._stopping and not isinstance(action, Close):
            action = session.hang_up(_STOPPING)
        self._act(action)
        self._note_progress(session, False)
        self._balance()
        if self._eof and self._task is None and self._transport is not None:
            self._close(self._transport, linger=False)

    async def _take_message(self, session: ServerSession, envelope: Envelope) -> Action | None:
        try:
            reply = await self._handler.message(envelope)
        except Exception:  # one message's failure must not end the connection
            logger.exception("message handler failed")
            reply = _LOCAL_ERROR
        return session.answer_message(reply)

    async def _check_rcpt(
        self, session: ServerSession, envelope: Envelope, address: str
    ) -> Action | None:
        refusal: Reply | None
        try:
            refusal = await self._handler.rcpt(envelope, address)
        except Exception:  # as for a message
            logger.exception("recipient handler failed")
            refusal = _LOCAL_ERROR
        return session.answer_rcpt(refusal)

    async def _check_password(
        self, session: ServerSession, username: str, password: str
    ) -> Action | None:
        try:
            result = await self._handler.authenticate(username, password, self.peer)
            if isinstance(result, Refusal) and result.reply.is_permanent:
                await self._handler.auth_failed(self.peer, username)
                least = self._config.auth_delay * result.slow
                await asyncio.sleep(max(session.auth_delay, least))
        except Exception as error:  # noqa: BLE001 — as for a message; a traceback could hold the password
            logger.error("authentication handler failed: %s", type(error).__name__)
            result = Refusal(Reply(454, "4.7.0", ("Temporary authentication failure",)))
        return session.answer_auth(result)

    async def _start_tls(
        self, session: ServerSession, transport: asyncio.Transport
    ) -> Action | None:
        context = self._config.tls_context
        if context is None:
            raise RuntimeError("STARTTLS without a context")
        try:
            secured = await self._loop.start_tls(
                transport,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS,
            )
        except OSError as error:
            logger.info("TLS handshake with %s failed: %s", self.peer, error)
            secured = None
        if secured is None:
            self._closing = True
            transport.abort()
            return None
        self._transport = secured
        self._handshaking = False
        session.tls_started()
        early, self._early = self._early, b""
        return session.feed(early)

    def _balance(self) -> None:
        """Read only while there is room for what comes."""
        session, transport = self._session, self._transport
        if session is None or transport is None or self._closing or transport.is_closing():
            return
        if self._write_paused or (session.busy and session.buffered > MAX_HELD_BYTES):
            transport.pause_reading()
        elif not transport.is_reading() and not session.busy:
            transport.resume_reading()

    def _note_progress(self, session: ServerSession, was_in_data: bool) -> None:
        if session.in_data and not was_in_data:
            self._data_began = self._loop.time()
            self._pace = (self._data_began, 0)
            self._watch()  # it has to keep a pace from now on
        if was_in_data or session.progress != self._progress:
            # Content counts octet by octet (its total has a deadline), commands when complete.
            self._progress = session.progress
            self._seen = self._loop.time()

    def _watch(self) -> None:
        """Look again when the peer could next be late; a timer per octet would cost too much."""
        session, now = self._session, self._loop.time()
        if session is None or self._closing:
            return
        if self._timer is not None:
            self._timer.cancel()
        due = (now if self._task is not None else self._seen) + self._config.idle_timeout
        if session.in_data:
            due = min(due, self._data_began + self._config.data_deadline)
            due = min(due, self._next_look(session, now))
        if due <= now:
            self._act(session.hang_up(_TIMED_OUT))
        else:
            self._timer = self._loop.call_later(due - now, self._watch)

    def _next_look(self, session: ServerSession, now: float) -> float:
        """When content has to have come on again; now, where too little came since the last look."""
        since, had = self._pace
        if now < since + self._config.data_window:
            return since + self._config.data_window
        if session.received - had < self._config.data_least:
            return now
        self._pace = (now, session.received)
        return now + self._config.data_window

    def _close(self, transport: asyncio.Transport, *, linger: bool) -> None:
        self._closing = True
        # `close` waits until the peer has read what is due, and one that never reads for ever
        self._last = self._loop.call_later(ABORT_SECONDS, transport.abort)
        if not linger or transport.get_extra_info("ssl_object") is not None:
            transport.close()
            return
        with contextlib.suppress(OSError):  # gone already
            if transport.can_write_eof():
                transport.write_eof()
        transport.resume_reading()
        self._loop.call_later(_LINGER_SECONDS, transport.close)
