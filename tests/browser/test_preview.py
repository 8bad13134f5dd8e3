"""The Preview tab in a real browser: each frame shows the email in the guise it says."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.test_editor import SIZE, made
from tests.cast import Cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
GROUND = "body => getComputedStyle(body.querySelector('.surface')).backgroundColor"
WORDS = "Thank you for your order"


def test_all_guises_beside_each_other(visitor: Visitor, cast: Cast) -> None:
    email = made(cast)
    with visitor.context(cast.alice, viewport=SIZE, color_scheme="dark") as context:
        page = context.new_page()
        page.goto(f"/a/{cast.account.pk}/emails/{email.pk}/preview/?as=all")
        grounds = {}
        for title in ("Desktop", "Phone", "Dark", "Images off"):
            body = page.frame_locator(f"iframe[title='{title}']").locator("body")
            expect(body).to_contain_text(WORDS)
            grounds[title] = body.evaluate(GROUND)
        expect(page.locator("pre.plain-text")).to_contain_text(WORDS)
    dark, light = "rgb(28, 31, 38)", "rgb(255, 255, 255)"
    wanted = {"Desktop": light, "Phone": light, "Dark": dark, "Images off": light}
    assert grounds == wanted  # whatever the reader's own screen prefers
