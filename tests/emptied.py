"""The test run's Redis with nothing in it, for tests that look at all of its keys."""

import redis
from django.conf import settings

from config import shared


def emptied() -> redis.Redis:
    """A client that reads text; what this process remembered of Redis is forgotten, too."""
    client = redis.Redis.from_url(settings.REDIS_URL, decode_responses=True)
    client.flushall()
    shared.forget()
    return client
