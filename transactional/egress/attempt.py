"""One try of one job over one or more hosts: route, source, sessions, outcome."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from config.errors import PostinoError
from config.ids import uuid7
from domains import pools
from transactional.compose.build import Material
from transactional.egress import complaints, fallback, verdict
from transactional.egress.cell import Closed
from transactional.egress.circuit import Circuits
from transactional.egress.conversation import Conversations, Talk
from transactional.egress.decisions import Decision
from transactional.egress.departures import Departures, Terms
from transactional.egress.hosts_down import HostsDown
from transactional.egress.lookups import Lookups, Relay, StreamPolicy
from transactional.egress.places import owner_of
from transactional.egress.poison import HELD_REPLY, Poison
from transactional.egress.questions import Questions
from transactional.egress.route import Route, Target, find, over_smarthost
from transactional.egress.secured import Heard, Secured
from transactional.egress.shaping import Permit, Shaper
from transactional.egress.tls import Stance, at_least, is_report
from transactional.egress.verdict import Tried
from transactional.lifecycle import WAITING, Attempt, Outcome
from transactional.models import Lane
from transactional.queue import Job
from transactional.wire import outcome as wire
from transactional.wire.header import HeaderError
from transactional.wire.mime import MimeError
from transactional.wire.outcome import Login
from transactional.wire.reply import Reply

Other = Callable[[], Awaitable[Permit | None]]  # leave to go on from an IP of the other family


@dataclass(frozen=True, slots=True)
class Plan:
    """A try that can be made once there is leave to speak: from which IPs, to which hosts."""

    tried: Tried
    stream: StreamPolicy
    fleet: pools.Fleet
    route: Route
    targets: tuple[Target, ...]
    departures: Departures
    terms: Terms
    hosts: HostsDown
    relay: Relay | None = None  # the stream's smarthost, where mail goes round by it

    @property
    def sources(self) -> tuple[pools.UsableSource, ...]:
        """The IPs that it may leave from."""
        return self.fleet.sources

    @property
    def reaching(self) -> tuple[pools.UsableSource, ...]:
        """Those of a family that one of the hosts has."""
        return _reaching(self.fleet.sources, self.targets)

    def choose(self, fit: tuple[pools.UsableSource, ...]) -> pools.Choice:
        """One of the IPs that may speak now, all of one family; its part of the budget is taken."""
        return self.departures.choose(fit, self.terms, ipv6=":" in fit[0].address)

    def close(self, choice: pools.Choice) -> None:
        """The try is over, or never began: what it did not use goes back."""
        alone = len(self.sources) < 2
        self.departures.came_of(choice, self.terms, self.tried.last, alone=alone)

    def families(self, *, ipv6: bool | None = None) -> list[tuple[pools.UsableSource, ...]]:
        """The IPs by address family, in the order in which the hosts are to be tried; but first
        that of the IP which the try before left from. `ipv6`: of this family alone.
        """
        last = (s for s in self.sources if s.id == self.tried.job.source_id)
        order = [*(":" in one.address for one in last)]
        reached = [":" in target.address for target in self.targets]
        wanted = dict.fromkeys(ipv6 for ipv6 in (*order, *reached) if ipv6 in reached)
        found = [
            tuple(s for s in self.sources if (":" in s.address) == six)
            for six in wanted
            if ipv6 in (None, six)
        ]
        found = [sources for sources in found if sources]
        # Whole families where nobody is there come last; the order stays as it is otherwise
        return sorted(found, key=self._is_shut) if len(found) > 1 else found

    def _is_shut(self, sources: tuple[pools.UsableSource, ...]) -> bool:
        six = ":" in sources[0].address
        return self.hosts.shut(sources, [t for t in self.targets if (":" in t.address) == six])


class Attempts:
    """Makes tries; one per engine."""

    def __init__(
        self,
        lookups: Lookups,
        conversations: Conversations,
        shaper: Shaper,
        circuits: Circuits,
        poison: Poison,
        questions: Questions,
    ) -> None:
        self._lookups = lookups
        self._questions = questions
        self._poison = poison
        self._secured = Secured(conversations, lookups)
        self._shaper = shaper
        self._circuits = circuits
        self.hosts = HostsDown(scale=settings.RETRY_SCALE)

    async def plan(self, job: Job) -> Plan | Outcome | complaints.Waits | Closed:
        """From where to where; or the outcome of a job that cannot be tried, or must not be now; or until
        when it is not its turn to ask DNS.
        """
        tried = Tried(job)
        if job.status not in WAITING:
            return verdict.over(tried)
        if self._poison.is_held(job):
            tried.trail.note("build", "poison", crashes=job.crashes)
            return verdict.poisoned(tried, HELD_REPLY)
        if job.parked:
            tried.trail.note("shaping", "waited", why=job.parked)
        now = job.now()
        if now >= job.deliver_by:
            return await self.too_late(tried)
        if waits := await complaints.of_domain(self._lookups, job):
            return waits
        stream = await self._lookups.stream(job.stream_id)
        whole = await self._lookups.fleet(stream.pool_id)
        fleet = whole.carrying(job.kind)
        if not fleet.sources and whole.sources:
            return complaints.of_pool(job, stream.pool_id)
        if not fleet.sources:
            return await self._unready(tried, stream, fleet)
        late = fallback.when_late(job, now, scale=settings.RETRY_SCALE)
        if late is not None and (round_by := await self._when_late(tried, stream, fleet, late)):
            return round_by
        route = await self._route(job, stream.transport)
        if isinstance(route, Closed):
            return route
        tried.trail.add(route.decision())
        if route.refusal:
            return verdict.without_route(tried, route)
        targets = _reachable(route, fleet.sources)
        if not targets:
            none = pools.Choice(None, "no_family")
            tried.trail.note("source", none.code, **none.told(fleet))
            return self.no_family(tried)
        return await self._planned(tried, stream, fleet, route, targets)

    async def _route(self, job: Job, transport: str) -> Route | Closed:
        """Where DNS says that it goes; its mail for a domain nobody has heard of takes turns to ask."""
        own = await self._lookups.own()

        async def answered() -> bool:
            return (await find(job.domain, transport, own)).code != "dns"

        if transport == "mx" and (closed := await self._questions.before(job, answered)):
            return closed
        return await find(job.domain, transport, own)

    async def _when_late(
        self, tried: Tried, stream: StreamPolicy, fleet: pools.Fleet, late: Decision
    ) -> Plan | None:
        """The smarthost's turn, but not twice in a row: where it did not take the mail, the direct way
        comes next, so that neither of the two can keep mail from the other until its time is up.
        """
        if stream.fallback_id is None or (await self._lookups.last_try(tried.job)).went_round:
            return None
        return await self.around(tried, stream, fleet, late)

    async def _unready(
        self, tried: Tried, stream: StreamPolicy, fleet: pools.Fleet
    ) -> Plan | Outcome:
        """No IP may speak to receivers: one that waits for DNS or is listed speaks to the smarthost."""
        why = await self._lookups.unready(stream)
        none = pools.Choice(None, "no_source", {"why": why})
        tried.trail.note("source", none.code, **none.told(fleet))
        job, scale = tried.job, settings.RETRY_SCALE
        closed = fallback.when_unready(job, scale=scale)
        shut = fallback.when_shut(job, closed, job.now(), scale=scale)
        if shut is not None and stream.fallback_id is not None:
            standby = await self._lookups.standby(stream.pool_id)
            if standby.sources and (round_by := await self.around(tried, stream, standby, shut)):
                return round_by
        reply = f"451 4.7.1 No IP of this stream is ready: {why}."
        return verdict.defer(tried, "temporary", reply)

    async def around(
        self,
        tried: Tried,
        stream: StreamPolicy,
        fleet: pools.Fleet,
        why: Decision,
    ) -> Plan | None:
        """The way over the stream's smarthost; None where it has none that can be reached now, or none
        that can carry the message.

        A copy in doubt goes on as it went: by another way it would be a second message to whoever
        already has the first. No receiver sees our IPs there: no budget of a warm-up is touched.
        """
        if stream.fallback_id is None or tried.job.resent:
            return None
        relay = await self._lookups.smarthost(stream.fallback_id)
        if relay is None or await self._is_beyond(relay, tried):
            return None
        own = await self._lookups.own()
        route = await over_smarthost(relay.host, relay.port, operators=relay.operators, own=own)
        targets = _reachable(route, fleet.sources)
        if not targets or self._shaper.is_shut(route, _reaching(fleet.sources, targets)):
            return None
        unseen = tuple(replace(one, warming=False, fresh=False) for one in fleet.sources)
        fleet = replace(fleet, sources=unseen)
        tried.trail.add(why)
        tried.trail.add(route.decision())
        tried.smarthost_id = relay.id
        return await self._planned(tried, stream, fleet, route, targets, relay)

    async def _is_beyond(self, relay: Relay, tried: Tried) -> bool:
        """Whether the message is beyond a smarthost's limits, as a try before has shown; asked once."""
        over = fallback.passed_over(relay.id)
        if over in tried.trail:
            return True
        if not await self._lookups.was_beyond(tried.job, relay.id):
            return False
        tried.trail.add(over)
        return True

    async def _planned(
        self,
        tried: Tried,
        stream: StreamPolicy,
        fleet: pools.Fleet,
        route: Route,
        targets: tuple[Target, ...],
        relay: Relay | None = None,
    ) -> Plan:
        departures = self._lookups.departures
        terms = departures.terms(tried.job, route.site)
        await departures.prepare(fleet.sources, terms)
        return Plan(tried, stream, fleet, route, targets, departures, terms, self.hosts, relay)

    async def without_policy(self, plan: Plan) -> float:
        """Seconds after which to ask again whether the domain's TLS policy is known; 0: go on."""
        if plan.relay is not None or plan.stream.transport != "mx":
            return 0.0
        job = plan.tried.job
        urgent = job.lane == Lane.URGENT
        return await self._secured.rules.prepare(job.domain, owner_of(job), urgent=urgent)

    def no_family(self, tried: Tried, code: str = "no_family") -> Outcome:
        """None of the IPs can reach any of the hosts, or may send this kind of mail."""
        reply = "451 4.4.4 No IP of this stream speaks the receiver's protocol family."
        if code == "marketing_on_dedicated":
            reply = "451 4.7.1 Marketing mail never leaves from dedicated IPs."
        return verdict.defer(tried, "temporary", reply)

    async def too_late(self, tried: Tried) -> Outcome:
        """The deadline passed before this try; the event names what was last said."""
        last = await self._lookups.last_reply(tried.job.id) if tried.job.attempt else ""
        doubts = await self._lookups.doubts(tried.job) if tried.job.resent else 0
        return verdict.expire(tried, last, doubts)

    async def found_nobody(self, job: Job) -> bool:
        """Whether no connection to the receiver's own servers came about in the try before."""
        last = await self._lookups.last_try(job)
        return last.found_nobody and not last.went_round

    async def failed(self, job: Job) -> None:
        """Nobody foresaw what happened: its lease runs out, and too often is too often."""
        await self._poison.failed(job)

    async def make(self, plan: Plan, permit: Permit, other: Other) -> Outcome | None:
        """One try; None where the lease was lost on the way. `other` gives leave to go on from an IP
        of the other address family, where none of the first one's hosts would speak.
        """
        tried = plan.tried
        # First: behind the final dot no error of the database may cost the answer, and one more copy
        doubts = await self._lookups.doubts(tried.job)
        try:
            last = await self._over(plan, permit, other)
        except (PostinoError, MimeError, HeaderError) as err:
            return verdict.bounce(tried, f"554 5.6.0 {err}")
        if last is None:
            return self.no_family(tried)
        if last.lease_lost:
            return None
        return verdict.judge(tried, last, plan.stream.uncertain, doubts)

    async def _over(self, plan: Plan, permit: Permit, other: Other) -> wire.Outcome | None:
        """Speak with one host after the other until one answers for the recipient."""
        tried = plan.tried
        material = await self._lookups.material(tried.job)
        stance = await self._secured.rules.stance(
            tried.job.domain,
            plan.route,
            transport=plan.stream.transport,
            required=plan.stream.tls == "required",
            report=is_report(tried.job),
        )
        login = None
        if plan.relay is not None:
            tls = at_least(plan.relay.tls, required=plan.stream.tls == "required")
            stance = Stance(tried.job.domain, plan.route, required=True, smarthost=tls)
            login = plan.relay.login
        last = await self._from(plan, permit, material, stance, login)
        if last is None or last.lease_lost or not verdict.next_host_may_know(last):
            return last
        if len({":" in target.address for target in plan.targets}) > 1:
            second = await other()
            if second is not None:
                return await self._from(plan, second, material, stance, login) or last
        return last

    def _in_order(self, plan: Plan, source: pools.UsableSource) -> Sequence[Target]:
        """The hosts that one IP can reach, those that took no connection lately last."""
        tried, six = plan.tried, ":" in source.address
        fit = [target for target in plan.targets if (":" in target.address) == six]
        urgent = tried.job.lane == Lane.URGENT
        targets, passed = self.hosts.order(source.address, fit, urgent=urgent)
        for decision in passed:
            tried.trail.add(decision)
        return targets

    async def _from(
        self, plan: Plan, permit: Permit, material: Material, stance: Stance, login: Login | None
    ) -> wire.Outcome | None:
        """Speak from one IP with the hosts that it can reach; None: there is none."""
        tried, source = plan.tried, permit.source
        began = timezone.now()
        tried.source_id, tried.provider = source.id, plan.route.site.provider
        tried.warms_up_at = plan.terms.provider if source.warming else ""
        tried.trail.note("source", permit.choice.code, **permit.choice.told(plan.fleet))
        last: wire.Outcome | None = None
        telling: wire.Outcome | None = None  # the last, but an answer says more than none
        for target in self._in_order(plan, source):
            site = plan.route.site.key
            talk = Talk(
                tried.job, material, plan.stream, target, source, permit.cell, site,
                login=login, smarthost_id=plan.relay.id if plan.relay else None,
                warms_up_at=tried.warms_up_at,
            )  # fmt: skip
            heard = await self._secured.hold(talk, stance, tried.trail)
            last = tried.last = heard.outcome
            self.hosts.learn(source.address, target, last)
            if last.lease_lost:
                break
            if telling is None or last.reply is not None or telling.reply is None:
                telling = last
            tried.tries.append(_attempt(heard, target, source, began))
            if not verdict.next_host_may_know(last):
                break
        if last is not None and telling is not None and not last.lease_lost:
            if not verdict.next_host_may_know(last):
                telling = last
            for learnt in (
                self._shaper.learn(permit, plan.route, telling),
                self._circuits.judge(tried.job, permit, plan.route, last),
            ):
                if learnt is not None:
                    tried.trail.add(learnt)
        return last


def _reachable(route: Route, sources: tuple[pools.UsableSource, ...]) -> tuple[Target, ...]:
    """What of the route these IPs can speak to."""
    families = {":" in one.address for one in sources}
    return route.reachable(ipv4=False in families, ipv6=True in families)


def _reaching(
    sources: tuple[pools.UsableSource, ...], targets: tuple[Target, ...]
) -> tuple[pools.UsableSource, ...]:
    """Those of these IPs that can speak to one of the targets."""
    families = {":" in target.address for target in targets}
    return tuple(one for one in sources if (":" in one.address) in families)


def _attempt(heard: Heard, target: Target, source: pools.UsableSource, began: datetime) -> Attempt:
    seen = heard.outcome
    reply: Reply | None = seen.reply
    return Attempt(
        id=uuid7(),
        at=max(began, timezone.now() - timedelta(seconds=seen.duration)),
        duration_ms=int(seen.duration * 1000),
        source_address=source.address,
        host=target.host,
        address=f"{target.address}:{target.port}",
        tls=heard.tls,
        stage=str(seen.stage),
        code=reply.code if reply else 0,
        reply=str(reply) if reply else (seen.error or ""),
        transcript="\n".join(seen.transcript),
    )
