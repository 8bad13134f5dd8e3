"""The only place that says, in one sentence, why no IP can be used: for refusals and deferrals.

In English, as all that the pipeline says; the pages tell the same findings in the reader's language.
"""

from collections.abc import Iterable, Sequence

from django.utils import translation

from domains import hosts, pools
from domains.findings import OK, sentence_of
from domains.models import EgressSource, PoolMember, SourceChange, SourceEvent, SourceState

SHOWN = 3  # IPs named in one sentence
NONE_CONNECTED = "it has none: connect one under Domains & IPs"


def of_accounts(account_ids: Iterable[int]) -> dict[int, str]:
    """For each account without a ready dedicated IP, what its IPs wait for."""
    sources: dict[int, list[EgressSource]] = {pk: [] for pk in account_ids}
    rows = EgressSource.objects.filter(account_id__in=list(sources)).order_by("pk")
    for source in rows:
        sources[source.account_id].append(source)
    return {pk: _together(found) for pk, found in sources.items()}


def of_pool(pool_id: int) -> str:
    """What the IPs of a pool wait for, or that their machine is silent; as this machine sees it."""
    usable = pools.usable(pool_id)
    if usable:
        silent = hosts.silent(usable)
        return f"{silent}, which does not report" if silent else "this host does not have them"
    members = PoolMember.objects.filter(pool_id=pool_id).select_related("source")
    found = [member.source for member in members.order_by("source_id") if member.weight]
    if not found:
        owner = EgressSource.objects.filter(account__pools=pool_id)
        found = list(owner.order_by("pk")[: SHOWN + 1])
    return _together(found)


def _together(sources: Sequence[EgressSource]) -> str:
    if not sources:
        return NONE_CONNECTED
    told = "; ".join(of_source(source) for source in sources[:SHOWN])
    more = len(sources) - SHOWN
    return f"{told}; and {more} more" if more > 0 else told


def of_source(source: EgressSource) -> str:
    """Why mail does not leave from this IP: what it waits for, or who stopped it."""
    with translation.override("en"):
        if source.state == SourceState.PAUSED:
            return f"{source.address} is paused"
        if source.state == SourceState.LISTED:
            changes = SourceChange.objects.filter(source=source, event=SourceEvent.LISTED)
            last = changes.order_by("-pk").first()
            lists = last.data.get("lists", "") if last else ""
            return f"{source.address} is on a blocklist ({lists})"
        if source.usable:
            return f"{source.address} is ready, but no pool gives it a share"
        wrong = next((f for f in source.findings if f["status"] != OK and f["code"] != "ok"), None)
        if wrong is None:
            return f"{source.address} has not been checked yet"
        return f"{source.address} waits for DNS: {sentence_of(wrong).rstrip('.')}"
