"""The receivers' cases: which domain misbehaves how, and how its mail must end."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from tests.faults import behaviours as b
from tests.faults.receivers import Receiver, Secure
from tests.faults.world import World
from tests.transactional.egress.tls_peers import Authority, Kept, Spoilt
from transactional.wire.handler import ServerConfig
from transactional.wire.protocol import SmtpServerProtocol

ODD = {  # S11: answers to the final dot that are strange and still say yes
    "multi": b"250-2.0.0 one\r\n250-2.0.0 two\r\n250 2.0.0 three\r\n",
    "long": b"250 2.0.0 " + b"y" * 2048 + b"\r\n",
    "huge": b"250 2.0.0 " + b"z" * 102_400 + b"\r\n",
    "latin": b"250 2.0.0 \xe0 bient\xf4t \x1b[31m\x00<script>\r\n",
    "bare": b"250\r\n",
}
REFUSED = {  # … and those to RCPT or DATA that say nothing one could go by
    "code999": ("RCPT", b"999 what\r\n"),
    "go250": ("DATA", b"250 2.0.0 sure\r\n"),
    "words": ("RCPT", b"hello there\r\n"),
}


@dataclass(frozen=True)
class Sizes:
    """How many messages, and how long things last (seconds)."""

    bad: int
    good: int
    greylist: float
    within: int  # the deadline of what never gets through
    tarpit: float
    drip: float


@dataclass(frozen=True)
class Case:
    """A domain, how many messages it gets, and how each must end; "" where they may wait."""

    row: str
    domain: str
    n: int
    ends: str
    headers: str = ""


class Cases:
    """All of them, in one world."""

    def __init__(self, world: World, sizes: Sizes, folder: Path) -> None:
        self.world, self.sizes = world, sizes
        self.all: list[Case] = []
        self.secure: dict[str, Secure] = {}
        books = world.books
        self.busy = b.Crowded(books, 2)
        self.rush = b.Rushed(books, sizes.bad // 4, sizes.within / 10)
        self.bounce = b.Bouncing(books)
        self.good = Receiver(books)
        self._usual()
        self._drops()
        self._able()
        self._odd()
        self._routes()
        self._tls(Authority(folder))
        self._second()

    def add(
        self, row: str, name: str, ends: str, server: Receiver | None = None, n: int = 0
    ) -> None:
        """A case; with a server, a domain of one exchanger."""
        domain = f"{name}.example"
        if server is not None:
            self.world.site(domain, server)
        headers = ""
        if ends == "expired":
            headers = f"X-Postino-Deliver-Within: {self.sizes.within}\r\n"
        self.all.append(Case(row, domain, n or self.sizes.bad, ends, headers))

    def _usual(self) -> None:
        books, sizes = self.world.books, self.sizes
        for name in ("good", "calm1", "calm2"):
            self.world.site(f"{name}.example", self.good)
        self.add("S1", "grey", "delivered", b.Greylist(books, sizes.greylist))
        self.add("S2", "never", "expired", b.Refusing(books, "RCPT", "451 4.3.0 Not now"))
        self.add("S3", "busy", "delivered", self.busy, n=max(40, sizes.bad))
        self.add("S3", "rush", "delivered", self.rush, n=max(32, sizes.bad))
        self.add("S4", "twice", "delivered", b.DropsAfterDot(books, 2))
        self.add("S4", "always", "held", b.DropsAfterDot(books, 1000))
        self.add("S6", "slow", "", b.Tarpit(books, sizes.tarpit))
        self.add("S6", "drip", "", b.Drip(books, sizes.drip))
        self.add("S7", "mute", "", b.Mute(books))
        self.add("S7", "hole", "")
        self.world.host("mx.hole.example", None)
        self.world.domain("hole.example", "10 mx.hole.example")
        self.add("S8", "mixed", "mixed", b.Mixed(books), n=2 * sizes.bad)
        self.add("S15", "bounce", "bounced", self.bounce)

    def _drops(self) -> None:
        books = self.world.books
        for name in ("MAIL", "RCPT", "DATA"):
            domain = f"drops-{name.lower()}"
            first = self.world.host(f"mx1.{domain}.example", b.Drops(books, name))
            second = self.world.host(f"mx2.{domain}.example", Receiver(books))
            self.world.domain(f"{domain}.example", f"10 {first}", f"20 {second}")
            self.add("S5", domain, "delivered")
        first = self.world.host("mx1.drops-content.example", b.DropsInContent(books))
        second = self.world.host("mx2.drops-content.example", Receiver(books))
        self.world.domain("drops-content.example", f"10 {first}", f"20 {second}")
        self.add("S5", "drops-content", "delivered", n=3)

    def _able(self) -> None:
        books = self.world.books
        self.add("S9", "seven", "delivered", b.Able(books, ("PIPELINING", "SIZE 9999999")))
        self.add("S9", "ascii", "bounced", b.Able(books, ("PIPELINING", "8BITMIME")))
        self.add("S9", "one-by-one", "delivered", b.Able(books, ("8BITMIME", "SMTPUTF8")))
        self.add("S9", "helo", "delivered", b.Able(books, None))
        self.add("S9", "tiny", "bounced", b.Able(books, ("PIPELINING", "SIZE 1000")))

    def _odd(self) -> None:
        books = self.world.books
        for name, said in ODD.items():
            self.add("S11", name, "delivered", b.Refusing(books, ".", said))
        for name, (verb, said) in REFUSED.items():
            self.add("S11", name, "expired", b.Refusing(books, verb, said))
        self.add("S11", "packets", "delivered", b.Packets(books))
        self.add("S11", "endless", "expired", b.Endless(books))

    def _routes(self) -> None:
        world, books, dns = self.world, self.world.books, self.world.dns
        dead = world.host("mx1.second.test", None)
        world.domain("prefer.example", f"10 {dead}", f"20 {world.host('mx2.p.test', self.good)}")
        self.add("S12", "prefer", "delivered")
        four = [f"10 {world.host(f'mx{n}.equal.test', Receiver(books))}" for n in range(4)]
        world.domain("equal.example", *four)
        self.add("S12", "equal", "delivered", n=max(40, self.sizes.bad))
        world.host("address.example", Receiver(books))
        self.add("S12", "address", "delivered")
        dns.publish("six.example", "AAAA", "::1")
        world.serve_on("::1", Receiver(books))
        self.add("S12", "six", "delivered")
        dns.publish("alias.example", "CNAME", "real.alias.test.")
        world.domain("real.alias.test", f"10 {world.host('mx.alias.test', Receiver(books))}")
        self.add("S12", "alias", "delivered")
        # Issue 4, point 1: three dead addresses of one host do not use up the try
        many = world.host("mx1.many.test", None, None, None)
        last = world.host("mx2.many.test", Receiver(books))
        world.domain("many.example", f"10 {many}", f"20 {last}")
        self.add("S12", "many", "delivered")
        dns.fail("servfail.example", "MX")
        self.add("S13", "servfail", "expired")
        world.silent.add("silent.example")
        self.add("S13", "silent", "expired")
        self.add("S13", "nowhere", "bounced")
        dns.publish("nullmx.example", "MX", "0 .")
        self.add("S13", "nullmx", "bounced")
        world.domain("loop.example", "10 mail.postino.test")
        dns.publish("mail.postino.test", "A", "127.0.4.250")
        self.add("S13", "loop", "bounced")
        dns.publish("mx.ours.test", "A", "127.0.0.20")
        world.domain("ours.example", "10 mx.ours.test")
        self.add("S13", "ours", "bounced")
        world.host("mx.private.test", None)
        dns.publish("mx.private.test", "A", "10.1.2.3")
        world.domain("private.example", "10 mx.private.test")
        self.add("S13", "private", "bounced")

    def _tls(self, authority: Authority) -> None:
        expired, _ = authority.context("mx.expired.example", expired=True)
        wrong, _ = authority.context("mx.other.example")
        old, _ = authority.context("mx.old.example")
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        for name, context in (("expired", expired), ("wrong", wrong), ("old", old)):
            config = ServerConfig(hostname="mx", require_auth=False, tls_context=context)
            # mypy knows no types of a lambda's parameters
            self._secured(name, lambda kept, c=config: SmtpServerProtocol(c, kept))  # type: ignore[misc]
        # Their handshake begins with nothing, and with octets in clear
        self._secured("closes", lambda kept: Spoilt(cast(Kept, kept), b""))
        self._secured("injects", lambda kept: Spoilt(cast(Kept, kept), b"250 more\r\n"))

    def _secured(self, name: str, make: Callable[[Secure], asyncio.Protocol]) -> None:
        kept = self.secure[name] = Secure(self.world.books)
        self.world.site(f"{name}.example", lambda: make(kept))
        self.add("S10", name, "delivered")

    def _second(self) -> None:
        """What the account with a smarthost mails to: nobody there, not now, hanging up at the dot."""
        world, books = self.world, self.world.books
        self.smarthost = Receiver(books)
        world.serve_on("127.0.0.1", self.smarthost)
        world.domain("dead.example", f"10 {world.host('mx.dead.example', None)}")
        world.site("later.example", b.Refusing(books, "RCPT", "451 4.3.0 Not now"))
        world.site("doubt.example", b.DropsAfterDot(books, 1000))
