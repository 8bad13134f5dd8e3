"""The simulated readers: what an address at `*.sandbox.test` does with the mail it gets.

The list of them is in docs/sandbox.md. Each outcome is real traffic: SMTP to the inbound port,
HTTP to the web.
"""

import asyncio
import html
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass

import httpx
from django.conf import settings

from config.stack.probes import reachable
from transactional.sandbox import reports
from transactional.sandbox.dns import SINK_HOST
from transactional.wire.mime import MimeError
from transactional.wire.outcome import SessionRefused
from transactional.wire.parts import scan
from transactional.wire.session import Session

logger = logging.getLogger(__name__)

DOMAIN = "sandbox.test"
# A browser's user agent: what a person's hit looks like
USER_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36"
)
PROXY_AGENT = "Mozilla/5.0"  # all that Apple's says of itself
SCANNED = 50  # links of one message that a scanner follows
WORKERS = 8
WAITING = 10_000  # messages waiting for their reader; more are delivered without one
# Seconds after the delivery before its reader acts, as people and servers that give up later do: the
# sender has written down by then that the mail was taken
AFTER = 1.0
# People take longer to open, and what is quicker is a machine's (`analytics/machines.py`)
READING = 3.0
TRIES = 8  # of a report or a hit, while inbound or web are not up yet
FIRST_PAUSE = 0.5  # seconds; doubles with each try
_ATTRIBUTE = re.compile(r"""(?:src|href)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)')""", re.I)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message as it came to rest: trace lines on top."""

    recipient: str
    sender: str | None
    content: bytes


def role_of(address: str) -> str:
    """Which simulator an address is: its local part without a `+tag`; empty for none."""
    local, _, domain = address.lower().rpartition("@")
    if domain != DOMAIN and not domain.endswith(f".{DOMAIN}"):
        return ""
    name = local.partition("+")[0]
    return name if name in ROLES else ""


class Simulators:
    """A bounded crew that acts as the readers. Belongs to one event loop."""

    def __init__(self, *, inbound_port: int, public_url: str, fbl: str, bind: str) -> None:
        self.inbound_port = inbound_port
        self.inbound_host = reachable(bind)
        self.public_url = public_url
        self.fbl = fbl
        self._queue: asyncio.Queue[tuple[float, Delivered]] = asyncio.Queue(WAITING)
        self._crew: list[asyncio.Task[None]] = []
        self.http = httpx.AsyncClient(
            headers={"Accept-Language": "en"},
            timeout=10.0,
            follow_redirects=False,  # the target of a link is somebody else's site
            trust_env=False,
        )

    @classmethod
    def from_settings(cls) -> "Simulators":
        """The readers of this installation."""
        return cls(
            inbound_port=settings.INBOUND_PORT,
            public_url=settings.PUBLIC_URL,
            fbl=f"fbl@{settings.MAIL_HOST}",
            bind=settings.BIND,
        )

    def start(self) -> None:
        """Begin to act."""
        self._crew = [asyncio.create_task(self._work()) for _ in range(WORKERS)]

    async def close(self) -> None:
        """Stop; what waits is forgotten."""
        for task in self._crew:
            task.cancel()
        await asyncio.gather(*self._crew, return_exceptions=True)
        await self.http.aclose()

    async def settle(self) -> None:
        """Wait until every message seen so far has had its reader."""
        await self._queue.join()

    def see(self, delivered: Delivered) -> None:
        """Queue a message for its reader, if it has one."""
        role = role_of(delivered.recipient)
        if role not in ACTIONS:
            return
        try:
            self._queue.put_nowait((time.monotonic() + _patience(role), delivered))
        except asyncio.QueueFull:
            logger.warning("too many messages wait: %s is not simulated", delivered.recipient)

    async def _work(self) -> None:
        while True:
            due, delivered = await self._queue.get()
            try:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                await self._act(delivered)
            except Exception:  # one reader's failure must not stop the others
                logger.exception("the simulator of %s failed", delivered.recipient)
            finally:
                self._queue.task_done()

    async def _act(self, delivered: Delivered) -> None:
        action = ACTIONS[role_of(delivered.recipient)]
        pause = FIRST_PAUSE
        for _ in range(TRIES):
            if await action(self, delivered):
                return
            await asyncio.sleep(pause)
            pause *= 2
        logger.warning("gave up simulating %s", delivered.recipient)

    async def send(self, *, sender: str | None, to: str, content: bytes) -> bool:
        """A report over SMTP to our own inbound port; False: try again later."""
        try:
            session = await Session.connect(
                self.inbound_host, self.inbound_port, ehlo=SINK_HOST, server_name=None
            )
        except SessionRefused as refused:
            logger.info("inbound does not answer: %s", refused)
            return False
        try:
            outcome = await session.deliver(
                mail_from=sender, rcpt=to, data=content, before_dot=_go, eight_bit=True
            )
        finally:
            await session.quit()
        if outcome.reply is not None and outcome.reply.is_permanent:
            logger.warning("inbound refused a report: %s", outcome.reply)
            return True
        return outcome.accepted

    async def get(self, url: str, *, user_agent: str = USER_AGENT) -> bool:
        """A hit on our own web; False: try again later."""
        try:
            answer = await self.http.get(url, headers={"User-Agent": user_agent})
        except httpx.HTTPError as error:
            logger.info("the web does not answer: %s", error)
            return False
        return answer.status_code < 500


def _patience(role: str) -> float:
    """Seconds after the delivery: machines are there at once, people take their time."""
    return {"scanned": 0.0, "opened": READING, "clicked": READING}.get(role, AFTER)


async def _go() -> bool:
    return True


async def _bounce(crew: Simulators, delivered: Delivered) -> bool:
    if delivered.sender is None:
        return True  # nobody to tell: a bounce never bounces
    report = reports.bounce(
        message=delivered.content, sender=delivered.sender, recipient=delivered.recipient
    )
    return await crew.send(sender=None, to=delivered.sender, content=report)


async def _complain(crew: Simulators, delivered: Delivered) -> bool:
    report = reports.complaint(
        message=delivered.content,
        sender=delivered.sender or "",
        recipient=delivered.recipient,
        to=crew.fbl,
    )
    return await crew.send(sender=reports.FEEDBACK, to=crew.fbl, content=report)


async def _open(crew: Simulators, delivered: Delivered) -> bool:
    url = first_url(delivered.content, base=crew.public_url, folder="/o/")
    return url is None or await crew.get(url)


async def _click(crew: Simulators, delivered: Delivered) -> bool:
    url = first_url(delivered.content, base=crew.public_url, folder="/c/")
    return url is None or await crew.get(url)


async def _prefetch(crew: Simulators, delivered: Delivered) -> bool:
    """As Apple's Mail Privacy Protection does: the pixel, by a program without a name."""
    url = first_url(delivered.content, base=crew.public_url, folder="/o/")
    return url is None or await crew.get(url, user_agent=PROXY_AGENT)


async def _scan(crew: Simulators, delivered: Delivered) -> bool:
    """As a company's scanner does: every link, at once, in the guise of a browser."""
    urls = [
        url
        for folder in ("/o/", "/c/")
        for url in our_urls(delivered.content, base=crew.public_url, folder=folder)
    ]
    return all(await asyncio.gather(*[crew.get(url) for url in urls[:SCANNED]]))


Action = Callable[[Simulators, Delivered], Awaitable[bool]]
ACTIONS: Mapping[str, Action] = {
    "bounce": _bounce,
    "complaint": _complain,
    "opened": _open,
    "clicked": _click,
    "prefetched": _prefetch,
    "scanned": _scan,
}
ROLES = frozenset({*ACTIONS, "delivered", "defer", "full", "refuse"})


def first_url(content: bytes, *, base: str, folder: str) -> str | None:
    """The first URL of the message's HTML that leads to `folder` of our own web, and only there."""
    return next(our_urls(content, base=base, folder=folder), None)


def our_urls(content: bytes, *, base: str, folder: str) -> Iterator[str]:
    """Every such URL, in the message's order."""
    wanted = base + folder
    try:
        parts = scan(content).leaves()
    except MimeError:
        return
    for part in parts:
        if part.media_type != "text/html" or (body := part.decoded()) is None:
            continue
        for double, single in _ATTRIBUTE.findall(body.decode("utf-8", "replace")):
            url = html.unescape(double or single)
            if url.startswith(wanted):
                yield url
