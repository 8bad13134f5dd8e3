"""The basement as a Django app: it brings the `up` command and the settings page."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created


class ConfigApp(AppConfig):
    name = "config"

    def ready(self) -> None:
        """Make ours the current Celery application, so that cores can wake tasks by name."""
        import config.celery
        import config.durability  # noqa: F401
        from config import database

        connection_created.connect(database.keep_plans, dispatch_uid="keep_plans")
