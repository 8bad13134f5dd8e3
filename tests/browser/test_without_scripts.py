"""The main job with JavaScript off: a token, an import of people, an email sent; every main page."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings

from tests.browser.conftest import Visitor
from tests.browser.pages import PAGES, make_world
from tests.cast import Cast, make_email
from tokens.models import SmtpCredential
from transactional.compose import versions
from transactional.models import ContactImport, Message

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
EDITOR = ("email composer",)  # the block editor alone may need scripts
PEOPLE = "Email;First name\nfay@cliente.example;Fay\nguy@cliente.example;Guy\n"


def test_a_token_people_and_an_email(visitor: Visitor, cast: Cast, tmp_path: Path) -> None:
    email = make_email(cast.account, sample={"custom": {"order_id": "A-7"}})
    versions.publish(email, by="alice@shop.example")
    (tmp_path / "people.csv").write_text(PEOPLE)
    with visitor.context(cast.alice, java_script_enabled=False) as context:
        page = context.new_page()
        _token(page, cast)
        _people(page, cast, tmp_path / "people.csv")
        page.goto(f"/a/{cast.account.pk}/emails/{email.pk}/api/")
        page.get_by_role("link", name="Node.js").click()
        expect(page.locator("#snippet")).to_contain_text("await fetch")
        page.get_by_role("button", name="Send it to").click()
        expect(page.locator("#api-run")).to_contain_text("PENDING")
        expect(page.locator("#api-run")).to_contain_text("Accepted")
    assert SmtpCredential.objects.of(cast.account).get().campaign_name == "Shop"
    assert ContactImport.objects.of(cast.account).get().rows == 2  # a worker reads them
    assert Message.objects.of(cast.account).get().refusal == ""


def _token(page: Page, cast: Cast) -> None:
    page.goto(f"/a/{cast.account.pk}/keys/")
    page.locator("#plain-campaign").fill("Shop")
    page.locator("#plain-campaign").press("Enter")
    expect(page.get_by_text("Save it now: it is shown this once")).to_be_visible()


def _people(page: Page, cast: Cast, file: Path) -> None:
    page.goto(f"/a/{cast.account.pk}/contacts/import/")
    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_role("button", name="Next: choose the columns").click()
    page.get_by_role("button", name="Import 2 rows").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Import report")


def test_every_page_says_what_it_is_and_has_its_content(
    visitor: Visitor, cast: Cast, settings: Settings, tmp_path: Path
) -> None:
    settings.DATA_DIR, settings.SANDBOX = tmp_path, True
    world = make_world(cast)
    empty: list[str] = []
    with visitor.context(cast.alice, java_script_enabled=False) as context:
        page = context.new_page()
        for name, address in PAGES.items():
            if name.startswith(EDITOR) or "," in name:
                continue
            page.goto(address(world))
            heading = page.locator("h1").first
            # What only scripts could show must not be all there is: text or a form stands below
            body = page.locator("main").inner_text()
            if not heading.inner_text().strip() or len(body) <= len(heading.inner_text()):
                empty.append(name)
    assert empty == []
