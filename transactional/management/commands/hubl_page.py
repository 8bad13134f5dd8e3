"""Write docs/hubl.md from the tables of filters and variables."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from transactional.compose.hubl.page import markdown

PAGE = Path(settings.BASE_DIR) / "docs" / "hubl.md"


class Command(BaseCommand):
    """Generates the page, or checks that it is up to date."""

    help = "Write docs/hubl.md, the page of HubL's filters and variables."

    def add_arguments(self, parser: CommandParser) -> None:
        """`--check` changes nothing and fails if the page is out of date."""
        parser.add_argument("--check", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write or check."""
        if options["check"]:
            if not PAGE.exists() or PAGE.read_text() != markdown():
                raise CommandError("docs/hubl.md is out of date: run manage.py hubl_page")
            return
        PAGE.write_text(markdown())
