"""Why mail waits that readers' reports of spam keep in the queue, with the numbers, as it stands now."""

from domains import complaint_pauses, pools
from transactional.complaint_holds import DOMAIN, SOURCES
from transactional.explain.tell import Step
from transactional.models import Kind, Message


def why_paused(message: Message, waits_for: str) -> tuple[Step, ...]:
    """The decision that keeps a message waiting; none where it waits for something else, or no more."""
    code, _space, key = waits_for.partition(" ")
    if code == DOMAIN:
        row = complaint_pauses.standing_of(message.account_id, message.from_domain)
        if row is None:
            return ()
        told = {
            "domain": message.from_domain,
            "day": row.since.isoformat(),
            "limit": f"{row.limit.normalize():f}",
            **row.evidence,
        }
        return (Step("shaping", DOMAIN, told),)
    if code == SOURCES and key.isascii() and key.isdigit() and len(key) < 19:
        fleet = pools.fleet(int(key)).carrying(Kind.MARKETING)
        others = [one.row() for one in fleet.passed[: pools.MOST_TOLD]]
        return (Step("shaping", SOURCES, {"others": others}),)
    return ()
