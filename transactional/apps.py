"""TransactionalApp: what is said, to whom, and its delivery."""

from django.apps import AppConfig


class TransactionalApp(AppConfig):
    name = "transactional"
