"""One IP of ours towards one site: how much it may send now, and what its answers have taught.

Pure: times are given, nothing is waited for. A rate falls by half at once and comes back by steps
(multiplicative decrease); connections grow one by one while mail is taken (additive increase).
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from domains.passed import Passed
from transactional.egress.decisions import Decision
from transactional.egress.part import Part
from transactional.egress.profiles import Limits, Rule

FIRST = 5  # connections before a receiver has shown that it takes more
SLOWEST = 1.0  # messages a minute: what no back-off goes below
BURST = 2.0  # seconds of a rate that may be sent at once
ONE_EVENT = 5.0  # seconds in which several throttling answers count as one
STEP = 60.0  # seconds between two steps of a rate that comes back
STEP_UP = 1.5  # its factor
MEMORY = 20.0  # seconds over which the rate of what is sent is averaged
FAILURES = 3  # connections that failed in a row: nobody is there
DOWN, LONGEST_DOWN = 15.0, 600.0  # seconds a dead site is left alone; doubled each time
SESSION_MEMORY = 3600.0  # seconds a learnt number of messages per connection counts
UNLIMITED = 1_000_000
ALONE = Part()
#: What stands against a message; any other code is the name of an operator's rule.
OWN_CODES = frozenset({"rate", "connections", "incident", "site_down", "receiver_throttles"})


@dataclass(frozen=True, slots=True)
class Closed:
    """Why nothing may leave now, and in how many seconds to ask again.

    `stands`: nothing at all goes this way until then; otherwise mail goes on, and this waits its turn.
    `exact`: that `wait` is known, and no guess at when a place becomes free.
    """

    code: str
    wait: float
    data: Mapping[str, Any] = field(default_factory=dict)
    stands: bool = False
    exact: bool = False

    def passed(self, address: str) -> Passed:
        """As the reason why a message did not leave from one of our IPs."""
        if self.code not in OWN_CODES:
            return Passed(address, "rule", {"rule": self.code, "wait": round(self.wait, 1)})
        told = {
            name: self.data[name] for name in ("per_minute", "connections") if name in self.data
        }
        return Passed(address, self.code, {**told, "wait": round(self.wait, 1)})


@dataclass(slots=True)
class Breaker:
    """What an open incident says about a cell; times in the loop's clock."""

    incident: int
    skeleton: str
    probing: bool  # parked but for a canary; otherwise it drains
    until: float  # nothing before this but the canary
    per_minute: float  # messages a minute while it drains; 0: no limit
    of_recipients: bool = False  # every recipient is refused: one more such refusal ends nothing

    def closed(self, now: float) -> Closed | None:
        """Shut until the next probe is due."""
        if self.probing and now < self.until:
            return Closed("incident", self.until - now, {"incident": self.incident}, stands=True)
        return None


class Cell:
    """The state of one (IP, site). `part` is this worker's of the limits of all workers."""

    __slots__ = (
        "_at", "_connections", "_down", "_down_until", "_failures", "_from", "_hits", "_part",
        "_part_until", "_safe", "_session_until", "_tat", "_used", "_used_at", "asked", "breaker", "ceiling",
        "ceiling_by", "ceiling_until", "changed", "hold_until", "inflight", "lifted", "limits", "per_session",
        "rate", "scale", "seen", "suspended_by", "until", "why",
    )  # fmt: skip

    def __init__(self, limits: Limits, *, now: float, part: Part = ALONE, scale: float = 1.0):
        """`part`: what is safe while nothing is known of the other workers."""
        self.limits = limits
        self._part = self._safe = part
        self._part_until = math.inf
        self.scale = scale  # of all waits: tests run on a fast clock
        self.inflight = 0
        #: Messages a minute over all workers that a back-off allows; None: what the profile says.
        self.rate: float | None = None
        #: No step up before this.
        self.hold_until = 0.0
        #: What slowed the rate down.
        self.why = ""
        #: Nothing at all before this: an answer asked for it, and all workers keep to it.
        self.until = 0.0
        self.suspended_by = ""
        self.ceiling, self.ceiling_until, self.ceiling_by = UNLIMITED, 0.0, ""
        #: When a rule last asked for either, and when an operator last lifted both.
        self.asked, self.lifted = 0.0, -math.inf
        self.per_session = limits.per_session
        self.breaker: Breaker | None = None
        self.seen = now
        #: When the state that all workers share last changed; what is told of before this machine's boot counts.
        self.changed = -math.inf
        self._connections = float(FIRST)
        self._tat = 0.0
        self._used, self._used_at = 0.0, now
        self._at = -1e9  # the last throttling answer
        self._from = 0.0
        self._failures, self._down, self._down_until = 0, 0, 0.0  # this worker's own
        self._hits: dict[str, list[float]] = {}
        self._session_until = 0.0

    # -- asking

    def closed(self, now: float) -> Closed | None:
        """What stands against one more message now; None: it may go."""
        if self.breaker is not None and (shut := self.breaker.closed(now)):
            return shut
        if now < self.until or now < self._down_until:
            if self.until >= self._down_until:
                wait = self.until - now
                return Closed(self.suspended_by, wait, self._told(), stands=True)
            return Closed("site_down", self._down_until - now, self._told(), stands=True)
        if self.inflight >= self.allowed(now):
            return self._full(now)
        per_minute = self.per_minute(now)
        if per_minute:
            interval = 60 * self.scale / per_minute
            wait = self._tat - max(1.0, BURST * self.scale / interval) * interval - now + interval
            if wait > 1e-6:
                return Closed("rate", wait, {"per_minute": round(per_minute, 1), **self._told()})
        return None

    def allowed(self, now: float) -> int:
        """Connections this worker may have open now; none where others have their turn."""
        most = (
            1 if self.is_dead else int(self._connections)
        )  # one sees whether anybody is there again
        limit = self.most(now)
        if limit == UNLIMITED:
            return 1 if self.is_dead else UNLIMITED
        return min(max(1, most), self.part(now).connections(limit, now))

    def on_average(self, now: float) -> float:
        """Connections that this worker may hope for over a long time."""
        limit = self.most(now)
        if self.part(now).takes_turns(limit):
            return limit / self.part(now).of
        return self.allowed(now)

    def most(self, now: float) -> int:
        """Connections over all workers."""
        most = self.limits.connections or UNLIMITED
        return min(most, self.ceiling) if now < self.ceiling_until else most

    def _full(self, now: float) -> Closed:
        """No connection is free: of this worker's, or because others have their turn or all of them still."""
        most = self.most(now)
        if self.inflight or self.part(now).connections(most, now):
            return Closed("connections", 0.0, {"connections": self.allowed(now), **self._told()})
        self.seen = now  # it counts among those that want a turn
        wait = self.part(now).wait(most, now)
        return Closed("connections", wait, {"connections": most, **self._told()}, exact=True)

    def part(self, now: float) -> Part:
        """This worker's part, as heard; what is safe where it was not heard lately."""
        if now >= self._part_until:
            self._part, self._part_until = self._safe, math.inf
        return self._part

    def takes_turns(self, now: float) -> bool:
        """Whether more workers use it than there are connections."""
        return self.part(now).takes_turns(self.most(now))

    def is_settled(self, now: float) -> bool:
        """Whether no worker waits for connections that another has."""
        return self.part(now).is_settled(self.most(now), now)

    def told(self, part: Part, until: float) -> None:
        """The other workers being known, this part is the one that counts, until some time."""
        self._part, self._part_until = part, until

    def alone(self, safe: Part) -> None:
        """Nothing is known of the other workers."""
        self._part = self._safe = safe
        self._part_until = math.inf

    @property
    def is_dead(self) -> bool:
        """Nobody was there several times in a row, and nobody has answered since."""
        return bool(self._down and self._failures)

    def per_minute(self, now: float) -> float:
        """Messages a minute for this worker; 0: no limit."""
        if self.rate is None and self.breaker is None and not self.limits.per_minute:
            return 0.0
        rates = [self.limits.per_minute or 0.0]
        self._step_up(now)
        if self.rate is not None:
            rates.append(self.rate)
        if self.breaker is not None and self.breaker.per_minute:
            rates.append(self.breaker.per_minute)
        least = min((rate for rate in rates if rate), default=0.0)
        return least * self._pace(now)

    def _pace(self, now: float) -> float:
        return self.part(now).rate(self.most(now))

    def take(self, now: float) -> None:
        """One message leaves."""
        self.inflight += 1
        self.seen = now
        per_minute = self.per_minute(now)
        if per_minute:
            self._tat = max(self._tat, now) + 60 * self.scale / per_minute
        self._decay(now)
        self._used += 1.0 / (MEMORY * self.scale)

    def give_back(self, now: float) -> None:
        """Its conversation is over."""
        self.inflight -= 1
        self.seen = now

    def used(self, now: float) -> float:
        """Messages a minute that all workers send, as far as one can tell from here."""
        self._decay(now)
        return self._used * 60 * self.scale / self._pace(now)

    def _decay(self, now: float) -> None:
        passed = max(0.0, now - self._used_at)
        self._used *= math.exp(-passed / (MEMORY * self.scale))
        self._used_at = now

    def _told(self) -> dict[str, Any]:
        told: dict[str, Any] = {"profile": self.limits.name}
        if self.rate is not None and self.why:
            told["because"] = self.why
        return told

    def limited(self, limits: Limits) -> None:
        """These limits hold from now on, for what is under way too; what was learnt stays."""
        if limits == self.limits:
            return
        self.limits = limits
        self._tat = 0.0  # the wait that the old limit asked for is not the new one's

    # -- learning

    def went_well(self) -> None:
        """The receiver took a message, or refused it for the recipient's sake."""
        self._failures = self._down = 0
        self._connections = min(self._connections + 1 / self._connections, 10_000.0)

    def throttled(self, now: float, code: str) -> Decision | None:
        """The receiver said: too much. None where this belongs to an event that was counted."""
        self._failures = 0
        if now - self._at < ONE_EVENT * self.scale:
            return None
        self._at = now
        used = self.used(now)
        was = min(self.rate or math.inf, used)
        self._from = max(self._from if self.rate is not None else 0.0, used, SLOWEST)
        self.rate = max(SLOWEST, was / 2)
        self.hold_until = now + STEP * self.scale
        self.why = code
        self._connections = max(1.0, min(self._connections, max(1, self.inflight)) / 2)
        self.changed = now
        data = {"from": round(was, 1), "to": round(self.rate, 1), "because": code}
        return Decision("shaping", "slowed", data)

    def _step_up(self, now: float) -> None:
        """The rate comes back, step by step, until it limits nothing any more."""
        while self.rate is not None and now >= self.hold_until:
            self.rate *= STEP_UP
            self.hold_until = max(self.hold_until, now - 10 * STEP * self.scale) + STEP * self.scale
            enough = self.limits.per_minute or 2 * self._from
            if self.rate >= enough:
                self.rate, self.why, self._from = None, "", 0.0

    def obey(self, rule: Rule, now: float) -> Decision | None:
        """A rule's answer came; acts once it has come often enough."""
        hits = [at for at in self._hits.get(rule.name, ()) if now - at < rule.within * self.scale]
        hits.append(now)
        self._hits[rule.name] = hits[-rule.hits :]
        if len(hits) < rule.hits:
            return None
        until = now + rule.seconds * self.scale
        if rule.action == "suspend":
            self.asked = now
            if until > self.until:
                self.until, self.suspended_by = until, rule.name
        elif rule.action == "connections":
            self.asked = now
            self.ceiling, self.ceiling_until = max(1, rule.value), until
            self.ceiling_by = rule.name
        else:
            self._from = max(self._from, self.used(now), SLOWEST)
            self.rate = max(SLOWEST, min(self.rate or math.inf, rule.value or SLOWEST))
            self.hold_until, self.why = until, rule.name
        self.changed = now
        data = {"rule": rule.name, "value": rule.value, "seconds": round(rule.seconds)}
        return Decision("shaping", f"rule_{rule.action}", data)

    def forgive(self, rules: Collection[str], now: float) -> bool:
        """Lift what a rule that holds no more has asked for; whether it was any. `rules`: those that hold."""
        lifted = False
        if self.until > now and self.suspended_by not in rules:
            self.until, lifted = 0.0, True
        if self.ceiling_until > now and self.ceiling_by not in rules:
            self.ceiling, self.ceiling_until, lifted = UNLIMITED, 0.0, True
        if lifted:
            self.changed = now
        return lifted

    def lift(self, at: float, now: float) -> bool:
        """End what rules had asked for before an operator lifted it; whether there was any."""
        if at <= self.lifted:
            return False
        self.lifted = at
        return self.asked <= at and self.forgive((), now)

    def no_answer(self, now: float) -> Decision | None:
        """No connection came about. After some in a row the site is left alone for a while."""
        self._failures += 1
        if self._failures < FAILURES and not self._down:
            return None
        wait = min(DOWN * 2.0 ** min(self._down, 10), LONGEST_DOWN) * self.scale
        self._down += 1
        self._down_until = max(self._down_until, now + wait)
        return Decision("shaping", "site_down", {"seconds": round(wait, 1)})

    def session_ended(self, messages: int, now: float) -> None:
        """The receiver ended a connection after so many messages: the next ones end before it."""
        self.per_session = max(1, min(messages, self.limits.per_session))
        self._session_until = now + SESSION_MEMORY * self.scale

    def session_limit(self, now: float) -> int:
        """Messages per connection."""
        if self.per_session != self.limits.per_session and now >= self._session_until:
            self.per_session = self.limits.per_session
        return min(self.per_session, self.limits.per_session)

    # -- sharing

    @property
    def restricted(self) -> bool:
        """Whether an answer holds it back still, which other workers should know."""
        return self.rate is not None or self.until > 0.0 or self.ceiling != UNLIMITED

    def may_be_forgotten(self, now: float) -> bool:
        """Whether nothing is under way, and nothing that was learnt holds it back still."""
        self._step_up(now)
        held = max(self.until, self._down_until, self.ceiling_until) > now
        return not (self.inflight or held or self.rate is not None)

    def state(self, offset: float) -> dict[str, Any]:
        """What an answer has taught, for the other workers; times plus `offset` are everybody's."""
        return {
            "at": self.changed + offset,
            "rate": self.rate,
            "from": self._from,
            "hold": self.hold_until + offset,
            "until": self.until + offset,
            "by": self.suspended_by,
            "ceiling": self.ceiling,
            "ceiling_by": self.ceiling_by,
            "ceiling_until": self.ceiling_until + offset,
            "asked": self.asked + offset,
            "why": self.why,
        }

    def adopt(self, told: Mapping[str, Any], offset: float) -> None:
        """Take over what another worker has learnt since. KeyError, TypeError, ValueError: nonsense."""
        at = float(told["at"]) - offset
        if at <= self.changed:
            return
        rate = None if told["rate"] is None else max(SLOWEST, float(told["rate"]))
        since, hold = float(told["from"]), float(told["hold"]) - offset
        until, by = float(told["until"]) - offset, str(told.get("by", told["why"]))[:60]
        ceiling, ceiling_until = max(1, int(told["ceiling"])), float(told["ceiling_until"]) - offset
        why, ceiling_by = str(told["why"])[:60], str(told.get("ceiling_by", ""))[:60]
        asked = float(told.get("asked", told["at"])) - offset
        if asked <= self.lifted:  # whoever told it had not heard yet that it was lifted
            until, ceiling, ceiling_until = 0.0, UNLIMITED, 0.0
        self.changed, self.rate, self._from, self.hold_until = at, rate, since, hold
        self.asked = max(self.asked, asked)
        self.ceiling, self.ceiling_until, self.why = ceiling, ceiling_until, why
        self.ceiling_by = ceiling_by
        if until > self.until:
            self.until, self.suspended_by = until, by
