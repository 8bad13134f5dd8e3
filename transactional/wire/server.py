"""The server side of SMTP without sockets: octets in, replies and actions out.

RFC 5321 §4.3 (sequencing), RFC 2920 (pipelining), RFC 3207 (STARTTLS).
"""

import re

from transactional.wire.dot import DataReader
from transactional.wire.handler import Auth, Refusal, ServerConfig
from transactional.wire.reply import Reply
from transactional.wire.room import Place, Room
from transactional.wire.server_auth import MAX_AUTH_LINE, Authentication
from transactional.wire.server_state import (
    Action,
    CheckRcpt,
    Close,
    Conversation,
    StartTls,
    TakeMessage,
)
from transactional.wire.server_verbs import NO_ROOM, RCPT_OK, VERBS

# RFC 5321 §4.5.3.1.4 asks for 512; long addresses and parameters stay well below this.
MAX_COMMAND_LINE = 2_048
_STRAY = re.compile(rb"[\x00\r\n]")
_ANY_NEWLINE = re.compile(rb"\r\n|\r|\n")
_GO_AHEAD = Reply(354, None, ("End data with <CR><LF>.<CR><LF>",)).encode()
_TOO_BIG = Reply(552, "5.3.4", ("Message size exceeds the limit",))


class ServerSession:
    """One conversation. `feed` and each `answer_*` return the next action, or None for more octets.

    After every call send `take_output()` first, then act. While an action waits for its answer
    nothing is read: `feed` only buffers (`buffered` tells how much).
    """

    def __init__(
        self,
        config: ServerConfig,
        peer: str,
        *,
        check_rcpt: bool = False,
        room: Room | None = None,
    ) -> None:
        self._talk = Conversation(config, peer, check_rcpt=check_rcpt, room=room)
        self._auth = Authentication(self._talk)
        self._buffer = b""
        self._at = 0  # what of the buffer has been read
        self._data: DataReader | None = None
        self._place: Place | None = None  # of the content that comes, or that a handler has
        self._skipping = False
        self._waiting: Action | None = None
        #: Grows with each finished command or message: what idle means is decided by it.
        self.progress = 0
        self._talk.say(220, None, f"{config.hostname} {config.banner}")

    @property
    def busy(self) -> bool:
        """An action waits for its answer, or the end has come."""
        return self._waiting is not None

    @property
    def in_data(self) -> bool:
        """Content is being received."""
        return self._data is not None

    @property
    def between(self) -> bool:
        """Nothing of a message is in hand, and no answer is due."""
        talk = self._talk
        return not (self.busy or self.in_data or self.buffered or talk.in_transaction)

    @property
    def received(self) -> int:
        """Octets of the content that is being received."""
        return self._data.size if self._data is not None else 0

    @property
    def buffered(self) -> int:
        """Octets received and not yet looked at."""
        return len(self._buffer) - self._at

    @property
    def tls(self) -> bool:
        """The conversation is encrypted."""
        return self._talk.tls

    @property
    def auth_delay(self) -> float:
        """Seconds to hold back the answer to a failed AUTH: doubles with each failure."""
        return self._talk.config.auth_delay * min(8, 1 << min(self._talk.auth_failures, 3))

    def take_output(self) -> bytes:
        """The replies that are due, once."""
        out = bytes(self._talk.out)
        self._talk.out.clear()
        return out

    def feed(self, data: bytes) -> Action | None:
        """Octets from the peer."""
        if not isinstance(self._waiting, Close):
            self.hold(data)
        return None if self.busy else self._run()

    def hold(self, data: bytes) -> None:
        """Octets from the peer, to be read later."""
        self._buffer = self._take_buffer() + data if self._buffer else data

    def answer_auth(self, result: Auth | Refusal) -> Action | None:
        """The answer to CheckPassword."""
        self._waiting = self._auth.answer(result)
        return self._waiting or self._run()

    def answer_rcpt(self, refusal: Reply | None) -> Action | None:
        """The answer to CheckRcpt; None takes the recipient."""
        talk, asked = self._talk, self._waiting
        if not isinstance(asked, CheckRcpt):
            raise RuntimeError("no recipient was asked about")
        self._waiting = None
        if refusal is None:
            talk.rcpts.append(asked.address)
            talk.out += RCPT_OK
        else:
            talk.out += refusal.encode()
            if refusal.code == 421:
                self._waiting = Close()
            elif refusal.is_permanent and talk.auth is None:
                # Guessing addresses is a mistake; a known sender's stale list is not.
                self._waiting = talk.count_error()
        return self._waiting or self._run()

    def answer_message(self, reply: Reply) -> Action | None:
        """The answer to TakeMessage."""
        self._leave_room()
        self._talk.out += reply.encode()
        self._waiting = Close() if reply.code == 421 else None
        return self._waiting or self._run()

    def tls_started(self) -> None:
        """The handshake is done: begin again as if nothing had been said (RFC 3207 §4.2)."""
        self._talk.tls = True
        self._talk.forget()
        self._take_buffer()
        self._waiting = None

    def hang_up(self, reply: Reply) -> Close:
        """End the conversation from our side: time is up, or the server stops."""
        self._waiting = self._talk.hang_up(reply)
        self._take_buffer()
        self.gone()
        return self._waiting

    def gone(self) -> None:
        """The peer is not there any more: nothing is kept but what a handler is at work with."""
        self._data = None
        if not isinstance(self._waiting, TakeMessage):
            self._leave_room()

    def _leave_room(self) -> None:
        if self._place is not None:
            self._place.leave()
            self._place = None

    def _run(self) -> Action | None:
        while self._waiting is None and self.buffered:
            if self._data is not None:
                self._waiting = self._read_content(self._data)
                if self._data is not None:
                    break
            else:
                line = self._next_line()
                if line is None:
                    break
                self.progress += 1
                self._waiting = self._line(line)
        if isinstance(self._waiting, Close):
            self._take_buffer()
        return self._waiting

    def _take_buffer(self) -> bytes:
        rest = self._buffer[self._at :] if self._at else self._buffer
        self._buffer, self._at = b"", 0
        return rest

    def _next_line(self) -> bytes | None:
        buffer, start = self._buffer, self._at
        limit = MAX_AUTH_LINE if self._auth.expects_line else MAX_COMMAND_LINE - 2
        end = buffer.find(b"\r\n", start)
        if end < 0:
            self._buffer = rest = self._take_buffer()
            if len(rest) > limit + 1:
                # Remembered as too long; a CR that may be half of the end is kept.
                self._skipping = True
                self._buffer = rest[-1:]
            return None
        self._at = end + 2
        if self._skipping or end - start > limit:
            self._skipping = False
            return b"\n"  # no command holds an LF, so it is refused as a line
        return buffer[start:end]

    def _line(self, line: bytes) -> Action | None:
        talk = self._talk
        if self._auth.expects_line:
            return self._auth.line(line)
        if _STRAY.search(line):
            return talk.refuse(500, "5.5.2", "Line too long, or a stray control character")
        verb, _, rest = line.partition(b" ")
        verb = verb.upper()
        try:
            argument = rest.decode()
        except UnicodeDecodeError:
            return talk.refuse(501, "5.5.2", "Not UTF-8")
        function = VERBS.get(verb)
        if function is not None:
            return function(talk, argument)
        if verb == b"DATA":
            return self._begin_data(argument)
        if verb == b"AUTH":
            return self._auth.command(argument)
        if verb == b"STARTTLS":
            return self._begin_tls(argument)
        return talk.refuse(500, "5.5.1", "Command not recognised")

    def _begin_tls(self, argument: str) -> Action | None:
        talk = self._talk
        if talk.config.tls_context is None:
            return talk.refuse(502, "5.5.1", "STARTTLS not offered")
        if talk.tls:
            return talk.refuse(503, "5.5.1", "Already under TLS")
        if argument:
            return talk.refuse(501, "5.5.4", "STARTTLS takes no parameter")
        if self.buffered:
            # CVE-2011-0411: octets in clear would be taken for octets under TLS.
            return talk.hang_up(Reply(554, "5.5.0", ("Commands after STARTTLS",)))
        talk.say(220, "2.0.0", "Ready to start TLS")
        return StartTls()

    def _begin_data(self, argument: str) -> Action | None:
        talk = self._talk
        if argument:
            return talk.refuse(501, "5.5.4", "DATA takes no parameter")
        if not talk.in_transaction:
            return talk.refuse(503, "5.5.1", "MAIL first")
        if not talk.rcpts:
            return talk.refuse(554, "5.5.1", "No valid recipients")
        if self.buffered:
            # RFC 2920 §3.1: DATA ends a group. Whether what follows is content or commands cannot
            # be known, so it is neither.
            return talk.hang_up(Reply(503, "5.5.0", ("Improper pipelining after DATA",)))
        if talk.room is not None:
            self._place = talk.room.enter(talk.sender)
            if self._place is None:
                return self._no_room()
        # Stuffing can lengthen the content by a third at most; the exact size is judged at the end.
        self._data = reader = DataReader(talk.config.size_limit * 4 // 3 + 3)
        if self._place is not None:
            self._place.when_lost(reader.drop)
        talk.out += _GO_AHEAD
        return None

    def _read_content(self, reader: DataReader) -> Action | None:
        ended = reader.feed(self._take_buffer())
        if self._place is not None:
            self._place.hold(reader.held)
        if not ended:
            if reader.size > 4 * self._talk.config.size_limit + 1_048_576:
                # A sender that overshoots by this much will not listen to a reply either.
                return self.hang_up(_TOO_BIG)
            return None
        self._buffer, self._data = reader.rest, None
        self.progress += 1
        if self._place is not None and self._place.lost:
            return self._no_room()
        envelope = self._content(reader)
        if isinstance(envelope, Reply):
            self._leave_room()
            self._talk.out += envelope.encode()
            self._talk.end_transaction()
            return self._talk.count_error()
        self._talk.errors = self._talk.idle_commands = self._talk.surplus = 0
        if self._place is not None:
            self._place.settle()
        action = TakeMessage(self._talk.envelope(envelope))
        self._talk.end_transaction()
        return action

    def _no_room(self) -> Close | None:
        """Whole as it may be, it was not kept: the sender still has it, and comes again."""
        self._leave_room()
        self._talk.end_transaction()
        if close := self._talk.count_idle_command():
            return close
        self._talk.out += NO_ROOM
        return None

    def _content(self, reader: DataReader) -> bytes | Reply:
        config = self._talk.config
        content = b"" if reader.overflow else reader.message()
        if reader.overflow or len(content) > config.size_limit:
            return _TOO_BIG
        if reader.nul:
            return Reply(554, "5.6.0", ("NUL in the message",))
        if reader.bare_newline:
            if config.bare_newline == "refuse":
                return Reply(554, "5.6.0", ("Bare CR or LF in the message",))
            return _ANY_NEWLINE.sub(b"\r\n", content)
        return content
