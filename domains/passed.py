"""Why an IP of a pool was passed over: the reasons that lie in the IP itself, each a stable code.

The story of each message keeps them (`transactional/explain` tells them); those of the moment, as a
budget or a limit, are added by whoever judges them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from domains.findings import OK
from domains.models import (
    ComplaintPause,
    EgressSource,
    PoolMember,
    SourceChange,
    SourceEvent,
    SourceState,
)

LONGEST = 100  # characters of what a finding names: it is stored with every attempt


@dataclass(frozen=True, slots=True)
class Passed:
    """An IP of the pool from which a try does not leave, and why; `data` is plain JSON and small."""

    address: str
    code: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """As it is stored."""
        told: dict[str, Any] = {"address": self.address, "code": self.code}
        return {**told, "data": dict(self.data)} if self.data else told


def resting(members: Iterable[PoolMember]) -> tuple[Passed, ...]:
    """Those of a pool's members that mail may not leave from now, whoever asks.

    `paused`, `blocklisted`, `waits_for_dns`, `not_checked` or `no_share`. Their `source` must be
    loaded; one query more where one is on a blocklist.
    """
    idle = [member for member in members if not (member.source.usable and member.weight)]
    lists = _lists([m.source for m in idle if m.source.state == SourceState.LISTED])
    return tuple(_passed(member.source, lists) for member in idle)


def reported(members: Iterable[PoolMember]) -> dict[int, Mapping[str, str]]:
    """Shared IPs whose marketing mail waits since readers reported too much of it, each with the
    numbers. Their `source` must be loaded; one query where there are shared IPs.
    """
    shared = [member.source_id for member in members if member.source.account_id is None]
    if not shared:
        return {}
    rows = ComplaintPause.objects.standing().filter(source_id__in=shared)
    return {row.source_id: row.evidence for row in rows}


def _passed(source: EgressSource, lists: Mapping[int, str]) -> Passed:
    if source.state == SourceState.PAUSED:
        return Passed(source.address, "paused")
    if source.state == SourceState.LISTED:
        return Passed(source.address, "blocklisted", {"lists": lists.get(source.pk, "")})
    if source.usable:
        return Passed(source.address, "no_share")
    wrong = next((f for f in source.findings if f["status"] != OK and f["code"] != "ok"), None)
    if wrong is None:
        return Passed(source.address, "not_checked")
    params = {name: str(text)[:LONGEST] for name, text in wrong.get("params", {}).items()}
    finding = {"code": wrong["code"], "host": wrong.get("host", ""), "params": params}
    return Passed(source.address, "waits_for_dns", {"finding": finding})


def _lists(listed: Iterable[EgressSource]) -> dict[int, str]:
    """The blocklists that each of these IPs was last found on."""
    ids = [source.pk for source in listed]
    if not ids:
        return {}
    changes = SourceChange.objects.filter(source_id__in=ids, event=SourceEvent.LISTED)
    last = changes.order_by("source_id", "-pk").distinct("source_id")
    return {one.source_id: str(one.data.get("lists", ""))[:LONGEST] for one in last}
