"""The shell in a real browser: menus, theme, copy buttons, and the email trip without a mouse."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page, expect
from pytest_django import Settings

from tests.browser.conftest import Visitor
from tests.browser.pages import make_world
from tests.cast import PASSWORD, Cast, make_email
from transactional.models import Email, Message

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
XSS = '"><img src=x onerror=alert(1)><script>alert(1)</script>'


def sign_in(page: Page, cast: Cast) -> None:
    page.goto("/login/")
    expect(page.locator("#id_username")).to_be_focused()
    page.keyboard.type(cast.alice.email)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(cast.account.name)


@pytest.mark.parametrize("scripts", [True, False])
def test_an_email_is_written_and_sent(visitor: Visitor, cast: Cast, scripts: bool) -> None:
    """From signing in to a queued message, with JavaScript and without."""
    with visitor.context(java_script_enabled=scripts) as context:
        page = context.new_page()
        sign_in(page, cast)
        page.get_by_role("main").get_by_role("link", name="New email").first.click()
        page.get_by_label("Name").fill("Password reset")
        page.get_by_role("radio", name="HTML").check()
        page.get_by_role("button", name="Create and write it").click()
        page.get_by_label("Subject").fill("Your code is {{ custom.code }}")
        page.get_by_label("HTML", exact=True).fill("<p>Code: <b>{{ custom.code }}</b></p>")
        page.get_by_label("Sample data (JSON)").fill('{"custom": {"code": "123456"}}')
        page.get_by_role("button", name="Save and preview").first.click()
        expect(page.get_by_role("heading", name="Your code is 123456")).to_be_visible()
        frame = page.frame_locator("iframe")
        expect(frame.locator("b")).to_have_text("123456")
        page.get_by_role("link", name="Overview").click()
        page.get_by_role("region", name="Publish").get_by_role("button").click()
        expect(page.get_by_text("Version 1 is published")).to_be_visible()
        page.get_by_role("navigation", name="This email").get_by_role("link", name="Send").click()
        page.get_by_label("To", exact=True).fill("anna@cliente.example")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("Your code is 123456")).to_be_visible()
        page.get_by_role("button", name="Send 1 message").click()
        expect(page.get_by_text("1 message is on its way.")).to_be_visible()
    message = Message.objects.of(cast.account).get()
    assert (message.subject, message.refusal) == ("[Test] Your code is 123456", "")


def test_the_theme_is_switched_and_kept(visitor: Visitor, cast: Cast) -> None:
    with visitor.context(cast.alice, color_scheme="light") as context:
        page = context.new_page()
        page.goto(f"/a/{cast.account.pk}/emails/")
        ground = "() => getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(ground)
        page.locator(".side summary").last.click()
        page.locator(".side").get_by_role("button", name="Dark").click()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        assert page.evaluate(ground) != light
        page.locator(".side summary").last.click()
        page.locator(".side").get_by_role("button", name="Italiano").click()
        expect(page.locator("html")).to_have_attribute("lang", "it")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_menu_of_small_screens_works_without_javascript(visitor: Visitor, cast: Cast) -> None:
    with visitor.context(
        cast.alice, java_script_enabled=False, viewport={"width": 390, "height": 844}
    ) as context:
        page = context.new_page()
        page.goto("/")
        page.locator(".topbar summary").click()
        page.locator(".topbar").get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_escape_closes_a_menu_and_gives_the_focus_back(visitor: Visitor, cast: Cast) -> None:
    with visitor.context(cast.alice) as context:
        page = context.new_page()
        page.goto(f"/a/{cast.account.pk}/emails/")
        opener = page.locator(".side summary").last
        opener.focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("Escape")
        expect(opener).to_be_focused()
        expect(page.locator(".side details").last).not_to_have_attribute("open", "")


def test_copy_says_that_it_copied(visitor: Visitor, cast: Cast) -> None:
    email = make_email(cast.account)
    with visitor.context(cast.alice, permissions=["clipboard-read", "clipboard-write"]) as context:
        page = context.new_page()
        page.goto(f"/a/{cast.account.pk}/emails/{email.pk}/")
        page.get_by_role("button", name="Copy", exact=True).click()
        expect(page.locator("#live")).to_have_text("Copied")
        copied = page.evaluate("() => navigator.clipboard.readText()")
        assert f'"emailId": {email.pk}' in copied


def test_leaving_with_unsaved_typing_asks_first(visitor: Visitor, cast: Cast) -> None:
    email = make_email(cast.account)
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    with visitor.context(cast.alice) as context:
        page = context.new_page()
        page.on("dialog", stay)
        page.goto(f"/a/{cast.account.pk}/emails/{email.pk}/edit/")
        page.get_by_label("Subject").fill("typed")
        page.get_by_role("link", name="Overview").click()
        page.wait_for_url(re.compile(rf"/emails/{email.pk}/$"))
        assert asked == ["beforeunload"]
        page.goto(f"/a/{cast.account.pk}/emails/{email.pk}/edit/")
        page.get_by_label("Subject").fill("saved by keyboard")
        page.keyboard.press("Control+s")
        expect(page.get_by_text("Saved.")).to_be_visible()
    assert asked == ["beforeunload"]
    assert Email.objects.of(cast.account).get(pk=email.pk).subject == "saved by keyboard"


def test_nothing_that_was_typed_ever_runs(
    visitor: Visitor, cast: Cast, settings: Settings, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    world = make_world(cast)
    Email.objects.of(cast.account).filter(pk=world.live.pk).update(
        name=XSS, subject=XSS, preview_text=XSS, html=f"<body>{XSS}</body>", text=XSS,
        from_name=XSS, from_address=XSS, updated_by=XSS,
    )  # fmt: skip
    dialogs: list[str] = []
    with visitor.context(cast.alice) as context:
        page = context.new_page()
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        base = f"{world.a}/emails/{world.live.pk}/"
        for where in ("", "edit/", "preview/", "preview/html/", "preview/?as=text", "send/"):
            page.goto(base + where)
            page.wait_for_timeout(100)
        page.goto(f"{world.a}/emails/")
    assert dialogs == []
