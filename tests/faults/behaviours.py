"""How each receiver of the cases misbehaves: rows S1 to S15 of the faults, one class each."""

import asyncio
import smtplib
import time
from collections import Counter

from tests.faults.receivers import Books, Copy, Drop, Receiver, Talk


def number(rcpt: str) -> int:
    """17 of `u17@x.example`."""
    return int("".join(c for c in rcpt.partition("@")[0].rpartition("<")[2] if c.isdigit()))


class Greylist(Receiver):
    """451 until `seconds` after a triplet (IP, return-path, recipient) was first seen (RFC 6647)."""

    def __init__(self, books: Books, seconds: float) -> None:
        super().__init__(books)
        self.seconds = seconds
        self._first: dict[tuple[str, str, str], float] = {}

    def hear(self, talk: Talk, verb: str, line: str) -> str | None:
        if verb != "RCPT":
            return None
        since = self._first.setdefault((talk.peer, talk.path or "", line), time.monotonic())
        early = time.monotonic() - since < self.seconds
        return "451 4.7.1 Greylisted, please come back" if early else None


class Refusing(Receiver):
    """The same answer to one command, always."""

    def __init__(self, books: Books, verb: str, said: str | bytes) -> None:
        super().__init__(books)
        self._verb, self._said = verb, said

    def hear(self, talk: Talk, verb: str, line: str) -> str | bytes | None:
        return self._said if verb == self._verb else None


class Crowded(Receiver):
    """421 at the banner to more than `most` connections at once, and after five messages on one."""

    def __init__(self, books: Books, most: int) -> None:
        super().__init__(books)
        self._most = most

    def hear(self, talk: Talk, verb: str, line: str) -> str | None:
        if verb == "" and self.open > self._most:
            return "421 4.7.0 Too many connections from your host"
        if verb == "MAIL" and talk.taken >= 5:
            return "421 4.7.0 Enough for one connection"
        return None


class Rushed(Receiver):
    """Takes `enough` messages; then 421 to each for `strict` seconds; then all."""

    pause = 0.01

    def __init__(self, books: Books, enough: int, strict: float) -> None:
        super().__init__(books)
        self._enough, self._strict = enough, strict
        self.since: float | None = None

    def hear(self, talk: Talk, verb: str, line: str) -> str | None:
        if verb != "RCPT":
            return None
        if self.since is None and sum(self.books.accepted("rush.example").values()) >= self._enough:
            self.since = time.monotonic()
        if self.since is None or time.monotonic() - self.since > self._strict:
            return None
        return "421 4.7.28 Unusual rate of mail, slow down"


class DropsAfterDot(Receiver):
    """Resets the connection after the final dot, `times` for each recipient."""

    def __init__(self, books: Books, times: int) -> None:
        super().__init__(books)
        self._times = times
        self._seen: Counter[str] = Counter()

    async def dot(self, talk: Talk, copy: Copy) -> str | None:
        self._seen[copy.to] += 1
        if self._seen[copy.to] <= self._times:
            raise Drop
        return None


class Drops(Receiver):
    """Resets the connection in answer to a command; `354` drops behind that answer."""

    def __init__(self, books: Books, verb: str) -> None:
        super().__init__(books)
        self._verb = verb

    def hear(self, talk: Talk, verb: str, line: str) -> str | None:
        if verb == self._verb:
            raise Drop
        return None


class DropsInContent(Receiver):
    """Resets the connection in the middle of a large message."""

    limit = 16 * 1024  # what is not read stays with the sender
    read_only = 64 * 1024


class Tarpit(Receiver):
    """So many seconds for each answer."""

    def __init__(self, books: Books, pause: float) -> None:
        super().__init__(books)
        self.pause = pause


class Drip(Receiver):
    """One octet at a time."""

    def __init__(self, books: Books, pause: float) -> None:
        super().__init__(books)
        self._gap = pause

    async def say(self, talk: Talk, said: str | bytes) -> None:
        for octet in said if isinstance(said, bytes) else f"{said}\r\n".encode():
            talk.writer.write(bytes([octet]))
            await talk.writer.drain()
            await asyncio.sleep(self._gap)


class Mute(Receiver):
    """Takes the connection and never speaks."""

    async def _converse(self, talk: Talk, reader: asyncio.StreamReader) -> None:
        await reader.read()


REFUSALS = (
    ("RCPT", "550 5.1.1 No such user here"),
    ("RCPT", "552 5.2.2 Mailbox full"),
    ("DATA", "554 5.7.1 We do not want this"),
    (".", "550 5.7.1 Content refused"),
    (".", "552 5.2.2 Over quota"),
)


class Mixed(Receiver):
    """Takes three of eight; refuses the others at RCPT, at DATA or at the dot (`REFUSALS`)."""

    def hear(self, talk: Talk, verb: str, line: str) -> str | None:
        who = line if verb == "RCPT" else talk.rcpt
        if verb not in ("RCPT", "DATA", ".") or not who:
            return None
        place = number(who) % 8
        refusal = REFUSALS[place] if place < len(REFUSALS) else None
        return refusal[1] if refusal and refusal[0] == verb else None


class Able(Receiver):
    """Offers just these extensions; none and no EHLO at all with None."""

    def __init__(self, books: Books, keywords: tuple[str, ...] | None) -> None:
        super().__init__(books)
        self.keywords = keywords or ()
        self._helo = keywords is None

    def hear(self, talk: Talk, verb: str, line: str) -> str | None:
        return "502 5.5.1 What?" if self._helo and verb == "EHLO" else None


class Packets(Receiver):
    """Each answer in three packets."""

    async def say(self, talk: Talk, said: str | bytes) -> None:
        whole = said if isinstance(said, bytes) else f"{said}\r\n".encode()
        for part in (whole[:2], whole[2:-1], whole[-1:]):
            talk.writer.write(part)
            await talk.writer.drain()
            await asyncio.sleep(0.005)


class Endless(Receiver):
    """Answers EHLO with `250-` lines that never end."""

    async def say(self, talk: Talk, said: str | bytes) -> None:
        await super().say(talk, said)
        while str(said).startswith("250-mx"):
            await super().say(talk, b"250-still\r\n")
            await asyncio.sleep(0.2)


def report(to: str, path: str, action: str, key: str) -> bytes:
    """A delivery status notification (RFC 3464) about one recipient."""
    status = "5.1.1" if action == "failed" else "4.4.1"
    text = (
        f"From: MAILER-DAEMON@mx.far\r\nTo: {path}\r\nSubject: Undelivered\r\n"
        f"Message-ID: <{key}@mx.far>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.far\r\n\r\n"
        f"Final-Recipient: rfc822; {to}\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; 550 {status} No such user here\r\n\r\n--b--\r\n"
    )
    return text.encode()


def send_report(port: int, to: str, path: str, action: str, key: str) -> None:
    """Bring a report to our inbound server; returns once it has taken it."""
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as session:
        session.sendmail("", [path], report(to, path, action, key))


class Bouncing(Receiver):
    """Takes the mail, and reports its failure before it says so: once, twice, or with a delay told
    before or after it, by the recipient's number.
    """

    def __init__(self, books: Books) -> None:
        super().__init__(books)
        self.port = 0
        self.reports: Counter[str] = Counter()

    async def dot(self, talk: Talk, copy: Copy) -> str | None:
        actions = (
            ("failed",),
            ("failed", "failed"),
            ("delayed", "failed"),
            ("failed", "delayed"),
        )[number(copy.to) % 4]
        for n, action in enumerate(actions):
            key = f"{n}-{copy.to.partition('@')[0]}"
            await asyncio.to_thread(send_report, self.port, copy.to, copy.path, action, key)
            self.reports[copy.to] += 1
        return None
