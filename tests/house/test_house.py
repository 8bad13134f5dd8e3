"""The house's own rules: what a reviewer would otherwise have to remember."""

import ast
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.core.management import get_commands, load_command_class

import config.urls  # noqa: F401 — which loads the pages of the admin
from config import env

ROOT = Path(settings.BASE_DIR)
APPS = ("config", "tokens", "domains", "transactional", "analytics")
FLOORS = {"tokens": 1, "domains": 2, "transactional": 3, "analytics": 4}
LINES = 400
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "misc", "base", "util", "helper"}
# Tables of a tenant: reading one without naming the account is how data leaks between tenants
TENANT_FIELD = "account"


def sources(*folders: str) -> list[Path]:
    found = [p for folder in folders for p in (ROOT / folder).rglob("*.py")]
    return [p for p in found if "migrations" not in p.parts]


def is_data_table(path: Path) -> bool:
    return path.stem.endswith("_table")


def test_files_stay_short_enough_to_read() -> None:
    long = {
        str(p.relative_to(ROOT)): n
        for p in [
            *sources(*APPS, "tests", "bench"),
            *(ROOT / "static" / "css").rglob("*.css"),
            *(ROOT / "static" / "js").rglob("*.js"),
        ]
        if not is_data_table(p) and (n := len(p.read_text().splitlines())) > LINES
    }
    assert long == {}


def test_functions_stay_short() -> None:
    long = []
    for path in sources(*APPS):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                length = node.end_lineno - node.lineno + 1
                if length > 60:
                    long.append(f"{path.relative_to(ROOT)}:{node.name} {length}")
    assert long == []


def test_names_say_what_a_file_is_for() -> None:
    bad = [str(p.relative_to(ROOT)) for p in sources(*APPS) if p.stem in FORBIDDEN_NAMES]
    assert bad == []


def test_every_module_says_what_it_is_the_place_for() -> None:
    silent = [
        str(p.relative_to(ROOT))
        for p in sources(*APPS)
        if p.read_text().strip() and ast.get_docstring(ast.parse(p.read_text())) is None
    ]
    assert silent == []


def test_foreign_keys_point_down_or_sideways() -> None:
    up = []
    for label, floor in FLOORS.items():
        for model in apps.get_app_config(label).get_models():
            for field in model._meta.get_fields():
                target = getattr(field, "related_model", None)
                if not field.concrete or target is None or isinstance(target, str):
                    continue
                if FLOORS.get(target._meta.app_label, 0) > floor:
                    up.append(f"{model._meta.label}.{field.name}")
    assert up == []


def tenant_models() -> set[str]:
    return {
        model.__name__
        for label in FLOORS
        for model in apps.get_app_config(label).get_models()
        if any(f.name == TENANT_FIELD and f.concrete for f in model._meta.get_fields())
    }


def test_every_query_of_a_page_or_an_endpoint_names_its_account() -> None:
    """In the porches that serve tenants, `Model.objects` of a tenant's table is followed by `.of(`."""
    models = tenant_models() - {"Account"}
    loose = re.compile(r"\b(" + "|".join(sorted(models)) + r")\.objects\s*\.\s*(?!of\()(\w+)", re.S)
    allowed = {"create", "open_for", "default", "bulk_create"}  # writers that take the account
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for app in FLOORS
        for porch in ("views", "api")
        for path in (ROOT / app / porch).rglob("*.py")
        for match in loose.finditer(path.read_text())
        if match[2] not in allowed
    ]
    assert found == []


def test_every_setting_is_documented_once() -> None:
    names = [variable.name for variable in env.VARIABLES]
    assert len(names) == len(set(names))
    assert all(variable.text.endswith(".") for variable in env.VARIABLES)
    assert (ROOT / "docs" / "settings.md").read_text() == env.markdown()


def test_only_env_reads_the_environment() -> None:
    """`up` hands its children their environment, so the stack may look at it too."""
    readers = [
        str(p.relative_to(ROOT))
        for p in sources(*APPS)
        if re.search(r"os\.(environ\b(?!\.setdefault)|getenv)", p.read_text())
    ]
    allowed = ("config/env.py", "config/stack/", "config/management/commands/up.py")
    assert [r for r in readers if not r.startswith(allowed)] == []


@pytest.mark.parametrize(
    "name", sorted(name for name, app in get_commands().items() if app in APPS)
)
def test_every_command_has_help(name: str) -> None:
    command = load_command_class(get_commands()[name], name)
    assert command.help.strip().endswith(".")


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    found = [str(p.relative_to(ROOT)) for p in sources(*APPS) if marks.search(p.read_text())]
    assert found == []


def test_the_locks_name_no_index() -> None:
    for lock in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / lock).read_text()
        assert "://" not in text
        assert "--index-url" not in text and "--find-links" not in text
        assert "--hash=sha256:" in text


def test_django_admin_covers_every_model() -> None:
    missing = [
        model._meta.label
        for label in FLOORS
        for model in apps.get_app_config(label).get_models()
        if not admin.site.is_registered(model)
        and not any(
            inline.model is model
            for registered in admin.site._registry.values()
            for inline in registered.inlines
        )
    ]
    assert missing == []
