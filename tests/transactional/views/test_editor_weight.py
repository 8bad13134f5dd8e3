"""What a browser loads for the editor: at most 200 kB of JavaScript as it travels."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.test import Client

from tests.cast import Cast
from tests.transactional.views.test_email_compose import block_email, url
from tokens.models import User

LIMIT = 200_000
STATIC = Path(settings.BASE_DIR) / "static"
SCRIPT = re.compile(r'<script[^>]* src="/static/([^"]+)"')
IMPORT = re.compile(r'from "\./([\w-]+\.js)"')
HASH = re.compile(r"\.[0-9a-f]{12}(?=\.js$)")


def loaded(path: Path, seen: set[Path]) -> None:
    """A script and what it imports."""
    if path not in seen:
        seen.add(path)
        for name in IMPORT.findall(path.read_text()):
            loaded(path.parent / name, seen)


def test_the_editor_is_light(cast: Cast, signed_in: Callable[[User], Client]) -> None:
    page = signed_in(cast.alice).get(url(block_email(cast), "email_compose")).content.decode()
    scripts: set[Path] = set()
    for name in SCRIPT.findall(page):
        loaded(STATIC / HASH.sub("", name), scripts)
    names = {path.name for path in scripts}
    assert {"tiptap.min.js", "main.js", "canvas.js", "images.js", "app.js"} <= names
    assert sum(len(gzip.compress(path.read_bytes())) for path in scripts) <= LIMIT
