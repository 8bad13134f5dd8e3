"""Jobs of which only what shares are counted by is asked."""

import uuid
from dataclasses import dataclass, field

from transactional.models import Lane


@dataclass(frozen=True)
class Row:
    account_id: int
    lane: int = Lane.BULK
    stream_id: int = 1
    domain: str = "a.example"
    id: uuid.UUID = field(default_factory=uuid.uuid4)
