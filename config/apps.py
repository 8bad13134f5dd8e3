"""The basement as a Django app: it brings the `up` command and the settings page."""

import gc

from django.apps import AppConfig
from django.db.backends.signals import connection_created


class ConfigApp(AppConfig):
    name = "config"

    def ready(self) -> None:
        """Make ours the current Celery application, so that cores can wake tasks by name."""
        import config.celery
        import config.durability  # noqa: F401
        from config import database

        # What was loaded until now stays until the end: to go through it again and again is in vain
        gc.freeze()
        gc.enable()
        connection_created.connect(database.keep_plans, dispatch_uid="keep_plans")
