"""Tables of floor 2."""

from domains.models.complaint import ComplaintPause, PauseWindow
from domains.models.domain import DkimKey, DnsMode, Domain, DomainChange, DomainState, KeyState
from domains.models.host import WorkerHost
from domains.models.listing import BlocklistChoice, Listing, ListingState
from domains.models.report import DmarcHostName, DmarcReport, DmarcSource, DmarcStranger, TlsReport
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
from domains.models.warmup import WarmupDay

__all__ = [
    "OPERATOR",
    "USABLE",
    "BlocklistChoice",
    "ComplaintPause",
    "DkimKey",
    "DmarcHostName",
    "DmarcReport",
    "DmarcSource",
    "DmarcStranger",
    "DnsMode",
    "Domain",
    "DomainChange",
    "DomainState",
    "EgressSource",
    "KeyState",
    "Listing",
    "ListingState",
    "PauseWindow",
    "Pool",
    "PoolMember",
    "SourceChange",
    "SourceEvent",
    "SourceState",
    "TlsReport",
    "WarmupDay",
    "WorkerHost",
]
