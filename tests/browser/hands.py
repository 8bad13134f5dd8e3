"""Two ways to work a page: with the mouse, and with the keyboard alone."""

from typing import Protocol

from playwright.sync_api import Locator, Page, expect

BEFORE = """target => {
  const at = document.activeElement;
  return Boolean(at && at !== document.body &&
    at.compareDocumentPosition(target) & Node.DOCUMENT_POSITION_PRECEDING);
}"""
FOCUSED = "target => target === document.activeElement"
STOPS = 300


class Hands(Protocol):
    """What a person does; `actions` counts it."""

    actions: int

    def press(self, target: Locator) -> None: ...
    def write(self, target: Locator, text: str) -> None: ...
    def choose(self, target: Locator, option: str) -> None: ...
    def pick(self, target: Locator) -> None: ...


class Mouse:
    """Clicks; types only text."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.actions = 0

    def press(self, target: Locator) -> None:
        self.actions += 1
        target.click()

    def write(self, target: Locator, text: str) -> None:
        self.actions += 1
        target.click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def choose(self, target: Locator, option: str) -> None:
        self.actions += 1
        target.select_option(label=option)

    def pick(self, target: Locator) -> None:
        self.actions += 1
        target.check()


class Keyboard:
    """Tab, Enter, arrows: whatever Tab does not reach cannot be used."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.actions = 0

    def reach(self, target: Locator) -> None:
        expect(target).to_be_visible()
        key = "Shift+Tab" if target.evaluate(BEFORE) else "Tab"
        for _ in range(STOPS):
            if target.evaluate(FOCUSED):
                return
            self.page.keyboard.press(key)
        raise AssertionError(f"Tab does not reach {target}")

    def press(self, target: Locator) -> None:
        self.actions += 1
        self.reach(target)
        self.page.keyboard.press("Enter")

    def write(self, target: Locator, text: str) -> None:
        self.actions += 1
        self.reach(target)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def choose(self, target: Locator, option: str) -> None:
        self.actions += 1
        self.reach(target)
        self.page.keyboard.type(option)
        chosen = target.evaluate("select => select.selectedOptions[0].textContent")
        assert chosen == option

    def pick(self, target: Locator) -> None:
        """One of a group of radios: Tab to the group, arrows within it."""
        self.actions += 1
        group = self.page.locator(f"input[name='{target.get_attribute('name')}']")
        checked = group.and_(self.page.locator(":checked"))
        self.reach(checked.first if checked.count() else group.first)
        for _ in range(group.count()):
            if target.is_checked():
                return
            self.page.keyboard.press("ArrowDown")
        assert target.is_checked()
