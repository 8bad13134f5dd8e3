"""Tables of floor 2."""

from domains.models.domain import DkimKey, Domain, DomainState
from domains.models.host import WorkerHost
from domains.models.source import (
    OPERATOR,
    USABLE,
    EgressSource,
    Pool,
    PoolMember,
    SourceChange,
    SourceEvent,
    SourceState,
)

__all__ = [
    "OPERATOR",
    "USABLE",
    "DkimKey",
    "Domain",
    "DomainState",
    "EgressSource",
    "Pool",
    "PoolMember",
    "SourceChange",
    "SourceEvent",
    "SourceState",
    "WorkerHost",
]
