"""What processes tell each other through Redis, where there is one. Nothing depends on an answer.

A Redis that does not answer within PATIENCE is left alone for RETRY seconds, so it slows nobody.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from django.conf import settings

PATIENCE = 0.25  # seconds a question may take; ask in a thread that may wait so long
RETRY = 5.0  # seconds for which a Redis that did not answer is left alone

T = TypeVar("T")
_client: "redis.Redis | None" = None
_from = 0.0


def ask(question: Callable[[Any], T], *, otherwise: T) -> T:
    """What `question` makes of a client; `otherwise` while Redis does not answer. Never raises."""
    global _client, _from
    if time.monotonic() < _from:
        return otherwise
    if _client is None:
        _client = redis.Redis.from_url(
            settings.REDIS_URL or settings.CELERY_BROKER_URL,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            decode_responses=True,
            encoding_errors="replace",  # what is none of ours is odd text, and no error
        )
    try:
        return question(_client)
    except (redis.RedisError, OSError):
        _from = time.monotonic() + RETRY
        return otherwise


def forget() -> None:
    """Ask anew at once: for tests, whose Redis comes and goes."""
    global _client, _from
    _client, _from = None, 0.0
