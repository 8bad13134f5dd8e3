"""What an outgoing SMTP session is told and what it tells: policy, time limits, capabilities, outcome.

RFC 5321 §4.5.3.2 (timeouts), §4.1.1.1 (EHLO keywords), RFC 1870, 2920, 3207, 4954, 6152, 6531.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from transactional.wire.reply import Reply, Stage

MAX_TRANSCRIPT_BYTES = 4_096
_MAX_TRANSCRIPT_LINE = 600
_SIZE = re.compile(r"[0-9]{1,20}")  # RFC 1870 §4


class TlsPolicy(StrEnum):
    """How much a stream or a destination's policy asks of STARTTLS."""

    OFF = "off"  # never ask for it
    OPPORTUNISTIC = "opportunistic"  # use it where offered, whatever the certificate
    REQUIRED = "required"  # no mail in clear, whatever the certificate
    VERIFIED = "verified"  # no mail in clear, and the certificate names the server (MTA-STS)
    DANE = "dane"  # no mail in clear, and the certificate is one that TLSA records name


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait at each step; the defaults stop a tarpit from holding a slot for long."""

    connect: float = 30.0
    banner: float = 60.0
    ehlo: float = 60.0
    starttls: float = 60.0
    mail: float = 60.0
    rcpt: float = 60.0
    data: float = 60.0  # the 354, and each block of content
    marker: float = 60.0  # our own word that the final dot may be sent: no receiver's fault
    dot: float = 600.0  # RFC 5321 §4.5.3.2.6: hanging up early is how duplicates are made
    quit: float = 2.0


@dataclass(frozen=True, slots=True)
class Login:
    """Name and password for a server that relays for us; never shown, never in a transcript."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the peer's last EHLO offered. After HELO everything is off."""

    esmtp: bool = False
    pipelining: bool = False
    eight_bit_mime: bool = False
    smtp_utf8: bool = False
    starttls: bool = False
    auth: frozenset[str] = frozenset()  # mechanisms, upper case (RFC 4954 §3)
    size: int | None = None  # octets; None where nothing was announced or 0 was
    keywords: frozenset[str] = frozenset()


def read_capabilities(reply: Reply) -> Capabilities:
    """The capabilities in a 250 reply to EHLO; unknown or malformed lines count for nothing."""
    words = [line.split() for line in reply.lines[1:]]
    keywords = {word[0].upper(): word[1:] for word in words if word}
    size = keywords.get("SIZE") or [""]
    limit = int(size[0]) if _SIZE.fullmatch(size[0]) else 0
    return Capabilities(
        esmtp=True,
        pipelining="PIPELINING" in keywords,
        eight_bit_mime="8BITMIME" in keywords,
        smtp_utf8="SMTPUTF8" in keywords,
        starttls="STARTTLS" in keywords,
        auth=frozenset(word.upper() for word in keywords.get("AUTH", [])),
        size=limit or None,
        keywords=frozenset(keywords),
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one delivery, or one attempt to connect, ended.

    Exactly one of `reply` and `error` is set. `local` replies are our own, given without asking
    the peer. `uncertain`: the final dot may have reached the peer and no reply came back.
    """

    stage: Stage
    reply: Reply | None = None
    error: str | None = None
    local: bool = False
    uncertain: bool = False
    #: `before_dot` said no: another worker has the row, so this outcome is not to be recorded.
    lease_lost: bool = False
    #: The kept connection had died or was told to go; a fresh one may be tried at once.
    reusable_failure: bool = False
    #: No connection, by a want of this machine's own: it says nothing of the peer.
    ours: bool = False
    #: What the server speaks as TLS is none, or none of ours: another try would not change it.
    tls_is_broken: bool = False
    #: How TLS failed at this server, where mail went in clear for it.
    in_clear_because: str = ""
    tls_version: str | None = None
    tls_cipher: str | None = None
    duration: float = 0.0  # seconds
    exchange: tuple[str | Reply, ...] = ()

    @property
    def accepted(self) -> bool:
        """The peer took responsibility for the message."""
        return self.stage is Stage.DOT and self.reply is not None and self.reply.is_positive

    @property
    def tls_failed(self) -> bool:
        """The connection could not be secured. 421 is a server that goes away, whatever it was asked."""
        return self.stage is Stage.STARTTLS and (self.reply is None or self.reply.code != 421)

    @property
    def transcript(self) -> tuple[str, ...]:
        """Commands (`C: `) and replies (`S: `), at most 4 KB; never the content."""
        budget, lines = MAX_TRANSCRIPT_BYTES, []
        for entry in self.exchange:
            text = f"C: {entry}" if isinstance(entry, str) else f"S: {entry}"
            if "\n" in text:
                text = text.replace("\n", " ")
            most = min(budget, _MAX_TRANSCRIPT_LINE)
            if text.isascii() and len(text) <= most:  # nearly all of them
                budget -= len(text) + 1
                lines.append(text)
            else:
                line = text.encode("utf-8", "backslashreplace")[:most]
                budget -= len(line) + 1
                lines.append(line.decode("utf-8", "ignore"))
            if budget <= 0:
                break
        return tuple(lines)


class SessionRefused(Exception):
    """No usable session came of a connection; `outcome` says at which stage and why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"{outcome.stage}: {outcome.reply or outcome.error}")
        self.outcome = outcome
