"""Django's admin, whose pages are loaded with the table of URLs: the workers never show them."""

from typing import Any

from django.contrib.admin import autodiscover
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class AdminPages(SimpleAdminConfig):
    """In the place of `django.contrib.admin`, which would load every page as a process starts."""

    def ready(self) -> None:
        """Have `manage.py check` look at all pages, loaded or not."""
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(_check_pages, checks.Tags.admin)


def _check_pages(app_configs: Any, **options: Any) -> list[Any]:
    autodiscover()
    found: list[Any] = check_admin_app(app_configs, **options)
    return found
