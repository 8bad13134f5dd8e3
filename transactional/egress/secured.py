"""One host under its TLS rule: a conversation, what a policy in testing would have refused, the count
for the domain's report.
"""

from dataclasses import dataclass, replace

from transactional.egress import tls
from transactional.egress.conversation import Conversations, Talk
from transactional.egress.decisions import Trail
from transactional.egress.lookups import Lookups
from transactional.egress.tls import Stance, TlsRules
from transactional.wire import outcome as wire


@dataclass(frozen=True, slots=True)
class Heard:
    """What a host said, and version, cipher and verdict of the way it was said."""

    outcome: wire.Outcome
    tls: str = ""


class Secured:
    """Holds conversations with the TLS that each host needs; one per engine."""

    def __init__(self, conversations: Conversations, lookups: Lookups) -> None:
        self._conversations = conversations
        self.rules = TlsRules(conversations.memory, lookups)

    async def hold(self, talk: Talk, stance: Stance, trail: Trail) -> Heard:
        """Speak with the talk's host as its rule allows; not at all where a policy forbids it."""
        rule = await self.rules.towards(stance, talk.target)
        trail.add(rule.decision(talk.target.host))
        source = talk.source.address
        if rule.refusal:
            self.rules.learn(stance, rule, talk.target, source, rule.result)
            return Heard(tls.refused(rule))
        if rule is not talk.rule:
            talk = replace(talk, rule=rule)
        seen = await self._conversations.hold(talk)
        if rule.softer is not None and seen.tls_failed:
            # The domain's policy is in testing: its failure is told, and mail goes on as before
            because = seen.error or str(seen.reply)
            result = tls.result_of(seen)
            self.rules.learn(stance, rule, talk.target, source, result)
            trail.note("tls", "mta_sts_would_refuse", host=talk.target.host, result=result)
            talk = replace(talk, rule=replace(rule, policy=rule.softer, softer=None))
            seen = await self._conversations.hold(talk)
            return Heard(seen, tls.told(seen, rule, because))
        because = seen.in_clear_because
        if seen.tls_failed or seen.stage not in tls.BEFORE_TLS:
            result = rule.result or tls.result_of(seen, because)
            self.rules.learn(stance, rule, talk.target, source, result)
        return Heard(tls.in_words(seen, rule), tls.told(seen, rule, because))
