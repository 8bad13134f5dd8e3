"""One job from lease to outcome: route, source, session, bytes, conversation, verdict."""

import asyncio
import logging
import random
import uuid
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from config.errors import PostinoError
from config.ids import uuid7
from domains import pools
from transactional import retry
from transactional.classify import Category, Reason, Verdict
from transactional.classify import reply as verdict_on
from transactional.classify import report as verdict_on_text
from transactional.compose.build import Built, Material, build
from transactional.egress.flusher import Flusher
from transactional.egress.lookups import Lookups, StreamPolicy
from transactional.egress.route import Route, Target, find
from transactional.egress.sessions import Peer, SessionPool
from transactional.lifecycle import Attempt, Outcome
from transactional.models import Status
from transactional.queue import Job
from transactional.wire import outcome as wire
from transactional.wire.header import HeaderError
from transactional.wire.mime import MimeError
from transactional.wire.outcome import SessionRefused, TlsPolicy
from transactional.wire.reply import Reply, ReplyClass, Stage, classify
from transactional.wire.session import Session

logger = logging.getLogger(__name__)

TARGETS = 4  # addresses tried per attempt, over at least two hosts where there are two
# A reply at these stages is about the host, not the recipient: the next host may take the mail
HOST_STAGES = frozenset({Stage.CONNECT, Stage.BANNER, Stage.EHLO, Stage.STARTTLS})
UNSENDABLE = Verdict(Reason.CONTENT_ERROR, Category.BLOCK)  # our own mail cannot be built
SITE_SHARE = (
    2  # a site gets at most this part (1/n) of the sessions, so that a slow one starves none
)


class Courier:
    """Carries jobs; one per engine."""

    def __init__(
        self, lookups: Lookups, pool: SessionPool, flusher: Flusher, *, sessions: int
    ) -> None:
        self._lookups = lookups
        self._pool = pool
        self._flusher = flusher
        self._all = asyncio.Semaphore(sessions)
        self._per_site = max(1, sessions // SITE_SHARE)
        self._sites: dict[str, asyncio.Semaphore] = {}
        self._begun: set[uuid.UUID] = set()

    def has_begun(self, job: Job) -> bool:
        """Whether the job has a session slot: it is past being given back."""
        return job.id in self._begun

    async def carry(self, job: Job) -> None:
        """Try once and write down what came of it. Never raises, so that one job stops no other."""
        try:
            site = self._sites.setdefault(job.domain, asyncio.Semaphore(self._per_site))
            async with site, self._all:
                self._begun.add(job.id)
                outcome = await self._try(job)
                if outcome is not None:
                    # Inside the slot: what a kill could send twice is no more than the sessions
                    await self._flusher.finish(outcome)
        except asyncio.CancelledError:
            raise
        except Exception:
            logger.exception("recipient %s: delivery failed unexpectedly", job.id)
        finally:
            self._begun.discard(job.id)
            if len(self._sites) > 5000:
                self._sites = {name: s for name, s in self._sites.items() if s.locked()}

    async def _try(self, job: Job) -> Outcome | None:
        """One attempt over one or more hosts; None where the lease was lost on the way."""
        began = timezone.now()
        stream = await self._lookups.stream(job.stream_id)
        material = await self._lookups.material(job)
        sources = await self._lookups.sources(stream.pool_id)
        if not sources:
            return self._defer(job, "temporary", "451 4.7.1 No IP of this stream is ready.", ())
        route = await find(job.domain, stream.transport)
        if route.refusal:
            return self._without_route(job, route)
        tries: list[Attempt] = []
        last: wire.Outcome | None = None
        source: pools.UsableSource | None = None
        for target in route.targets[:TARGETS]:
            chosen = pools.choose(sources, ipv6=":" in target.address)
            if chosen is None:
                continue
            source = chosen
            try:
                last = await self._talk(job, material, stream, target, source)
            except (PostinoError, MimeError, HeaderError) as err:
                return self._bounce(job, f"554 5.6.0 {err}", tuple(tries), source.id)
            if last.lease_lost:
                return None
            tries.append(_attempt(last, target, source, began))
            if last.uncertain or last.stage not in HOST_STAGES:
                break
        if last is None or source is None:
            reply = "451 4.4.4 No IP of this stream speaks the receiver's protocol family."
            return self._defer(job, "temporary", reply, ())
        return self._verdict(job, last, tuple(tries), source, stream.uncertain)

    async def _talk(
        self,
        job: Job,
        material: Material,
        stream: StreamPolicy,
        target: Target,
        source: pools.UsableSource,
    ) -> wire.Outcome:
        """One conversation with one host; a kept session that had died is replaced once."""
        peer = Peer(
            source=source.address,
            ehlo=source.ehlo_name,
            host=target.host,
            address=target.address,
            port=target.port,
            tls=TlsPolicy.REQUIRED if stream.tls == "required" else TlsPolicy.OPPORTUNISTIC,
        )
        for fresh in (False, True):
            try:
                session = await self._pool.take(peer, fresh=fresh)
            except SessionRefused as err:
                return err.outcome
            result = await self._hand_over(job, material, session)
            self._pool.give_back(peer, session)
            if not result.reusable_failure:
                break
        return result

    async def _hand_over(self, job: Job, material: Material, session: Session) -> wire.Outcome:
        built: Built = build(job, material, eight_bit=session.capabilities.eight_bit_mime)
        try:
            return await session.deliver(
                mail_from=built.mail_from,
                rcpt=built.rcpt,
                data=built.data,
                before_dot=lambda: self._flusher.mark(job),
                smtputf8=built.smtputf8,
                eight_bit=built.eight_bit,
            )
        except asyncio.CancelledError:
            session.close()
            raise

    def _verdict(
        self,
        job: Job,
        last: wire.Outcome,
        tries: tuple[Attempt, ...],
        source: pools.UsableSource,
        policy: str,
    ) -> Outcome:
        """What the conversation means for the recipient."""
        reply = str(last.reply) if last.reply else f"{last.stage}: {last.error}"
        if last.accepted:
            return self._final(job, Status.DELIVERED, reply, tries, source.id)
        if last.uncertain:
            return self._uncertain(job, policy, reply, tries, source.id)
        if last.reply is None:
            return self._defer(job, "connection", reply, tries, source.id)
        kind = classify(last.reply, stage=last.stage)
        if last.stage in HOST_STAGES or last.reply.is_temporary:
            return self._defer(job, str(kind), reply, tries, source.id)
        verdict = verdict_on(last.reply, stage=last.stage)
        return self._bounce(job, reply, tries, source.id, kind, verdict)

    def _without_route(self, job: Job, route: Route) -> Outcome:
        if route.permanent:
            verdict = verdict_on_text(diagnostic=route.refusal)
            return self._bounce(job, route.refusal, (), None, ReplyClass.DNS, verdict)
        return self._defer(job, "dns", route.refusal, ())

    def _final(
        self, job: Job, status: Status, reply: str, tries: tuple[Attempt, ...], source: int | None
    ) -> Outcome:
        return Outcome(
            job=job,
            status=status,
            at=timezone.now(),
            attempts=job.attempt + 1,
            reply=reply,
            source_id=source,
            tries=tries,
        )

    def _bounce(
        self,
        job: Job,
        reply: str,
        tries: tuple[Attempt, ...],
        source: int | None,
        kind: ReplyClass = ReplyClass.PERMANENT,
        verdict: Verdict = UNSENDABLE,
    ) -> Outcome:
        bounced = self._final(job, Status.BOUNCED, reply, tries, source)
        why = {"category": str(verdict.category), "reason": str(verdict.reason)}
        return replace(bounced, data={**why, "class": str(kind)})

    def _uncertain(
        self, job: Job, policy: str, reply: str, tries: tuple[Attempt, ...], source: int | None
    ) -> Outcome:
        """The final dot was sent and no reply came: hold, or send again, marked."""
        if policy == "hold":
            return self._final(job, Status.HELD, reply, tries, source)
        unknown = self._final(job, Status.UNCERTAIN, reply, tries, source)
        wait = retry.delay("connection", 1, jitter=random.random, scale=settings.RETRY_SCALE)
        return replace(unknown, due_at=timezone.now() + timedelta(seconds=wait), resent=True)

    def _defer(
        self,
        job: Job,
        kind: str,
        reply: str,
        tries: tuple[Attempt, ...],
        source: int | None = None,
    ) -> Outcome:
        """Try again later, or give up once the message's lifetime is over."""
        now = timezone.now()
        attempts = job.attempt + 1
        wait = retry.delay(kind, attempts, jitter=random.random, scale=settings.RETRY_SCALE)
        due: datetime | None = retry.next_due(now, job.deliver_by, wait)
        status = Status.DEFERRED if due else Status.EXPIRED
        return Outcome(
            job=job,
            status=status,
            at=now,
            attempts=attempts,
            reply=reply,
            source_id=source,
            due_at=due,
            tries=tries,
            data={"class": kind},
        )


def _attempt(
    seen: wire.Outcome, target: Target, source: pools.UsableSource, began: datetime
) -> Attempt:
    reply: Reply | None = seen.reply
    tls = f"{seen.tls_version} {seen.tls_cipher}" if seen.tls_version else ""
    return Attempt(
        id=uuid7(),
        at=max(began, timezone.now() - timedelta(seconds=seen.duration)),
        duration_ms=int(seen.duration * 1000),
        source_address=source.address,
        host=target.host,
        address=f"{target.address}:{target.port}",
        tls=tls,
        stage=str(seen.stage),
        code=reply.code if reply else 0,
        reply=str(reply) if reply else (seen.error or ""),
        transcript="\n".join(seen.transcript),
    )
