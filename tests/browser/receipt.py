"""A receipt made from nothing in the editor, by whichever hands: its steps, each as a person takes it."""

from playwright.sync_api import Locator, Page, expect

from tests.browser.hands import Hands, Mouse


def ready(page: Page) -> None:
    """The editor has loaded."""
    expect(page.locator("html")).to_have_attribute("data-editor", "ready")


def saved(page: Page) -> None:
    """The server has everything."""
    expect(page.locator("#save-state")).to_have_text("Saved")


def field(page: Page, key: str) -> Locator:
    """A field of the settings pane."""
    return page.locator(f'#settings [data-field="{key}"]')


def _add(page: Page, hands: Hands, kind: str) -> None:
    button = page.locator("#palette").get_by_role("button", name=kind, exact=True)
    if isinstance(hands, Mouse) and kind == "Heading":
        hands.actions += 1
        saved(page)  # what is shown is not drawn anew below the hand
        button.drag_to(page.locator("#canvas-frame"))
    else:
        hands.press(button)
    expect(page.locator("#live")).to_contain_text(f"{kind} added at position")


def _variable(page: Page, hands: Hands, opener: Locator, path: str, **more: str) -> None:
    hands.press(opener)
    page.keyboard.type(path)  # the dialog has given it the focus
    for name, text in more.items():
        hands.write(page.locator(f"#variable-{name}"), text)
    page.keyboard.press("Enter")
    expect(page.locator("#variable")).to_be_hidden()


def compose(page: Page, hands: Hands) -> None:
    """A receipt: a heading with a name, a table of items, a condition, a button."""
    hands.write(field(page, "subject"), "Receipt ")
    insert = page.get_by_role("button", name="Insert a variable into Subject")
    _variable(page, hands, insert, "Order number", sample="A-7")
    _add(page, hands, "Heading")
    hands.write(page.locator("#settings [contenteditable]").first, "Thank you, ")
    insert = page.get_by_role("button", name="Insert variable")
    _variable(page, hands, insert, "contact.firstname", fallback="friend")
    _add(page, hands, "Item table")
    _add(page, hands, "Text")
    hands.write(page.locator("#settings [contenteditable]"), "Shipping is free.")
    hands.write(field(page, "showIf.path"), "total")
    hands.choose(field(page, "showIf.op"), "is greater than")
    hands.write(field(page, "showIf.value"), "50")
    _add(page, hands, "Button")
    hands.write(field(page, "props.label"), "See the order")


def fill_the_sample(page: Page, hands: Hands) -> None:
    hands.press(page.get_by_role("button", name="Email settings"))
    hands.write(field(page, "sample.custom.total"), "60")
    for index, (name, price) in enumerate((("Green tea", "5.00"), ("Teapot", "55.00"))):
        if index:
            hands.press(page.get_by_role("button", name="Add: Entry"))
        hands.write(field(page, f"sample.custom.items.{index}.name"), name)
        hands.write(field(page, f"sample.custom.items.{index}.price"), price)


def fix(page: Page, hands: Hands) -> None:
    """Go by the list of problems until none stops the publication."""
    saved(page)
    if not page.locator("#problems").get_attribute("open"):
        hands.press(page.locator("#problems > summary"))
    row = page.locator("#problems-list li").filter(has_text="A link leads nowhere")
    hands.press(row.get_by_role("button"))
    expect(field(page, "props.url")).to_be_focused()
    page.keyboard.type("https://shop.example/orders")
    expect(page.locator("#problems-list .st.bad + .message")).to_have_text([])
