"""The only place that reads SMTP AUTH: PLAIN and LOGIN, under TLS only.

RFC 4954 (AUTH), RFC 4616 (PLAIN). Nothing here may reach a log.
"""

import base64
import binascii
from enum import Enum, auto

from transactional.wire.handler import Auth, Refusal
from transactional.wire.server_state import CheckPassword, Close, Conversation

# RFC 4954 §4: longest base64 line a server must take.
MAX_AUTH_LINE = 12_288


class _Step(Enum):
    IDLE = auto()
    PLAIN = auto()
    LOGIN_USER = auto()
    LOGIN_PASSWORD = auto()


class Authentication:
    """The AUTH exchange of one conversation."""

    __slots__ = ("_conversation", "_step", "_username")

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._step = _Step.IDLE
        self._username = ""

    @property
    def expects_line(self) -> bool:
        """The next line is a response, not a command."""
        return self._step is not _Step.IDLE

    def command(self, argument: str) -> CheckPassword | Close | None:
        """AUTH mechanism [initial-response]."""
        talk = self._conversation
        if not (talk.config.offer_auth or talk.config.require_auth):
            return talk.refuse(502, "5.5.1", "AUTH not offered")
        if not talk.tls:
            return talk.refuse(538, "5.7.11", "Encryption required for authentication")
        if talk.helo is None or talk.auth is not None or talk.in_transaction:
            return talk.refuse(503, "5.5.1", "AUTH not allowed now")
        mechanism, *rest = argument.split(" ")
        if not mechanism or len(rest) > 1:
            return talk.refuse(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]")
        if mechanism.upper() == "PLAIN":
            self._step = _Step.PLAIN
            challenge = ""
        elif mechanism.upper() == "LOGIN":
            self._step = _Step.LOGIN_USER
            challenge = "VXNlcm5hbWU6"
        else:
            return talk.refuse(504, "5.5.4", "Mechanism not offered")
        if rest:
            return self.line(rest[0].encode("utf-8", "replace"))
        talk.say(334, None, challenge)
        return None

    def line(self, raw: bytes) -> CheckPassword | Close | None:
        """One response of the client."""
        step, self._step = self._step, _Step.IDLE
        talk = self._conversation
        if raw == b"*":
            return talk.refuse(501, "5.7.0", "Authentication cancelled")
        if len(raw) > MAX_AUTH_LINE:
            return talk.refuse(500, "5.5.6", "Authentication line too long")
        text = _decode(raw)
        if text is None:
            return talk.refuse(501, "5.5.2", "Not a base64 response")
        if step is _Step.LOGIN_USER:
            self._username = text
            self._step = _Step.LOGIN_PASSWORD
            talk.say(334, None, "UGFzc3dvcmQ6")
            return None
        if step is _Step.LOGIN_PASSWORD:
            return self._check(self._username, text)
        fields = text.split("\0")
        if len(fields) != 3 or fields[0] not in ("", fields[1]):
            return talk.refuse(501, "5.5.2", "Malformed PLAIN response")
        return self._check(fields[1], fields[2])

    def _check(self, username: str, password: str) -> CheckPassword | Close | None:
        if not username or not password or "\0" in username + password:
            return self._conversation.refuse(501, "5.5.2", "Empty or malformed credentials")
        return CheckPassword(username, password)

    def answer(self, result: Auth | Refusal) -> Close | None:
        """The owner's verdict on the last CheckPassword."""
        talk = self._conversation
        if isinstance(result, Auth):
            talk.auth = result
            talk.auth_failures = 0
            talk.say(235, "2.7.0", "Authentication succeeded")
            return None
        if result.reply.code == 421:
            return talk.hang_up(result.reply)
        talk.out += result.reply.encode()
        if result.reply.is_permanent:
            talk.auth_failures += 1
            if talk.auth_failures >= talk.config.max_auth_failures:
                talk.say(421, "4.7.0", "Too many failed authentications")
                return Close()
        return None


def _decode(raw: bytes) -> str | None:
    if raw == b"=":  # RFC 4954 §4: an empty initial response
        return ""
    try:
        return base64.b64decode(raw, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
