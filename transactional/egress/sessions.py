"""Open SMTP sessions, kept between messages: reuse is 25 times cheaper under TLS."""

import asyncio
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from django.conf import settings

from transactional.egress.tls_memory import TlsMemory
from transactional.wire.dane import Tlsa
from transactional.wire.outcome import Login, Outcome, SessionRefused, Timeouts, TlsPolicy
from transactional.wire.reply import Stage
from transactional.wire.session import Session

IDLE = 10.0  # seconds a session waits for its next message
WANTS_TLS = (530, 538)  # to MAIL: not without TLS (RFC 3207 §4, RFC 4954 §6)
# Where a server has taken MAIL in clear: further than it came under TLS
BEYOND_MAIL = frozenset({Stage.RCPT, Stage.DATA, Stage.BODY, Stage.DOT})


@dataclass(frozen=True, slots=True)
class Peer:
    """Where a session goes, from which IP, under which name and policy."""

    source: str
    ehlo: str
    host: str
    address: str
    port: int
    tls: TlsPolicy
    site: str = ""
    tlsa: tuple[Tlsa, ...] = ()
    login: Login | None = None
    names: tuple[str, ...] = ()  # where they are not the host's alone (RFC 7672 §3.2.2)


def timeouts(seconds: float) -> Timeouts:
    """How long each step may take where an ordinary answer may take so many seconds; behind the final
    dot it is for longer: hanging up early is how second copies are made (RFC 5321 §4.5.3.2.6).
    """
    return Timeouts(
        connect=seconds / 2,
        banner=seconds,
        ehlo=seconds,
        starttls=seconds,
        mail=seconds,
        rcpt=seconds,
        data=seconds,
        dot=max(settings.EGRESS_DOT_TIMEOUT, seconds),
    )


class SessionPool:
    """Sessions by peer; taken for one message at a time."""

    def __init__(self) -> None:
        self._timeouts = timeouts(settings.EGRESS_TIMEOUT)
        self._idle: dict[Peer, list[tuple[float, Session]]] = {}
        # Opened in clear since TLS had just failed: how
        self._unproven: WeakKeyDictionary[Session, Outcome] = WeakKeyDictionary()
        #: Which servers' STARTTLS fails, and what is counted for reports.
        self.memory = TlsMemory()

    async def take(self, peer: Peer, *, fresh: bool = False) -> Session:
        """A session to this peer, kept or new. Raises SessionRefused."""
        waiting = self._idle.get(peer, [])
        while waiting and not fresh:
            _, session = waiting.pop()
            if session.is_usable:
                return session
            session.close()
        tls, because = peer.tls, ""
        if tls is TlsPolicy.OPPORTUNISTIC:
            because = self.memory.broken(peer.address, peer.port)
            tls = TlsPolicy.OFF if because else tls
        try:
            session = await self._connect(peer, tls)
        except SessionRefused as err:
            if not err.outcome.tls_failed or tls is not TlsPolicy.OPPORTUNISTIC:
                raise
            # Without a policy, mail in clear beats no mail. What it says of the server is seen from how
            # far this one comes (`learn`)
            because = err.outcome.error or str(err.outcome.reply)
            session = await self._connect(peer, TlsPolicy.OFF)
            self._unproven[session] = err.outcome
        else:
            if session.tls_version:
                self.memory.works(peer.address, peer.port)
        session.in_clear_because = because
        return session

    def learn(self, peer: Peer, session: Session, seen: Outcome) -> Outcome:
        """Draw from a conversation that went in clear for a failure of TLS what it says of the server's TLS; its outcome, in which a
        server that takes nothing in clear has failed at its TLS and has not refused the mail.
        """
        failed = self._unproven.pop(session, None)
        if seen.stage is Stage.MAIL and seen.reply is not None and seen.reply.code in WANTS_TLS:
            self.memory.forget(peer.address, peer.port)
            session.close()
            error = f"no TLS ({session.in_clear_because}), and nothing in clear: {seen.reply}"
            return replace(seen, stage=Stage.STARTTLS, reply=None, error=error)
        further = seen.stage in BEYOND_MAIL and not seen.local
        if failed is not None and further:
            self.memory.failed(
                peer.host, peer.address, peer.port,
                session.in_clear_because, certainly=failed.tls_is_broken,
            )  # fmt: skip
        return seen

    async def _connect(self, peer: Peer, tls: TlsPolicy) -> Session:
        return await Session.connect(
            peer.address,
            peer.port,
            ehlo=peer.ehlo,
            source_address=peer.source or None,
            tls=tls,
            timeouts=self._timeouts,
            server_name=peer.names[0] if peer.names else peer.host,
            names=peer.names,
            tlsa=peer.tlsa,
            login=peer.login,
        )

    def make_room(self, peer: Peer, most: int) -> None:
        """Close idle sessions of this source to other hosts of the site, beyond `most` in all."""
        if self._idle.get(peer):
            return  # none has to be opened
        self.keep(peer.source, peer.site, most)

    def keep(self, source: str, site: str, most: int) -> None:
        """Close idle sessions of this source to a site beyond `most`, the longest idle first."""
        others = [
            (at, session, waiting)
            for other, waiting in self._idle.items()
            if other.source == source and other.site == site
            for at, session in waiting
        ]
        others.sort(key=lambda one: one[0])
        for at, session, waiting in others[: max(0, len(others) - max(0, most))]:
            waiting.remove((at, session))
            session.close()

    def give_back(self, peer: Peer, session: Session, *, most: int) -> None:
        """Keep a session for the next message, if it is still good for one; `most` it carries. In clear
        for a failure of TLS that may have been the only one, it is not: the next message tries TLS anew.
        """
        in_clear = session.in_clear_because and not self.memory.broken(peer.address, peer.port)
        if session.is_usable and session.transactions < most and not in_clear:
            now = asyncio.get_running_loop().time()
            self._idle.setdefault(peer, []).append((now, session))
        else:
            session.close()

    async def close_idle(self, *, everything: bool = False) -> None:
        """Say goodbye on sessions that have waited long enough."""
        limit = asyncio.get_running_loop().time() - (-1e9 if everything else IDLE)
        leaving = []
        for peer, waiting in list(self._idle.items()):
            old = [session for at, session in waiting if at < limit]
            kept = [(at, session) for at, session in waiting if at >= limit]
            leaving += old
            if kept:
                self._idle[peer] = kept
            else:
                del self._idle[peer]
        await asyncio.gather(*(session.quit() for session in leaving))
        if everything:
            await self.memory.close()
