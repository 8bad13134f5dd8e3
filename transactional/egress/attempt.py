"""One try of one job over one or more hosts: route, source, sessions, outcome."""

from datetime import datetime, timedelta

from django.utils import timezone

from config.errors import PostinoError
from config.ids import uuid7
from domains import pools
from transactional.egress import verdict
from transactional.egress.conversation import Conversations, Talk
from transactional.egress.lookups import Lookups, StreamPolicy
from transactional.egress.route import Target, find
from transactional.egress.verdict import HOST_STAGES, Tried
from transactional.lifecycle import Attempt, Outcome
from transactional.queue import Job
from transactional.wire import outcome as wire
from transactional.wire.header import HeaderError
from transactional.wire.mime import MimeError
from transactional.wire.reply import Reply


class Attempts:
    """Makes tries; one per engine."""

    def __init__(self, lookups: Lookups, conversations: Conversations) -> None:
        self._lookups = lookups
        self._conversations = conversations

    async def make(self, job: Job) -> Outcome | None:
        """One try; None where the lease was lost on the way."""
        tried = Tried(job)
        stream = await self._lookups.stream(job.stream_id)
        sources = await self._lookups.sources(stream.pool_id)
        if not sources:
            why = await self._lookups.unready(stream)
            tried.trail.note("source", "no_source", why=why)
            reply = f"451 4.7.1 No IP of this stream is ready: {why}."
            return verdict.defer(tried, "temporary", reply)
        route = await find(job.domain, stream.transport, await self._lookups.own())
        tried.trail.add(route.decision())
        if route.refusal:
            return verdict.without_route(tried, route)
        try:
            families = {":" in one.address for one in sources}
            targets = route.reachable(ipv4=False in families, ipv6=True in families)
            last = await self._over(targets, tried, stream, sources)
        except (PostinoError, MimeError, HeaderError) as err:
            return verdict.bounce(tried, f"554 5.6.0 {err}")
        if last is None:
            reply = "451 4.4.4 No IP of this stream speaks the receiver's protocol family."
            return verdict.defer(tried, "temporary", reply)
        if last.lease_lost:
            return None
        return verdict.judge(tried, last, stream.uncertain)

    async def _over(
        self,
        targets: tuple[Target, ...],
        tried: Tried,
        stream: StreamPolicy,
        sources: tuple[pools.UsableSource, ...],
    ) -> wire.Outcome | None:
        """Speak with one host after the other until one answers for the recipient."""
        began = timezone.now()
        material = await self._lookups.material(tried.job)
        last: wire.Outcome | None = None
        for target in targets:
            choice = pools.choose(sources, ipv6=":" in target.address, kind=tried.job.kind)
            tried.trail.note("source", choice.code, **choice.data)
            source = choice.source
            if source is None:
                continue
            tried.source_id = source.id
            talk = Talk(tried.job, material, stream, target, source)
            last = await self._conversations.hold(talk)
            if last.lease_lost:
                break
            tried.tries.append(_attempt(last, target, source, began))
            if last.uncertain or last.stage not in HOST_STAGES:
                break
        return last


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
