"""Submitters over both doors: each message is offered once, and every answer is written down."""

import smtplib
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx

SEND = "/marketing/v3/transactional/single-email/send"
# Answered by somebody, though not by a promise; anything else is a refusal that nobody expects
LATER = {"421", "451", "452", "454", "503", "507", "none"}


@dataclass
class Load:
    """Threads that submit `prefix`-0, -1 … until told to stop, or until `count` are acknowledged."""

    start: dict[str, Any]
    prefix: str
    count: int
    threads: int = 8
    pause: float = 0.0  # seconds between one thread's submissions
    headers: str = ""  # of what is submitted over SMTP, each with its line end
    acknowledged: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0
        self._over = threading.Event()
        self._crew = [
            threading.Thread(target=self._work, args=[number % 2 == 0], daemon=True)
            for number in range(self.threads)
        ]

    def __enter__(self) -> Self:
        for one in self._crew:
            one.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        for one in self._crew:
            one.join(60)

    def reached(self, share: float, seconds: float = 240) -> None:
        """Wait until this share of the messages is acknowledged."""
        deadline = time.monotonic() + seconds
        while len(self.acknowledged) < share * self.count:
            assert time.monotonic() < deadline, f"{len(self.acknowledged)}: {self.answers}"
            time.sleep(0.02)

    def forget_times(self) -> None:
        """Measure the slowest answer from now on."""
        self.slowest = 0.0

    @property
    def unexpected(self) -> dict[str, int]:
        """Answers that are neither a promise nor "later"."""
        return {k: n for k, n in self.answers.items() if k not in LATER and k != "accepted"}

    def _work(self, smtp: bool) -> None:
        door = _Smtp(self.start, self.headers) if smtp else _Api(self.start)
        while not self._over.is_set():
            with self._lock:
                if len(self.acknowledged) >= self.count:
                    return
                key = f"{self.prefix}-{'s' if smtp else 'a'}{self._next:05d}"
                self._next += 1
            began = time.monotonic()
            answer = door.submit(key)
            with self._lock:
                self.answers[answer] += 1
                self.slowest = max(self.slowest, time.monotonic() - began)
                if answer == "accepted":
                    self.acknowledged.append(key)
            time.sleep(self.pause if answer == "accepted" else 0.1)
        door.close()


class _Api:
    def __init__(self, start: dict[str, Any]) -> None:
        self._email = start["email_id"]
        self._http = httpx.Client(
            base_url=start["url"],
            headers={"Authorization": f"Bearer {start['api_key']}"},
            trust_env=False,
            timeout=40,
        )

    def submit(self, key: str) -> str:
        """`accepted`, an HTTP status, a sendResult, or `none` without an answer."""
        body = {
            "emailId": self._email,
            "message": {"to": f"{key}@far.example", "sendId": key},
            "customProperties": {
                "order_id": key,
                "total": "1",
                "url": "https://a.example",
                "items": [],
            },
        }
        try:
            answer = self._http.post(SEND, json=body)
        except httpx.HTTPError:
            return "none"
        if answer.status_code != 200:
            return str(answer.status_code)
        said = answer.json()
        return "accepted" if said["status"] == "PENDING" else str(said.get("sendResult"))

    def close(self) -> None:
        self._http.close()


class _Smtp:
    def __init__(self, start: dict[str, Any], headers: str) -> None:
        self._where, self._headers = start["smtp"], headers
        self._context = ssl.create_default_context(cafile=self._where["ca_file"])
        self._session: smtplib.SMTP | None = None

    def submit(self, key: str) -> str:
        """`accepted`, an SMTP code, or `none` without an answer."""
        head = f"From: orders@shop.example\r\nSubject: {key}\r\n{self._headers}"
        text = f"{head}\r\nOn its way.\r\n"
        try:
            session = self._session or self._connect()
            session.sendmail("orders@shop.example", [f"{key}@far.example"], text)
        except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
            code = getattr(error, "smtp_code", 0) or next(iter(error.recipients.values()))[0]
            self.close()
            return "none" if code == -1 else str(code)
        except (OSError, smtplib.SMTPException):
            self.close()
            return "none"
        return "accepted"

    def _connect(self) -> smtplib.SMTP:
        self._session = smtplib.SMTP(self._where["host"], self._where["port"], timeout=40)
        self._session.starttls(context=self._context)
        self._session.login(self._where["username"], self._where["password"])
        return self._session

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None
