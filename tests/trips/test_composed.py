"""From nothing to the inbox, in a real browser: composed, checked, published, sent, and looking as it did."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Browser, Page, expect, sync_playwright

from bench.chromium import CHROMIUM, WANTED, launch
from tests.browser.conftest import PATIENCE
from tests.browser.hands import Hands, Keyboard, Mouse
from tests.browser.receipt import compose, fill_the_sample, fix, ready, saved

pytestmark = [pytest.mark.stack, pytest.mark.browser]
SIZE = {"width": 1280, "height": 860}
ACTIONS = 60  # at most, from the list of emails to the mail in the inbox
STRAY = 24  # of 255: less is how two runs of one browser smooth the same letter


@contextmanager
def signed_in(start: dict[str, Any]) -> Iterator[Page]:
    """The demo's owner in Chromium. The loop that Playwright runs ends with it."""
    if CHROMIUM is None:
        pytest.skip(WANTED)
    with sync_playwright() as playwright:
        browser: Browser = launch(playwright)
        context = browser.new_context(base_url=start["url"], viewport=SIZE, locale="en")
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto("/login/")
        page.locator("[name=username]").fill(start["username"])
        page.locator("[name=password]").fill(start["password"])
        page.keyboard.press("Enter")
        page.wait_for_url("**/a/**")
        yield page
        browser.close()


def _picture(page: Page) -> bytes:
    """What the canvas shows, filled with the sample data, without marks of the editor."""
    expect(page.locator("#problems-list .st.bad + .message")).to_have_text([])
    page.frame_locator("#canvas-frame").locator("body").evaluate(
        "body => body.ownerDocument.fonts.ready"
    )
    return page.locator("#canvas-frame").screenshot()


def _send(page: Page, hands: Hands, to: str) -> None:
    """Through the single-send page: the call that programs make, run for oneself, followed live."""
    hands.press(page.get_by_role("navigation", name="This email").get_by_role("link", name="API"))
    hands.press(page.get_by_role("button", name=f"Send it to {to}"))
    expect(page.locator("#api-run [role=status]")).to_contain_text("Delivered")


def _arrived(page: Page, hands: Hands) -> None:
    """Open the newest mail of the inbox, which is this one."""
    hands.press(page.locator(".side").get_by_role("link", name="Sandbox inbox"))
    hands.press(page.locator("table.rows a.row-link").first)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Receipt A-7")


def _difference(one: bytes, other: bytes) -> float:
    """The share of pixels that differ, over what both pictures show."""
    with Image.open(io.BytesIO(one)) as a, Image.open(io.BytesIO(other)) as b:
        size = (0, 0, min(a.width, b.width), min(a.height, b.height))
        apart = ImageChops.difference(a.convert("RGB").crop(size), b.convert("RGB").crop(size))
        differing = sum(apart.convert("L").point(lambda v: v > STRAY).convert("L").histogram()[1:])
        return differing / (size[2] * size[3])


@pytest.mark.parametrize("how", [Mouse, Keyboard])
def test_a_receipt_is_made_sent_and_arrives_as_on_the_canvas(
    start: dict[str, Any], how: type[Mouse] | type[Keyboard]
) -> None:
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with signed_in(start) as page:
        hands = how(page)
        hands.press(page.locator(".side").get_by_role("link", name="Emails"))
        hands.press(page.get_by_role("link", name="New email"))
        hands.write(page.get_by_label("Name"), "Receipt")
        hands.pick(page.get_by_role("radio", name="Blank"))
        hands.press(page.get_by_role("button", name="Create and write it"))
        ready(page)
        compose(page, hands)
        fill_the_sample(page, hands)
        fix(page, hands)
        hands.press(page.get_by_role("button", name="Sample data"))
        shown = page.frame_locator("#canvas-frame").locator("body")
        for text in ("Thank you, Anna", "Green tea", "55.00", "Shipping is free."):
            expect(shown).to_contain_text(text)
        saved(page)
        hands.press(page.get_by_role("button", name="Email settings"))
        box = page.locator("#canvas-frame").bounding_box()
        canvas = _picture(page)
        hands.press(page.get_by_role("button", name="Publish"))
        expect(page.get_by_text("Version 1 is published")).to_be_visible()
        _send(page, hands, start["username"])
        _arrived(page, hands)
        inbox = page.frame_locator("iframe").locator("body")
        expect(inbox).to_contain_text("Shipping is free.")
        assert hands.actions <= ACTIONS, hands.actions
        print(f"{how.__name__}: {hands.actions} actions")
        # The mail that arrived, through a window of the canvas's size
        address = page.locator("iframe").get_attribute("src")
        assert box is not None and address is not None
        page.set_viewport_size({"width": round(box["width"]), "height": round(box["height"])})
        page.goto(address)
        mail = page.screenshot()
        assert _difference(canvas, mail) < 0.002
        assert _difference(canvas, _blank(canvas)) > 0.02  # such a comparison can fail


def _blank(like: bytes) -> bytes:
    with Image.open(io.BytesIO(like)) as picture:
        out = io.BytesIO()
        Image.new("RGB", picture.size, "white").save(out, "PNG")
        return out.getvalue()
