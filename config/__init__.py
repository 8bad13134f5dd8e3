"""The basement: environment, errors, keys, ids; and the roof that ties the apps together."""

from typing import Any


def __getattr__(name: str) -> Any:
    """`celery -A config` finds its application here, without every import paying for it."""
    if name in ("celery_app", "app"):
        from config.celery import app

        return app
    raise AttributeError(name)
