"""TransactionalApp: what is said, to whom, and its delivery."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils import timezone


class TransactionalApp(AppConfig):
    name = "transactional"

    def ready(self) -> None:
        """Each `migrate` makes the partitions that lack: mail may come before beat's first turn."""
        post_migrate.connect(_make_partitions, sender=self, dispatch_uid="partitions")


def _make_partitions(**_: Any) -> None:
    from transactional.models import partitions

    if partitions.exist():
        partitions.ensure(timezone.now())
