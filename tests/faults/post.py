"""Mail as a program submits it over SMTP, at a pace, and when each message was acknowledged."""

import itertools
import smtplib
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mail:
    """One message to submit."""

    to: tuple[str, ...]
    headers: str = ""
    body: bytes = b"On its way.\r\n"
    options: tuple[str, ...] = ()


class Post:
    """Submits with one SMTP credential; `at` is when each recipient's mail was acknowledged."""

    def __init__(self, start: dict[str, Any], sender: str) -> None:
        self._where = start["smtp"]
        self._sender = sender
        self._context = ssl.create_default_context(cafile=self._where["ca_file"])
        self.at: dict[str, float] = {}

    def send(self, mails: Sequence[Mail], *, pace: float = 0, threads: int = 8) -> None:
        """Submit all, `pace` a second (0: as fast as it goes). Raises what the first one raised."""
        began = time.monotonic()
        waiting = iter(list(enumerate(mails)))
        lock = threading.Lock()
        failed: list[Exception] = []

        def work() -> None:
            try:
                with self._connected() as session:
                    while not failed:
                        with lock:
                            found = next(waiting, None)
                        if found is None:
                            return
                        place, mail = found
                        if pace:
                            time.sleep(max(0.0, began + place / pace - time.monotonic()))
                        self._one(session, mail)
            except (OSError, smtplib.SMTPException, AssertionError) as error:
                failed.append(error)

        crew = [threading.Thread(target=work, daemon=True) for _ in range(min(threads, len(mails)))]
        for one in crew:
            one.start()
        for one in crew:
            one.join()
        if failed:
            raise failed[0]

    def _connected(self) -> smtplib.SMTP:
        session = smtplib.SMTP(self._where["host"], self._where["port"], timeout=60)
        session.starttls(context=self._context)
        session.login(self._where["username"], self._where["password"])
        return session

    def _one(self, session: smtplib.SMTP, mail: Mail) -> None:
        head = f"{mail.headers}From: {self._sender}\r\nSubject: Hi\r\n"
        text = head.encode() + b"\r\n" + mail.body
        refused = session.sendmail(self._sender, mail.to, text, mail_options=mail.options)
        assert not refused, refused
        self.at |= dict.fromkeys(mail.to, time.monotonic())


def interleaved(*groups: Sequence[Mail]) -> list[Mail]:
    """All groups mixed, each spread over the whole length."""
    placed = [
        ((n + 0.5) / len(group), which, mail)
        for which, group in enumerate(groups)
        for n, mail in enumerate(group)
    ]
    return [mail for _, _, mail in sorted(placed, key=lambda one: one[:2])]


def mails(domain: str, n: int, *, first: int = 0, headers: str = "") -> list[Mail]:
    """To u0@domain, u1@domain, …"""
    return [Mail((f"u{i}@{domain}",), headers) for i in itertools.islice(range(first, 10**9), n)]
