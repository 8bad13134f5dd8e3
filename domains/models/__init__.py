"""Tables of floor 2."""

from domains.models.domain import DkimKey, Domain, DomainState
from domains.models.source import EgressSource, Pool, PoolMember, SourceState

__all__ = [
    "DkimKey",
    "Domain",
    "DomainState",
    "EgressSource",
    "Pool",
    "PoolMember",
    "SourceState",
]
