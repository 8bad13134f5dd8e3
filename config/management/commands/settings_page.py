"""`manage.py settings_page`: docs/settings.md, written from the declarations in config/env_table.py."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import env


class Command(BaseCommand):
    """Write the page, or with --check say whether it is the one that is committed."""

    help = "Write docs/settings.md from config/env_table.py; --check: fail if it is not up to date."

    def add_arguments(self, parser: CommandParser) -> None:
        """`--check` changes nothing."""
        parser.add_argument("--check", action="store_true", help="only compare")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        """Raises CommandError where the page and the declarations differ."""
        page = settings.BASE_DIR / "docs" / "settings.md"
        wanted = env.markdown()
        if not check:
            page.write_text(wanted)
        elif not page.exists() or page.read_text() != wanted:
            raise CommandError("docs/settings.md is out of date: run `manage.py settings_page`")
