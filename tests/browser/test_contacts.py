"""A marketer's way with contacts in a real browser: a file in, one person changed, then erased."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.cast import Cast
from transactional.models import Contact

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FILE = "Nome;E-mail;Città\r\nAnna;Anna@cliente.example;Forlì\r\nBen;ben@;x\r\n".encode("cp1252")


def test_from_a_file_to_an_erased_person(visitor: Visitor, cast: Cast) -> None:
    with visitor.context(cast.alice, viewport={"width": 1280, "height": 860}) as context:
        page = context.new_page()
        page.goto(f"/a/{cast.account.pk}/contacts/")
        page.get_by_role("link", name="Import CSV").click()
        page.set_input_files("#file", {"name": "p.csv", "mimeType": "text/csv", "buffer": FILE})
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_label("E-mail holds the addresses")).to_be_checked()
        expect(page.get_by_label("Property for Città")).to_have_value("citta")
        page.get_by_role("button", name="Import 2 rows").click()
        expect(page.locator("tbody")).to_contain_text("This is not one email address.")
        with page.expect_download() as problems:
            page.get_by_role("link", name="Download as CSV").click()
        assert problems.value.path().read_text("utf-8-sig").splitlines()[1].startswith("3,")

        page.get_by_role("link", name="To the contacts").click()
        page.get_by_role("searchbox").fill("forlì")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="anna@cliente.example").click()
        page.get_by_role("link", name="Edit Properties").click()
        page.get_by_label("Value").first.fill("Cesena")
        page.get_by_role("group", name="Property 2").get_by_label("Remove").check()
        page.get_by_role("button", name="Save").click()
        expect(page.locator("main")).to_contain_text("Cesena")
        expect(page.locator("dl.facts").first).not_to_contain_text("Anna")

        page.get_by_label("Change").select_option("unsubscribed")
        page.get_by_label("Reason").fill("She called")
        page.get_by_role("button", name="Save the change").click()
        expect(page.locator("ol.timeline li").first).to_contain_text("She called")

        with page.expect_download() as data:
            page.get_by_role("link", name="Download all data").click()
        assert "Cesena" in data.value.path().read_text()
        page.get_by_role("link", name="Erase this person").click()
        page.get_by_label("Type the address").fill("anna@cliente.example")
        page.get_by_role("button", name="Erase for good").click()
        expect(page.locator("main")).to_contain_text("No contacts yet")
    assert not Contact.objects.of(cast.account).exists()
