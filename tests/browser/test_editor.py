"""The block editor in a real browser: with the mouse, with the keyboard alone, and by two people."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db.models import F
from playwright.sync_api import FrameLocator, Locator, Page, Route, expect

from tests.browser.conftest import Visitor
from tests.cast import Cast
from transactional.compose import drafts
from transactional.models import Email, Kind
from transactional.views import starter

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SIZE = {"width": 1280, "height": 860}
COMMANDS = ["clipboard-read", "clipboard-write"]


@contextmanager
def editor(visitor: Visitor, cast: Cast, email: Email) -> Iterator[Page]:
    """The editor of an email, ready; no policy may be violated and no script may fail."""
    said: list[str] = []
    with visitor.context(cast.alice, viewport=SIZE, permissions=COMMANDS) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "console",
            lambda line: said.append(line.text) if "Content Security" in line.text else None,
        )
        page.goto(f"/a/{cast.account.pk}/emails/{email.pk}/compose/")
        ready(page)
        yield page
    assert said == []


def ready(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("data-editor", "ready")


def saved(page: Page) -> None:
    expect(page.locator("#save-state")).to_have_text("Saved")


def canvas(page: Page) -> FrameLocator:
    return page.frame_locator("#canvas-frame")


def field(page: Page, key: str) -> Locator:
    return page.locator(f'#settings [data-field="{key}"]')


def begins(page: Page, *titles: str) -> None:
    """The structure begins with these; a drop may take a moment to be seen."""
    for place, title in enumerate(titles):
        name = page.locator("#structure .block .name").nth(place)
        expect(name).to_have_attribute("title", title)


def structure(page: Page) -> list[str]:
    titles = page.locator("#structure .block .name").all()
    return [title.get_attribute("title") or "" for title in titles]


def made(cast: Cast, start: str = "receipt") -> Email:
    fields = starter.from_template(
        cast.account, start, name="Receipt", kind=Kind.TRANSACTIONAL, language="en",
        domains=["shop.example"],
    )  # fmt: skip
    return drafts.create(cast.account, fields, by="alice@shop.example")


def of(email: Email) -> list[dict[str, Any]]:
    email.refresh_from_db()
    assert email.document is not None
    return [
        block
        for section in email.document["sections"]
        for column in section["blocks"]
        for block in column
    ]


# ——— each thing by itself ———


def test_text_is_written_on_the_email_itself(visitor: Visitor, cast: Cast) -> None:
    email = made(cast)
    first = of(email)[0]
    assert first["type"] == "heading"
    with editor(visitor, cast, email) as page:
        heading = canvas(page).locator(f".b-{first['id']} h1")
        heading.dblclick()
        expect(canvas(page).locator(".ProseMirror")).to_be_focused()
        page.keyboard.press("Control+End")
        page.keyboard.type(" Really")
        expect(field(page, "props.html")).to_contain_text("Really")
        page.keyboard.press("Escape")
        expect(page.locator("#structure .block .name").first).to_be_focused()
        expect(heading).to_contain_text("Really")
        saved(page)
    assert of(email)[0]["props"]["html"].endswith("Really")


def test_a_variable_goes_to_the_end_of_a_text_nobody_touched(visitor: Visitor, cast: Cast) -> None:
    email = made(cast)
    with editor(visitor, cast, email) as page:
        page.locator("#structure .block .name").first.click()
        page.get_by_role("button", name="Insert variable").click()
        page.keyboard.type("Nick name")
        page.locator("#variable-sample").fill("Anni")
        page.keyboard.press("Enter")
        expect(page.locator("#settings .ProseMirror")).to_have_text(
            re.compile(r".custom\.nick_name$")
        )
        saved(page)
    assert of(email)[0]["props"]["html"].endswith(
        '<span data-var="custom.nick_name">custom.nick_name</span>'
    )
    assert email.sample["custom"]["nick_name"] == "Anni"


def test_undo_and_redo_go_through_every_kind_of_change(visitor: Visitor, cast: Cast) -> None:
    email = made(cast)
    with editor(visitor, cast, email) as page:
        before = structure(page)
        page.locator("#palette").get_by_role("button", name="Divider").click()
        page.keyboard.press("Alt+ArrowUp")
        page.keyboard.press("Control+d")
        assert len(structure(page)) == len(before) + 2
        page.keyboard.press("Delete")
        expect(page.locator("#toast")).to_be_visible()
        page.locator("#toast-undo").click()
        assert len(structure(page)) == len(before) + 2
        for _ in range(3):
            page.keyboard.press("Control+z")
        assert structure(page) == before
        page.keyboard.press("Control+z")
        expect(page.locator("#live")).to_have_text("Nothing to undo")
        page.keyboard.press("Control+Shift+z")
        assert len(structure(page)) == len(before) + 1
        saved(page)
    assert len(of(email)) == len(before) + 1


def test_blocks_move_by_keys_by_buttons_and_by_dragging(visitor: Visitor, cast: Cast) -> None:
    email = made(cast)
    with editor(visitor, cast, email) as page:
        first, second = structure(page)[:2]
        all_blocks = len(structure(page))
        rows = page.locator("#structure .block .name")
        rows.nth(0).focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Alt+ArrowDown")
        expect(page.locator("#live")).to_have_text(f"Moved to position 2 of {all_blocks}")
        expect(rows.nth(1)).to_be_focused()
        begins(page, second, first)
        page.get_by_role("button", name=f"Move up: {first}", exact=True).click()
        begins(page, first, second)
        rows.nth(0).drag_to(rows.nth(1), target_position={"x": 20, "y": 30})
        begins(page, second, first)
        saved(page)
        ids = [block["id"] for block in of(email)]
        upper, lower = (canvas(page).locator(f".b-{ids[at]}") for at in (0, 1))
        lower.drag_to(upper, target_position={"x": 40, "y": 3})
        begins(page, first, second)
        saved(page)


def test_nothing_is_drawn_anew_while_something_is_dragged(visitor: Visitor, cast: Cast) -> None:
    email = made(cast)
    held: list[Route] = []
    count = """() => document.addEventListener("canvas-shown", () => {
        const data = document.documentElement.dataset;
        data.drawn = 1 + Number(data.drawn ?? 0);
    })"""
    with editor(visitor, cast, email) as page:
        before = len(of(email))
        target = page.locator("#canvas-frame").bounding_box()
        assert target is not None
        page.route("**/compose/document/**", lambda route: held.append(route))
        with page.expect_request("**/compose/document/**"):
            field(page, "subject").fill("While something is dragged")
        page.evaluate(count)
        page.get_by_role("button", name="Divider", exact=True).hover()
        page.mouse.down()
        page.mouse.move(target["x"] + 200, target["y"] + 100, steps=5)
        held[0].continue_()
        page.unroute("**/compose/document/**")
        saved(page)
        page.mouse.move(target["x"] + 210, target["y"] + 120, steps=5)
        expect(page.locator("html")).not_to_have_attribute("data-drawn", re.compile(""))
        page.mouse.up()
        expect(page.locator("#live")).to_contain_text("Divider added at position")
        # What had waited, and what was dropped
        expect(page.locator("html")).to_have_attribute("data-drawn", re.compile("[2-9]"))
        saved(page)
    assert len(of(email)) == before + 1


def test_blocks_are_copied_into_another_email(visitor: Visitor, cast: Cast) -> None:
    source, target = made(cast), made(cast, "code")
    before = len(of(target))
    with visitor.context(cast.alice, viewport=SIZE, permissions=COMMANDS) as context:
        page = context.new_page()
        page.goto(f"/a/{cast.account.pk}/emails/{source.pk}/compose/")
        ready(page)
        page.locator("#structure .block .name").filter(has_text="custom.items").click()
        page.keyboard.press("Control+c")
        page.goto(f"/a/{cast.account.pk}/emails/{target.pk}/compose/")
        ready(page)
        page.locator("#structure .block .name").first.click()
        page.keyboard.press("Control+v")
        expect(page.locator("#live")).to_contain_text("Item table pasted at position 2")
        saved(page)
    blocks = of(target)
    assert len(blocks) == before + 1
    assert blocks[1]["type"] == "items"


def test_columns_hold_blocks(visitor: Visitor, cast: Cast) -> None:
    email = made(cast, "blank")
    with editor(visitor, cast, email) as page:
        page.locator("#palette").get_by_role("button", name="Columns").click()
        page.locator("#palette").get_by_role("button", name="Text", exact=True).click()
        page.get_by_role("button", name="Column 2, empty").click()
        page.locator("#palette").get_by_role("button", name="Button", exact=True).click()
        page.locator("#structure .section .name").nth(1).click()
        page.locator("#settings").get_by_role("button", name="2 : 1").click()
        saved(page)
        email.refresh_from_db()
        section = next(one for one in email.document["sections"] if len(one["columns"]) > 1)
        assert section["columns"] == [2, 1]
        assert [[b["type"] for b in column] for column in section["blocks"]] == [
            ["text"],
            ["button"],
        ]


def test_who_saves_second_is_asked_and_loses_nothing(visitor: Visitor, cast: Cast) -> None:
    email = made(cast)
    with editor(visitor, cast, email) as page:
        Email.objects.of(cast.account).filter(pk=email.pk).update(
            revision=F("revision") + 1, updated_by="anna@shop.example", subject="Theirs"
        )
        field(page, "subject").fill("Mine")
        expect(page.get_by_role("dialog")).to_contain_text("anna@shop.example changed this email")
        page.keyboard.press("Escape")  # decides nothing
        expect(page.get_by_role("dialog")).to_be_visible()
        assert field(page, "subject").input_value() == "Mine"
        page.get_by_role("button", name="Keep mine").click()
        saved(page)
        email.refresh_from_db()
        assert email.subject == "Mine"
        Email.objects.of(cast.account).filter(pk=email.pk).update(
            revision=F("revision") + 1, updated_by="anna@shop.example", subject="Theirs again"
        )
        field(page, "subject").fill("Mine again")
        page.get_by_role("button", name="Load theirs").click()
        expect(field(page, "subject")).to_have_value("Theirs again")


def test_a_lost_connection_loses_nothing(visitor: Visitor, cast: Cast) -> None:
    email = made(cast)
    with editor(visitor, cast, email) as page:
        page.route("**/compose/document/**", lambda route: route.abort())
        field(page, "subject").fill("Typed on a train")
        expect(page.locator("#save-state")).to_contain_text("trying again")
        page.unroute("**/compose/document/**")
        saved(page)
    email.refresh_from_db()
    assert email.subject == "Typed on a train"


def test_what_a_save_brings_along_is_shown_in_the_form_that_is_looked_at(
    visitor: Visitor, cast: Cast
) -> None:
    email = made(cast)
    held: list[Route] = []
    with editor(visitor, cast, email) as page:
        chips = canvas(page).locator("[data-var]")
        expect(chips.first).to_be_visible()
        page.route("**/compose/document/**", lambda route: held.append(route))
        with page.expect_request("**/compose/document/**"):
            field(page, "subject").fill("While it is on its way")
        page.get_by_role("button", name="Sample data").click()
        expect(chips).to_have_count(0)
        held[0].continue_()
        saved(page)
        assert chips.count() == 0
        page.unroute("**/compose/document/**")


def test_the_canvas_runs_nothing_and_leads_nowhere(visitor: Visitor, cast: Cast) -> None:
    email = made(cast)
    dialogs: list[str] = []
    said: list[str] = []
    with visitor.context(cast.alice, viewport=SIZE) as context:
        page = context.new_page()
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        page.on("console", lambda line: said.append(line.text))
        page.goto(f"/a/{cast.account.pk}/emails/{email.pk}/compose/")
        ready(page)
        page.locator("#palette").get_by_role("button", name="HTML", exact=True).click()
        field(page, "props.code").fill(
            '<a id="out" href="/login/">x</a><img src="/x" onerror=alert(1)><script>alert(2)</script>'
        )
        link = canvas(page).locator("#out")
        link.click()
        saved(page)
        expect(link).to_be_visible()
        assert "/compose/canvas/" in page.frames[1].url
    assert dialogs == []
    assert any("script-src 'none'" in line for line in said)


def test_the_email_is_shown_as_on_a_phone_and_as_text(visitor: Visitor, cast: Cast) -> None:
    email = made(cast)
    with editor(visitor, cast, email) as page:
        page.get_by_role("button", name="Phone").click()
        box = page.locator("#canvas-frame").bounding_box()
        assert box is not None and box["width"] == pytest.approx(390)
        page.get_by_role("button", name="Plain text").click()
        expect(page.locator("#canvas-text")).not_to_be_empty()
        expect(page.locator("#canvas-frame")).to_be_hidden()
