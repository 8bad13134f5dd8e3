"""A link within a text, set by the keyboard alone: whether its clicks are counted, kept through everything."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visitor
from tests.browser.test_editor import editor, of, ready, saved
from tests.cast import Cast
from transactional.compose import drafts
from transactional.models import Email, Kind

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LINK = '<a href="https://shop.example/help"{mark}>Help</a>'
COUNTED, LEFT = LINK.format(mark=""), LINK.format(mark=' data-no-track=""')


def with_text(cast: Cast) -> Email:
    """An email that is one text without a link."""
    one = {"id": "b1", "type": "text", "props": {"html": "<p>Help</p>"}}
    section = {"id": "s1", "columns": [1], "blocks": [[one]]}
    fields = drafts.DraftFields(
        name="Help", subject="Help", from_address="a@shop.example", kind=Kind.TRANSACTIONAL,
        sample={}, document={"version": 1, "sections": [section]},
    )  # fmt: skip
    return drafts.create(cast.account, fields, by="alice@shop.example")


def text(page: Page) -> Locator:
    page.locator("#structure .block .name").first.click()
    return page.locator("#settings .ProseMirror")


def press(page: Page, key: str, *, on_link: bool) -> None:
    """A key that moves the selection; the text has seen it once its toolbar tells."""
    page.keyboard.press(key)
    pressed = str(on_link).lower()
    expect(page.locator('#settings [data-tool="link"]')).to_have_attribute("aria-pressed", pressed)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


def ask(page: Page) -> Locator:
    """The dialog of the link, from the text's toolbar."""
    page.locator('#settings [data-tool="link"]').focus()
    page.keyboard.press("Enter")
    expect(page.locator("#link-url")).to_be_focused()
    return page.get_by_role("checkbox", name="Count clicks on this link")


def to(page: Page, target: Locator) -> None:
    """Tab until the target has the focus."""
    for _ in range(5):
        page.keyboard.press("Tab")
        if target.evaluate("one => one === document.activeElement"):
            return
    pytest.fail("The keyboard does not reach it")


def kept(email: Email) -> str:
    return str(of(email)[0]["props"]["html"])


def test_one_link_is_left_uncounted_by_the_keyboard(visitor: Visitor, cast: Cast) -> None:
    email = with_text(cast)
    with editor(visitor, cast, email) as page:
        left = page.locator("#settings .ProseMirror a[data-no-track]")
        text(page).focus()
        press(page, "Control+a", on_link=False)
        box = ask(page)
        expect(box).to_be_checked()
        page.keyboard.type("https://shop.example/help")
        to(page, box)
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        expect(left).to_have_text("Help")
        saved(page)
        assert kept(email) == f"<p>{LEFT}</p>"

        page.reload()
        ready(page)
        text(page).focus()
        press(page, "Control+a", on_link=True)
        page.keyboard.press("Control+c")
        press(page, "ArrowRight", on_link=False)
        page.keyboard.press("Enter")
        page.keyboard.press("Control+v")
        expect(left).to_have_count(2)
        saved(page)
        assert kept(email).count(LEFT) == 2

        press(page, "Control+a", on_link=True)
        box = ask(page)
        expect(box).not_to_be_checked()
        to(page, box)
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        expect(left).to_have_count(0)
        saved(page)
        assert LEFT not in kept(email) and COUNTED in kept(email)
        page.keyboard.press("Control+z")
        expect(left).to_have_count(2)
        saved(page)
        assert kept(email).count(LEFT) == 2
