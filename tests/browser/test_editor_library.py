"""Images and saved blocks within the editor: by button, by drop, by paste, by keyboard."""

import base64

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.hands import Keyboard
from tests.browser.test_editor import canvas, editor, field, made, of, saved, structure
from tests.cast import Cast
from tests.transactional.library.pictures_made import photo, png
from tests.transactional.library.test_images import added
from transactional.library import images
from transactional.models import Image, SavedBlock

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# A file as the operating system hands it over: {type: drop or paste, at: selector of the frame's body}
HAND_OVER = """([data, kind, frame, above]) => {
  const octets = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const held = new DataTransfer();
  held.items.add(new File([octets], "tea.png", {type: "image/png"}));
  const target = frame ? document.querySelector("#canvas-frame").contentDocument.body : document.body;
  const shown = above && target.querySelector(above);
  shown?.scrollIntoView();
  const {left, top} = shown ? shown.getBoundingClientRect() : {left: 299, top: 4};
  const options = {bubbles: true, cancelable: true, clientX: left + 1, clientY: top + 1};
  if (kind === "paste") target.dispatchEvent(new ClipboardEvent("paste", {...options, clipboardData: held}));
  else for (const name of ["dragover", "drop"]) target.dispatchEvent(new DragEvent(name, {...options, dataTransfer: held}));
}"""


def hand_over(page: Page, kind: str, *, frame: bool = True, above: str = "") -> None:
    """`above`: selector of the block at whose upper edge it is let go."""
    page.evaluate(HAND_OVER, [base64.b64encode(png(600, 300)).decode(), kind, frame, above])


def palette(page: Page, name: str) -> None:
    page.locator("#palette").get_by_role("button", name=name, exact=True).click()


def test_an_image_is_chosen_from_the_library(visitor: Visitor, cast: Cast) -> None:
    added(cast, png(30, 20), alt="A teapot")
    image = added(cast, png(900, 600), alt="A cup of tea")
    email = made(cast, "blank")
    with editor(visitor, cast, email) as page:
        palette(page, "Image")
        page.get_by_role("button", name="Choose an image").click()
        expect(page.locator("#images-list li")).to_have_count(2)
        page.locator("#images-search").fill("cup")
        expect(page.locator("#images-list li")).to_have_count(1)
        page.locator("#images-list button").click()
        expect(field(page, "props.alt")).to_be_focused()
        expect(field(page, "props.alt")).to_have_value("A cup of tea")
        saved(page)
    props = next(block["props"] for block in of(email) if block["type"] == "image")
    assert (props["src"], props["alt"]) == (images.url(image), "A cup of tea")


def test_a_heavy_image_is_added_by_keyboard_and_made_smaller(visitor: Visitor, cast: Cast) -> None:
    email = made(cast, "blank")
    with editor(visitor, cast, email) as page:
        hands = Keyboard(page)
        hands.press(page.locator("#palette").get_by_role("button", name="Image", exact=True))
        hands.press(page.get_by_role("button", name="Choose an image"))
        expect(page.locator("#images-none")).to_contain_text("The library is empty")
        hands.press(page.locator("#images-add > summary"))
        heavy = {
            "name": "tea.jpg",
            "mimeType": "image/jpeg",
            "buffer": photo(1300, 900, quality=92),
        }
        page.set_input_files("#images-file", heavy)
        hands.press(page.get_by_role("button", name="Add and use"))
        expect(page.locator("#images-error")).to_contain_text("Write what the image shows")
        expect(page.locator("#images-alt")).to_be_focused()
        page.keyboard.type("Tea leaves")
        hands.press(page.get_by_role("button", name="Add and use"))
        expect(page.locator("#images-heavy-text")).to_contain_text("kB")
        hands.press(page.get_by_role("button", name="Make a smaller copy and use it"))
        expect(page.locator("#images")).to_be_hidden()
        saved(page)
    assert Image.objects.of(cast.account).count() == 2
    lighter = Image.objects.of(cast.account).latest("pk")
    props = next(block["props"] for block in of(email) if block["type"] == "image")
    assert props["src"] == images.url(lighter) and lighter.size <= 200_000


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_an_image_from_outside_becomes_a_block(visitor: Visitor, cast: Cast, kind: str) -> None:
    email = made(cast)
    before = len(of(email))
    with editor(visitor, cast, email) as page:
        # Where a drop lands goes by what the canvas shows
        above = f".b-{of(email)[0]['id']}"
        first = canvas(page).locator(above).first
        expect(first).to_be_visible()
        hand_over(page, kind, above=above)
        expect(page.locator("#images-alt")).to_be_focused()
        page.keyboard.press("Escape")  # nothing was added, so nothing stays
        expect(page.locator("#images")).to_be_hidden()
        expect(page.locator("#structure .block")).to_have_count(before)
        expect(first).to_be_visible()
        hand_over(page, kind, above=above)
        expect(page.locator("#images-alt")).to_be_focused()
        page.keyboard.type("A cup")
        page.keyboard.press("Enter")
        expect(page.locator("#images")).to_be_hidden()
        expect(canvas(page).get_by_alt_text("A cup")).to_be_visible()
        saved(page)
    image = Image.objects.of(cast.account).get()
    blocks = of(email)
    assert len(blocks) == before + 1
    at = 0 if kind == "drop" else next(i for i, b in enumerate(blocks) if b["type"] == "image")
    assert blocks[at]["props"]["src"] == images.url(image)


def test_a_block_is_kept_and_put_into_another_email(visitor: Visitor, cast: Cast) -> None:
    source, target = made(cast), made(cast, "code")
    with editor(visitor, cast, source) as page:
        page.locator("#structure .block .name").filter(has_text="custom.items").click()
        page.get_by_role("button", name="Keep this block under a name").click()
        page.keyboard.type("What was bought")
        page.keyboard.press("Enter")
        expect(page.locator("#live")).to_have_text("Kept as What was bought")
        page.locator("#structure .section .name").last.click()
        page.get_by_role("button", name="Keep this section under a name").click()
        page.keyboard.type("What was bought")
        page.keyboard.press("Enter")
        expect(page.locator("#keep-error")).to_contain_text("is taken")
        page.keyboard.press("Control+a")
        page.keyboard.type("Our footer")
        page.keyboard.press("Enter")
        expect(page.locator("#keep")).to_be_hidden()
    assert SavedBlock.objects.of(cast.account).count() == 2
    before = len(of(target))
    with editor(visitor, cast, target) as page:
        hands = Keyboard(page)
        hands.press(page.locator("#saved-pane summary"))
        hands.press(page.get_by_role("button", name="What was bought"))
        expect(page.locator("#live")).to_contain_text("Item table added at position")
        hands.press(page.get_by_role("button", name="Our footer"))
        assert len(structure(page)) == before + 2
        saved(page)
    kinds = [block["type"] for block in of(target)]
    assert kinds.count("footer") == 2 and "items" in kinds
    ids = [block["id"] for block in of(target)]
    assert len(set(ids)) == len(ids)
