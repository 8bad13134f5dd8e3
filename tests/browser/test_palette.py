"""The command palette with the keyboard alone."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.cast import Cast, make_email

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_from_any_page_to_an_email_without_a_mouse(visitor: Visitor, cast: Cast) -> None:
    email = make_email(cast.account, name="Order receipt")
    with visitor.context(cast.alice) as context:
        page = context.new_page()
        page.goto(f"/a/{cast.account.pk}/contacts/")
        page.keyboard.press("Control+k")
        box = page.get_by_role("combobox", name="Jump to a page")
        expect(box).to_be_focused()
        expect(box).to_have_attribute("aria-expanded", "true")
        page.keyboard.type("receipt")
        expect(page.locator("#palette-options [role=option]")).to_have_count(1)
        expect(box).to_have_attribute("aria-activedescendant", "palette-1")
        expect(page.locator("#palette-state")).to_have_text("1 place")
        page.keyboard.press("Escape")
        expect(box).not_to_be_visible()
        page.keyboard.press("Control+k")
        page.keyboard.type("domain")
        options = page.locator("#palette-options [role=option]")
        # The answer to what was typed, and not to nothing: it begins anew with the first
        expect(options.filter(has_not_text=re.compile("domain", re.IGNORECASE))).to_have_count(0)
        expect(options.first).to_have_attribute("aria-selected", "true")
        page.keyboard.press("ArrowDown")
        expect(options.nth(1)).to_have_attribute("aria-selected", "true")
        page.keyboard.press("Control+a")
        page.keyboard.type("receipt")
        expect(options).to_have_count(1)
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(rf"/emails/{email.pk}/$"))


def test_enter_goes_to_what_was_typed_and_not_to_what_stood_there_before(
    visitor: Visitor, cast: Cast
) -> None:
    email = make_email(cast.account, name="Order receipt")
    with visitor.context(cast.alice) as context:
        page = context.new_page()
        page.goto(f"/a/{cast.account.pk}/contacts/")
        page.keyboard.press("Control+k")
        expect(page.locator("#palette-options [role=option]").nth(1)).to_be_visible()
        page.locator("#palette-input").fill("receipt")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(rf"/emails/{email.pk}/$"))


def test_arrows_pressed_before_the_answer_are_steps_in_the_answer(
    visitor: Visitor, cast: Cast
) -> None:
    for name in ("Order receipt", "Refund receipt", "Order shipped"):
        make_email(cast.account, name=name)
    with visitor.context(cast.alice) as context:
        page = context.new_page()
        page.goto(f"/a/{cast.account.pk}/contacts/")
        page.keyboard.press("Control+k")
        options = page.locator("#palette-options [role=option]")
        expect(options.nth(3)).to_be_visible()
        # All in one moment, as fast fingers do: long before a pause of typing is over
        page.evaluate(
            """() => {
                const input = document.getElementById("palette-input");
                input.value = "receipt";
                input.dispatchEvent(new InputEvent("input"));
                for (const key of ["ArrowDown", "ArrowDown", "ArrowUp"])
                    input.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
            }"""
        )
        expect(options).to_have_count(2)
        expect(options.nth(1)).to_have_attribute("aria-selected", "true")
        second = options.nth(1).get_attribute("href")
        assert second
        page.evaluate(
            """() => {
                const input = document.getElementById("palette-input");
                input.value = "";
                input.dispatchEvent(new InputEvent("input"));
                input.value = "receipt";
                input.dispatchEvent(new InputEvent("input"));
                for (const key of ["ArrowDown", "Enter"])
                    input.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
            }"""
        )
        page.wait_for_url(re.compile(re.escape(second) + "$"))


def test_without_scripts_the_opener_leads_to_a_page(visitor: Visitor, cast: Cast) -> None:
    with visitor.context(cast.alice, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"/a/{cast.account.pk}/")
        page.get_by_role("link", name="Jump to …").click()
        page.get_by_role("main").get_by_label("Jump to a page").fill("keys")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("main").get_by_role("link", name="API keys & SMTP").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("API keys & SMTP")
