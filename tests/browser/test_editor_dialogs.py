"""Every dialog of the block editor, open, before axe: in the light and in the dark."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import F
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.test_accessibility import AXE, RUN_AXE, TAGS, colours
from tests.browser.test_editor import editor, field
from tests.cast import Cast
from tests.transactional.library.pictures_made import png
from tests.transactional.library.test_images import added
from transactional.compose import drafts
from transactional.models import Email, Kind

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def _email(cast: Cast) -> Email:
    """A text, and an image that nobody described: something that may be let pass."""
    blocks = [
        {"id": "b1", "type": "text", "props": {"html": "<p>Help</p>"}},
        {"id": "b2", "type": "image", "props": {"src": "", "alt": ""}},
    ]
    section = {"id": "s1", "columns": [1], "blocks": [blocks]}
    fields = drafts.DraftFields(
        name="Help", subject="Help", from_address="a@shop.example", kind=Kind.TRANSACTIONAL,
        sample={}, document={"version": 1, "sections": [section]},
    )  # fmt: skip
    return drafts.create(cast.account, fields, by="alice@shop.example")


def _block(page: Page, number: int) -> None:
    page.locator("#structure .block .name").nth(number).click()


def _link(page: Page) -> None:
    _block(page, 0)
    page.locator("#settings .ProseMirror").focus()
    page.keyboard.press("Control+a")
    page.locator('#settings [data-tool="link"]').click()


def _variable(page: Page) -> None:
    _link(page)
    page.locator("#link-variable").click()


def _keep(page: Page) -> None:
    _block(page, 0)
    page.get_by_role("button", name="Keep this block under a name").click()


def _images(page: Page) -> None:
    _block(page, 1)
    page.get_by_role("button", name="Choose an image").click()
    expect(page.locator("#images-list li")).to_have_count(1)
    page.locator("#images-add > summary").click()


def _pass(page: Page) -> None:
    if not page.locator("#problems-list").is_visible():
        page.locator("#problems > summary").click()
    page.locator("#problems-list").get_by_role("button", name="Let").first.click()


DIALOGS: dict[str, Callable[[Page], None]] = {
    "link": _link,
    "variable": _variable,
    "keep": _keep,
    "images": _images,
    "pass": _pass,
}


def test_open_dialogs_are_accessible(visitor: Visitor, cast: Cast) -> None:
    email = _email(cast)
    added(cast, png(30, 20), alt="A teapot")
    failed: dict[str, Any] = {}

    def look(page: Page, name: str) -> None:
        expect(page.locator(f"dialog#{name}")).to_be_visible()
        found = [*page.evaluate(RUN_AXE, TAGS), *colours(page)]
        if found:
            failed[name] = found

    with editor(visitor, cast, email) as page:
        page.emulate_media(reduced_motion="reduce")  # colours are not measured on their way
        page.evaluate(f"() => {{ {AXE} }}")
        for name, act in DIALOGS.items():
            act(page)
            look(page, name)
            while page.locator("dialog[open]").count():
                page.keyboard.press("Escape")
        Email.objects.of(cast.account).filter(pk=email.pk).update(
            revision=F("revision") + 1, updated_by="anna@shop.example"
        )
        page.get_by_role("button", name="Email settings").click()
        field(page, "subject").fill("Mine")
        look(page, "conflict")
        page.get_by_role("button", name="Keep mine").click()
    assert failed == {}
