"""The one maker of UUIDv7 (RFC 9562 §5.7): time-ordered, so partitions prune and indexes append."""

import uuid
from datetime import UTC, datetime

import uuid_utils


def uuid7() -> uuid.UUID:
    """A new time-ordered id; ids made by one process never go backwards."""
    return uuid.UUID(int=uuid_utils.uuid7().int)


def uuid7_floor(at: datetime) -> uuid.UUID:
    """The smallest id of the millisecond `at`: a bound for partitions and time ranges."""
    return uuid.UUID(int=int(at.timestamp() * 1000) << 80)


def uuid7_time(value: uuid.UUID) -> datetime:
    """When `value` was made, to the millisecond, in UTC."""
    return datetime.fromtimestamp((value.int >> 80) / 1000, UTC)
