"""One conversation with one host: a session under the right TLS policy, the bytes, the final dot."""

import asyncio
from dataclasses import dataclass
from functools import lru_cache

from domains import pools
from transactional.compose.build import Built, Material, build
from transactional.egress import journal
from transactional.egress.cell import Cell
from transactional.egress.flusher import Flusher
from transactional.egress.journal import Journal
from transactional.egress.leases import Leases
from transactional.egress.lookups import StreamPolicy
from transactional.egress.poison import LeaseLost, Poison
from transactional.egress.route import Target
from transactional.egress.sessions import Peer, SessionPool
from transactional.egress.tls import ANY, TlsRule, spoken
from transactional.egress.tls_memory import TlsMemory
from transactional.egress.turns import Turns
from transactional.queue import Job
from transactional.wire import outcome as wire
from transactional.wire.outcome import Login, SessionRefused
from transactional.wire.reply import Stage
from transactional.wire.session import Session

# Where a conversation may have ended behind its marker and before its dot
MARKED = frozenset({Stage.DATA, Stage.BODY})


@dataclass(frozen=True, slots=True)
class Talk:
    """What is to be said to whom, from where and under which policy."""

    job: Job
    material: Material
    stream: StreamPolicy
    target: Target
    source: pools.UsableSource
    cell: Cell
    site: str
    rule: TlsRule = ANY
    login: Login | None = None
    smarthost_id: int | None = None  # where the host is one, which sends it on
    warms_up_at: str = ""  # the mailbox provider, where the source warms up

    @property
    def beyond(self) -> bool:
        """Whether the host sends it on."""
        return self.smarthost_id is not None

    def way(self, session: Session) -> bytes:
        """The same for the journal, over this session."""
        source, target = self.source, self.target
        clear = bool(session.in_clear_because)
        tls = spoken(session.tls_version, session.tls_cipher, self.rule.policy, clear)
        return journal.way(
            source.id, source.address, target.host, target.address, target.port,
            tls, self.smarthost_id, self.warms_up_at,
        )  # fmt: skip

    def peer(self) -> Peer:
        """The far end of the session, with the TLS that its rule asks for."""
        source, target, rule = self.source, self.target, self.rule
        return _peer(
            source.address, source.ehlo_name, target.host, target.address, target.port,
            rule.policy, self.site, rule.tlsa, self.login, rule.names,
        )  # fmt: skip


_peer = lru_cache(maxsize=4096)(Peer)  # the same object each time: its sessions are found at once


class Conversations:
    """Holds them; one per engine."""

    def __init__(
        self,
        pool: SessionPool,
        flusher: Flusher,
        leases: Leases,
        poison: Poison,
        answers: Journal,
    ) -> None:
        self._answers = answers
        self._turns = Turns()
        self._pool = pool
        self._flusher = flusher
        self._leases = leases
        self._poison = poison

    @property
    def memory(self) -> TlsMemory:
        """What was learnt of servers' TLS."""
        return self._pool.memory

    async def hold(self, talk: Talk) -> wire.Outcome:
        """One conversation with one host; a kept session that had died is replaced once."""
        peer = talk.peer()
        loop = asyncio.get_running_loop()
        for fresh in (False, True):
            now = loop.time()
            try:
                self._pool.make_room(peer, talk.cell.allowed(now) - talk.cell.inflight)
                session = await self._pool.take(peer, fresh=fresh)
            except SessionRefused as err:
                return err.outcome
            said_before = session.transactions
            result = await self._hand_over(talk, session)
            if session.in_clear_because:
                result = self._pool.learn(peer, session, result)
            self._pool.give_back(peer, session, most=talk.cell.session_limit(now))
            ended = said_before > 0 and _is_goodbye(result)
            if ended:
                talk.cell.session_ended(said_before, now)
            if not (result.reusable_failure or ended):
                break
        return result

    async def _hand_over(self, talk: Talk, session: Session) -> wire.Outcome:
        eight_bit = session.capabilities.eight_bit_mime
        job = talk.job
        try:
            await self._turns.take()
            if self._poison.is_risky(job):
                async with self._poison.building(job):
                    built: Built = build(job, talk.material, eight_bit=eight_bit)
            else:
                self._poison.words.begin(job.id)
                built = build(job, talk.material, eight_bit=eight_bit)
                self._poison.words.end()
        except LeaseLost:
            return wire.Outcome(Stage.MAIL, error="lease lost before the copy", lease_lost=True)
        except BaseException:
            self._poison.words.end()
            session.close()
            raise
        line = self._answers.begin(job, talk.way(session))
        try:
            seen = await session.deliver(
                mail_from=built.mail_from,
                rcpt=built.rcpt,
                data=built.data,
                before_dot=lambda: self._flusher.mark(job, beyond=talk.beyond),
                still_ours=lambda: self._leases.hold(job),
                witness=line,
                smtputf8=built.smtputf8,
                eight_bit=built.eight_bit,
            )
        except asyncio.CancelledError:
            session.close()
            raise
        if seen.lease_lost or (seen.reply is None and seen.stage in MARKED and not seen.uncertain):
            # Marked, and its dot stayed here: until its next try it is in no doubt
            await self._flusher.unmark(job)
        elif line and seen.reply and seen.reply.is_permanent and seen.stage is not Stage.DOT:
            line.refused(seen.reply, seen.stage)
        return seen


def _is_goodbye(seen: wire.Outcome) -> bool:
    """421 to the first command of another message: this connection has carried enough."""
    return seen.stage is Stage.MAIL and seen.reply is not None and seen.reply.code == 421
