"""Who may speak with which site now, and from which IP: asked once per try, told what came of it.

Limits are per cell, one IP towards one site (`cell`). A site as a whole gets a part of this
worker's sessions, and what cannot have one soon goes back to the queue instead of waiting here.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from domains import pools
from transactional.egress.cell import ALONE, FIRST, UNLIMITED, Breaker, Cell, Closed
from transactional.egress.decisions import Decision
from transactional.egress.gate import STALLED, Gate
from transactional.egress.part import Part
from transactional.egress.places import NOBODY, Owner
from transactional.egress.profiles import Limits, Profiles, shipped
from transactional.egress.route import Route
from transactional.egress.strain import Strain
from transactional.wire import outcome as wire
from transactional.wire.reply import ReplyClass, Stage, classify

PATIENCE = 0.5  # seconds that a message waits here for its turn; longer waits are the queue's
# For a place that moves: what a worker has in hand passes within this even where the processor is what
# holds it up. Sent back sooner, such mail comes at a pace that is not its receiver's
PATIENCE_FOR_PLACES = 1.5
# The same where it is known that we hold it up (`strain`): what is in hand goes before anything new is claimed
PATIENCE_UNDER_STRAIN = 10.0
PLACES = ("connections", "site_busy")  # codes of what ends when somebody leaves
SITE_SHARE = 2  # a site gets this part (1/n) of the sessions, so that a slow one starves none
PROBING = 5.0  # seconds for which the others wait until it is known who sends the canary
PROVEN = 600.0  # seconds for which a site that answered needs no try that goes first
PROMPT = 30.0  # seconds within which its answer must come for that: a tarpit's is none
KEPT = 20_000  # cells and sites remembered; the longest unused go first
FORGET = 100  # looked at together, so that it costs little to find nothing to forget
DOMAINS = 200  # of a site, remembered so that its rows can be found in the queue
CellKey = tuple[str, str]
Whose = tuple[Owner, int]  # a message's owner, and its age: less is older
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to speak from this source. Give it back with `Shaper.leave`."""

    source: pools.UsableSource
    choice: pools.Choice
    cell: Cell
    gate: Gate
    since: float
    owner: Owner = NOBODY
    number: int = 0  # of what is under way at the gate
    first: bool = False  # nobody has heard of the site lately
    canary: bool = False  # the one message that shows whether an incident is over


Choose = Callable[[tuple[pools.UsableSource, ...]], pools.Choice]
Close = Callable[[pools.Choice], None]
Probe = Callable[[int], Awaitable[bool]]  # may this engine send the canary of this incident now?


async def _nobody(incident: int) -> bool:
    return False


class Shaper:
    """All cells of one engine."""

    def __init__(
        self, *, sessions: int, scale: float, part: Part = ALONE, strain: Strain | None = None
    ) -> None:
        """`part`: this worker's of all limits, while it cannot hear of the others. `strain`: what tells
        whether it is this side that holds mail up now.
        """
        self._strain = strain or Strain()
        self.profiles: Profiles = shipped()
        self.cells: OrderedDict[CellKey, Cell] = OrderedDict()  # those used last at the end
        self._outdated: set[CellKey] = set()  # made under limits that have been changed since
        self.changed: set[CellKey] = set()  # states that other workers should hear of
        self.breakers: dict[CellKey, Breaker] = {}
        self.probe: Probe = _nobody
        self._gates: OrderedDict[str, Gate] = OrderedDict()
        self._sessions = sessions
        self.part = part
        self._scale = scale

    def cell(self, address: str, route: Route) -> Cell:
        """The cell of one of our addresses and a route's site, made at its first use."""
        key = (address, route.site.key)
        found = self.cells.get(key)
        if found is not None:
            self.cells.move_to_end(key)
            if self._outdated and key in self._outdated:
                self._outdated.discard(key)
                found.limited(self._limits(route))
            return found
        now = asyncio.get_running_loop().time()
        made = Cell(self._limits(route), now=now, part=self.part, scale=self._scale)
        made.breaker = self.breakers.get(key)
        _forget(self.cells, lambda cell: cell.may_be_forgotten(now))
        self.cells[key] = made
        return made

    def _limits(self, route: Route) -> Limits:
        hosts = route.exchangers or [target.host for target in route.targets]
        return self.profiles.of(route.site, hosts, direct=is_direct(route))

    def gate(self, route: Route, domain: str) -> Gate:
        """The site of a route in this worker."""
        key = route.site.key
        gate = self._gates.get(key)
        if gate is None:
            most = max(1, self._sessions // SITE_SHARE) if is_direct(route) else self._sessions
            _forget(self._gates, lambda one: not one.inflight and not one.has_line)
            gate = self._gates[key] = Gate(most, 0.0 if is_direct(route) else math.inf)
        else:
            self._gates.move_to_end(key)
        if len(gate.domains) < DOMAINS:
            gate.domains.add(domain)
        return gate

    async def enter(
        self,
        route: Route,
        domain: str,
        sources: Iterable[pools.UsableSource],
        choose: Choose,
        *,
        owner: Owner = NOBODY,
        age: int = 0,
        keep: int | None = None,
        close: Close = lambda choice: None,
    ) -> Permit | Closed | pools.Choice:
        """Leave for one message, or why not; a choice without a source where `choose` finds none.

        Waits PATIENCE seconds at most, also for the IP to `keep`, which the try before left from, and
        PATIENCE_FOR_PLACES where others go on; PATIENCE_UNDER_STRAIN where it is we who are slow. Places
        are shared among the `owner`s of mail, and of each the oldest goes first (the least `age`).
        `close` hears of what was chosen and not used.
        """
        loop = asyncio.get_running_loop()
        gate = self.gate(route, domain)
        cells = [(source, self.cell(source.address, route)) for source in sources]
        began = loop.time()
        deadline = began + PATIENCE
        while True:
            now = loop.time()
            shut = [cell.closed(now) for _, cell in cells]
            fit = tuple(one for (one, _), why in zip(cells, shut, strict=True) if why is None)
            if fit and (soon := _opens_soon(cells, shut, keep, deadline - now)) is not None:
                await self._wait(gate, (owner, age), (soon[0],), deadline - now, soon[1])
                continue
            if fit and gate.inflight + gate.promised < gate.room(now):
                choice = choose(fit)
                if len(fit) < len(cells):
                    kept = zip(cells, shut, strict=True)
                    choice = choice.without(
                        why.passed(one.address) for (one, _), why in kept if why is not None
                    )
                if choice.source is None:
                    return choice
                cell = next(cell for source, cell in cells if source is choice.source)
                permit = self._leave_for(choice, cell, gate, owner, now)
                if cell.breaker is None or not cell.breaker.probing:
                    return permit
                cell.breaker.until = now + PROBING  # for everybody else
                if await self._is_canary(permit, cell.breaker.incident, close):
                    return replace(permit, canary=True)
                continue
            reasons = [why for why in shut if why is not None]
            room = tuple(cell for _, cell in cells)
            closed = self._why(gate, (owner, age), room, [] if fit else reasons, now)
            left = deadline - now
            if closed.code in PLACES and not closed.exact:
                left = began + self._patience(gate, now) - now
            if closed.wait > left:
                return closed
            await self._wait(gate, (owner, age), room, left, closed)

    def _patience(self, gate: Gate, now: float) -> float:
        """Seconds that a message waits here for a place. Where none moves, it is not the processor that holds it up."""
        ours = self._strain.stands or (self._strain.slows and gate.still(now) < STALLED)
        return PATIENCE_UNDER_STRAIN if ours else PATIENCE_FOR_PLACES

    async def _is_canary(self, permit: Permit, incident: int, close: Close) -> bool:
        """Whether this message is the one that tries; if not, its place is given back."""
        canary = False
        try:
            canary = await self.probe(incident)
        finally:  # also where it is cancelled: a place that nobody gives back shuts the cell for good
            if not canary:
                self.leave(permit)
                close(permit.choice)
        return canary

    def _leave_for(
        self, choice: pools.Choice, cell: Cell, gate: Gate, owner: Owner, now: float
    ) -> Permit:
        assert choice.source is not None  # noqa: S101 — asked before
        cell.take(now)
        number = gate.enter(owner, now)
        first = now >= gate.proven_until
        return Permit(choice.source, choice, cell, gate, now, owner, number, first)

    def _why(
        self, gate: Gate, whose: Whose, cells: Iterable[Cell], reasons: list[Closed], now: float
    ) -> Closed:
        """The reason that ends first; a place that has to become free is guessed at."""
        sooner = min(reasons, key=lambda why: why.wait, default=None)
        if sooner is not None and (sooner.exact or sooner.code != "connections"):
            return sooner
        room = sum(min(cell.allowed(now), UNLIMITED) for cell in cells)
        owner, age = whose
        wait = gate.expected(now, room, ours=self._strain.stands, owner=owner, age=age)
        if sooner is None:
            return Closed("site_busy", wait, {"connections": gate.room(now)})
        return Closed(sooner.code, wait, sooner.data)

    async def _wait(
        self, gate: Gate, whose: Whose, cells: tuple[Cell, ...], seconds: float, closed: Closed
    ) -> None:
        """Until a place is promised, or the time is up."""
        if closed.exact or closed.code not in PLACES:
            await asyncio.sleep(closed.wait)
            return
        owner, age = whose
        waiter = gate.line_up(owner, cells, age)
        timer = asyncio.get_running_loop().call_later(max(seconds, 0.01), _let_go, waiter.called)
        try:
            await waiter.called
        finally:
            timer.cancel()
            gate.gone(waiter)

    def rate(self, route: Route, domain: str, sources: Iterable[pools.UsableSource]) -> float:
        """Messages a second that this worker may hope to send to a site; 0: nobody knows."""
        now = asyncio.get_running_loop().time()
        gate = self.gate(route, domain)
        cells = [self.cell(source.address, route) for source in sources]
        by_rate = [cell.per_minute(now) / (60 * self._scale) for cell in cells]
        room = min(sum(cell.on_average(now) for cell in cells), gate.most)
        by_hold = room / max(gate.hold, 0.01)
        return min(sum(by_rate), by_hold) if all(by_rate) else by_hold

    def is_dead(self, route: Route, sources: Iterable[pools.UsableSource]) -> bool:
        """Whether the last connections from all of these IPs to a site came to nothing."""
        return all(self.cell(source.address, route).is_dead for source in sources)

    def is_shut(self, route: Route, sources: Iterable[pools.UsableSource]) -> bool:
        """Whether nothing at all goes to a site now, from any of these IPs."""
        now = asyncio.get_running_loop().time()
        shut = [self.cell(source.address, route).closed(now) for source in sources]
        return all(why is not None and why.stands for why in shut)

    def leave(self, permit: Permit) -> None:
        """The conversation is over, however it ended."""
        now = asyncio.get_running_loop().time()
        gate = permit.gate
        permit.cell.give_back(now)
        gate.leave(permit.owner, permit.number, now, permit.since)
        # Where this was the first try, those that waited for what comes of it may go on
        gate.call(now, FIRST if permit.first and now < gate.proven_until else 1)

    def learn(self, permit: Permit, route: Route, seen: wire.Outcome) -> Decision | None:
        """Draw from a conversation what the next ones must know; what was decided, if anything."""
        now = asyncio.get_running_loop().time()
        cell, gate = permit.cell, permit.gate
        if seen.reply is None:
            if seen.stage not in (Stage.CONNECT, Stage.BANNER):
                return None
            gate.proven_until = min(gate.proven_until, now) if is_direct(route) else math.inf
            return cell.no_answer(now)
        if now - permit.since < PROMPT:
            gate.proven_until = max(gate.proven_until, now + PROVEN)
        if seen.reply.is_positive or seen.local:
            cell.went_well()
            return None
        said = str(seen.reply)
        decision: Decision | None = None
        for rule in self.profiles.rules_on(said, route.site.provider):
            decision = cell.obey(rule, now) or decision
        if decision is None and classify(seen.reply, stage=seen.stage) is ReplyClass.THROTTLED:
            decision = cell.throttled(now, "receiver_throttles")
        elif decision is None:
            cell.went_well()
        if decision is not None:
            self.changed.add((permit.source.address, route.site.key))
        return decision

    def use(self, profiles: Profiles) -> None:
        """Limits that an operator has changed hold from the next message on, however busy a cell is.

        What a rule asked for that was switched off or deleted is over with it.
        """
        if profiles == self.profiles:
            return
        self.profiles = profiles
        self._outdated = set(self.cells)
        if not self.cells:
            return
        now, rules = asyncio.get_running_loop().time(), {rule.name for rule in profiles.rules}
        self.changed |= {key for key, cell in self.cells.items() if cell.forgive(rules, now)}


def is_direct(route: Route) -> bool:
    """Whether mail goes to the receivers themselves, and not by a relay or into the sandbox."""
    return not route.site.key.startswith("relay ")


def _opens_soon(
    cells: Sequence[tuple[pools.UsableSource, Cell]],
    shut: Sequence[Closed | None],
    keep: int | None,
    left: float,
) -> tuple[Cell, Closed] | None:
    """The cell of the IP that is to be kept, where it is shut for less than is left to wait."""
    for (source, cell), why in zip(cells, shut, strict=True):
        if source.id == keep and why is not None and why.wait < left:
            return cell, why
    return None


def _let_go(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _forget(kept: OrderedDict[K, V], idle: Callable[[V], bool]) -> None:
    """Make room where there is too much: the longest unused go, what holds mail back last of all."""
    if len(kept) < KEPT or len(kept) % FORGET:
        return
    oldest = list(islice(kept, KEPT // 10))
    spare = [key for key in oldest if idle(kept[key])]
    if not spare and len(kept) >= 2 * KEPT:
        spare = oldest
    for key in spare:
        del kept[key]
