"""One MAIL, RCPT, DATA transaction for one recipient, on a stream that is ready for it.

RFC 5321 §3.3 (mail transactions), RFC 2920 (pipelining), RFC 1870 (SIZE), RFC 6531 (SMTPUTF8).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from transactional.wire.dot import stuff
from transactional.wire.outcome import Capabilities, Outcome, Timeouts
from transactional.wire.path import NotAscii, PathError, check_mailbox
from transactional.wire.reply import Reply, Stage
from transactional.wire.reply_stream import ReplyStream, StreamError, Witness

BeforeDot = Callable[[], Awaitable[bool]]
StillOurs = Callable[[], bool]
TAIL = 5  # octets, CR LF . CR LF: without them nothing was handed over


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one transaction carries. `content` is unstuffed, with CR LF line ends only."""

    mail_from: str | None
    rcpt: str
    content: bytes
    smtputf8: bool = False
    eight_bit: bool = False


def refuse_locally(parcel: Parcel, capabilities: Capabilities) -> Reply | None:
    """The reply we give in the peer's place where asking it would be useless or unsafe."""
    if parcel.smtputf8 and not capabilities.smtp_utf8:
        return Reply(553, "5.6.7", ("The receiving server does not take SMTPUTF8",))
    if capabilities.size is not None and len(parcel.content) > capabilities.size:
        return Reply(552, "5.3.4", (f"The receiving server takes {capabilities.size} octets",))
    try:
        check_mailbox(parcel.rcpt, smtputf8=parcel.smtputf8)
        if parcel.mail_from is not None:
            check_mailbox(parcel.mail_from, smtputf8=parcel.smtputf8)
    except NotAscii:
        return Reply(553, "5.6.7", ("The address needs SMTPUTF8",))
    except PathError as error:
        return Reply(553, "5.1.3", (f"Bad address: {error}",))
    return None


class Transaction:
    """Runs one parcel through; afterwards `needs_reset` says whether RSET must come next."""

    __slots__ = (
        "_capabilities",
        "_exchange",
        "_last_stage",
        "_parcel",
        "_reset_first",
        "_stream",
        "_timeouts",
        "needs_reset",
    )

    def __init__(
        self,
        stream: ReplyStream,
        parcel: Parcel,
        *,
        capabilities: Capabilities,
        timeouts: Timeouts,
        reset_first: bool,
    ) -> None:
        self._stream = stream
        self._parcel = parcel
        self._capabilities = capabilities
        self._timeouts = timeouts
        self._reset_first = reset_first
        self._last_stage = Stage.MAIL
        self._exchange: list[str | Reply] = []
        self.needs_reset = False

    async def run(
        self, before_dot: BeforeDot, still_ours: StillOurs, witness: Witness | None = None
    ) -> Outcome:
        """The outcome, without session facts. ValueError on bare CR, LF or NUL in the content.

        Nothing is marked before the peer asks for the content: what dies earlier is in no doubt.
        """
        payload = stuff(self._parcel.content)
        marker: asyncio.Future[bool] | None = None
        try:
            refused = await self._envelope()
            if refused is not None:
                return refused
            marker = asyncio.ensure_future(before_dot())
            if not await self._durable(marker) or not still_ours():
                return self._not_ours(Stage.DATA)
            return await self._content(payload, still_ours, witness)
        except BaseException:
            # Cancelled, or the marker raised: half a transaction must never be continued.
            if marker is not None:
                marker.cancel()
            self._stream.fail("abandoned")
            raise

    async def _durable(self, marker: asyncio.Future[bool]) -> bool:
        if marker.done():
            return marker.result()
        late = False

        def give_up() -> None:
            nonlocal late
            late = marker.cancel()

        ours = asyncio.current_task()
        timer = asyncio.get_running_loop().call_later(self._timeouts.marker, give_up)
        try:
            return await marker
        except asyncio.CancelledError:
            if not late or (ours is not None and ours.cancelling()):
                raise
            # Not known to be durable is the same as not ours any more.
            return False
        finally:
            timer.cancel()

    def _commands(self) -> list[tuple[Stage, str]]:
        parcel, offered = self._parcel, self._capabilities
        mail = f"MAIL FROM:<{parcel.mail_from or ''}>"
        if "SIZE" in offered.keywords:
            mail += f" SIZE={len(parcel.content)}"
        if parcel.eight_bit and offered.eight_bit_mime:
            mail += " BODY=8BITMIME"
        if parcel.smtputf8:
            mail += " SMTPUTF8"
        commands = [
            (Stage.MAIL, mail),
            (Stage.RCPT, f"RCPT TO:<{parcel.rcpt}>"),
            (Stage.DATA, "DATA"),
        ]
        if self._reset_first:
            commands.insert(0, (Stage.MAIL, "RSET"))
        return commands

    def _write(self, commands: list[tuple[Stage, str]]) -> None:
        lines = [line for _, line in commands]
        self._exchange += lines
        self._stream.write(("\r\n".join(lines) + "\r\n").encode())

    async def _envelope(self) -> Outcome | None:
        """None when the peer waits for content; otherwise the outcome, with the stream in step."""
        commands = self._commands()
        pipelining = self._capabilities.pipelining
        refused: Outcome | None = None
        reply: Reply | None = None
        stage = Stage.MAIL
        try:
            if pipelining:
                self._write(commands)
            for stage, line in commands:
                if not pipelining:
                    self._write([(stage, line)])
                reply = await self._reply(stage)
                refused = refused or self._judge(stage, line, reply)
                if self._stream.failure is not None or (refused and not pipelining):
                    break
            if refused is not None and stage is Stage.DATA and reply is not None:
                await self._close_unwanted(reply)
        except StreamError as error:
            return refused or self._failed(stage, str(error))
        return refused

    async def _reply(self, stage: Stage) -> Reply:
        reply = await self._stream.reply(getattr(self._timeouts, stage.value))
        self._exchange.append(reply)
        return reply

    def _judge(self, stage: Stage, line: str, reply: Reply) -> Outcome | None:
        """None where `reply` lets us go on; a peer that is leaving or out of step is hung up on."""
        if reply.code == 354 if stage is Stage.DATA else reply.is_positive:
            self.needs_reset = line != "RSET"
            return None
        if line == "RSET":
            self._stream.fail("RSET refused")
            return self._failed(stage, f"RSET refused: {reply}")
        if reply.code < 400:
            self._stream.fail("out of step")
            return self._failed(stage, f"unexpected reply to {line[:4]}: {reply}")
        if reply.code == 421:
            self._stream.fail("the peer closes the connection")
        return Outcome(stage, reply)

    async def _close_unwanted(self, reply: Reply) -> None:
        # RFC 2920 §3.1: DATA was granted though the recipient was not. A lone dot ends it, and
        # whatever the peer makes of an empty message without recipients is of no interest.
        if reply.code == 354:
            self._stream.write(b".\r\n")
            self._exchange.append(".")
            await self._reply(Stage.DATA)

    async def _content(
        self, payload: bytes, still_ours: StillOurs, witness: Witness | None
    ) -> Outcome:
        stream = self._stream
        if not stream.is_quiet:
            return self._interrupted(Stage.DATA, "the peer spoke before the content")
        try:
            limit = self._timeouts.data
            if not await stream.write_blocks(payload, TAIL, limit, still_ours, witness):
                return self._not_ours(Stage.BODY)
        except StreamError as error:
            return self._interrupted(Stage.BODY, str(error))
        self._exchange.append(f"<{len(payload)} octets of content>")
        try:
            reply = await self._reply(Stage.DOT)
        except StreamError as error:
            if stream.has_unsent:
                # The dot is the last octet: while any octet is still here, so is the dot.
                return self._failed(Stage.BODY, str(error))
            return self._failed(Stage.DOT, str(error), uncertain=True)
        self.needs_reset = False
        if reply.code < 200 or 300 <= reply.code < 400:
            stream.fail("out of step")
            return self._failed(Stage.DOT, f"unexpected reply to the dot: {reply}", uncertain=True)
        if reply.code == 421:
            stream.fail("the peer closes the connection")
        return Outcome(Stage.DOT, reply)

    def _interrupted(self, stage: Stage, error: str) -> Outcome:
        reply = self._stream.early_reply()
        self._stream.fail(error)
        if reply is None or reply.code < 400:
            return self._failed(stage, error)
        self._exchange.append(reply)
        return Outcome(stage, reply)

    @property
    def exchange(self) -> tuple[str | Reply, ...]:
        """Commands and replies so far."""
        return tuple(self._exchange)

    @staticmethod
    def _failed(stage: Stage, error: str, *, uncertain: bool = False) -> Outcome:
        return Outcome(stage, error=error, uncertain=uncertain)

    def _not_ours(self, stage: Stage) -> Outcome:
        """Hung up on before the dot: another worker may have the row."""
        self._stream.fail("lease lost")
        return Outcome(stage, error="lease lost before the final dot was sent", lease_lost=True)
