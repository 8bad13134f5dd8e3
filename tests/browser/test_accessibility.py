"""Every page, light and dark, English and Italian, wide and narrow: axe finds nothing, no
control is out of the keyboard's reach, nothing sticks out, no policy is violated.
"""

from pathlib import Path
from typing import Any

import pytest
from django.db.models import F
from playwright.sync_api import ConsoleMessage, Page
from pytest_django import Settings

from tests.browser.conftest import Visitor
from tests.browser.pages import PAGES, PUBLIC, World, make_world
from tests.cast import Cast
from transactional.models import Email

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AXE = (Path(__file__).parent.parent / "fixtures" / "vendor" / "axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
NOT_FOUND = {
    "message, no longer kept",
    "no such page",
    "unsubscribe, unknown link",
    "web version, unknown link",
}
SIZES = {1280: 860, 390: 844}

RUN_AXE = """async (tags) => {
  const found = await axe.run(document, {runOnly: tags, resultTypes: ["violations"],
                                        preload: false});
  return found.violations.map(v => [v.id, v.nodes.length, v.nodes[0].target.join(" "),
                                    v.nodes[0].failureSummary]);
}"""
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"

# Everything one can act on, and is shown. A group of radios is one stop.
CONTROLS = """() => {
  const all = document.querySelectorAll(
    "a[href], button:not(:disabled), input:not([type=hidden], :disabled), select, textarea, summary, [tabindex='0']");
  const names = new Set();
  let number = 0;
  for (const one of all) {
    if (one.closest("dialog:not([open])") || !one.checkVisibility({visibilityProperty: true})) continue;
    if (one.closest("details:not([open])") && one.tagName !== "SUMMARY") continue;
    if (one.type === "radio") {
      if (names.has(one.name) || !one.checked) continue;
      names.add(one.name);
    }
    one.dataset.stop = String(number++);
  }
  document.activeElement?.blur();
  return number;
}"""
FOCUSED = "() => document.activeElement?.dataset?.stop ?? ''"


def walk(page: Page) -> set[str]:
    """Press Tab until the focus comes round; the stops that were reached."""
    wanted = page.evaluate(CONTROLS)
    reached: set[str] = set()
    for _ in range(wanted + 15):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(FOCUSED))
    page.evaluate("() => document.activeElement.blur()")  # the skip link covers what is below it
    return {str(number) for number in range(wanted)} - reached


def problems(page: Page, *, tab_walk: bool) -> list[Any]:
    page.evaluate(AXE)
    found: list[Any] = page.evaluate(RUN_AXE, TAGS)
    sticks_out = page.evaluate(OVERFLOW)
    if sticks_out > 0:
        found.append(["sticks out", sticks_out])
    if tab_walk:
        missed = walk(page)
        if missed:
            selector = ", ".join(f'[data-stop="{stop}"]' for stop in sorted(missed))
            shown = page.eval_on_selector_all(
                selector, "all => all.map(e => e.outerHTML.slice(0, 120))"
            )
            found.append(["out of the keyboard's reach", shown])
    return found


@pytest.fixture
def world(cast: Cast, settings: Settings, tmp_path: Path) -> World:
    settings.DATA_DIR, settings.SANDBOX = tmp_path, True
    settings.DNSD_ZONE, settings.DNSD_NS = "dns.platform.example", ["ns1.dns.platform.example"]
    return make_world(cast)


@pytest.mark.parametrize("lang", ["en", "it"])
@pytest.mark.parametrize("width", list(SIZES))
def test_pages_are_accessible(visitor: Visitor, world: World, width: int, lang: str) -> None:
    """Each page is opened once and looked at light and dark; the walk is the same in both."""
    options = {
        "viewport": {"width": width, "height": SIZES[width]},
        "locale": lang,
        "reduced_motion": "reduce",  # colours must not be measured on their way
    }
    said: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error" and "404 (Not Found)" not in message.text:
            said.append(message.text)

    failed: dict[str, Any] = {}
    for user, table in ((world.cast.alice, PAGES), (None, PUBLIC)):
        with visitor.context(user, **options) as context:
            page = context.new_page()
            page.on("console", listen)
            for name, address in table.items():
                page.emulate_media(color_scheme="light")
                answer = page.goto(address(world))
                assert answer is not None
                expected = 404 if name in NOT_FOUND else 200
                assert answer.status == expected, f"{name}: {answer.status}"
                found = problems(page, tab_walk=lang == "en")
                page.emulate_media(color_scheme="dark")
                found += [["dark", *one] for one in page.evaluate(RUN_AXE, TAGS)]
                found += [["html lang", lang]] * (page.get_attribute("html", "lang") != lang)
                if found:
                    failed[name] = found
    assert failed == {}
    assert said == []


def _menus(page: Page, world: World) -> None:
    page.goto(f"{world.a}/emails/")
    for opener in page.locator("summary").all():
        if opener.is_visible():
            opener.click()


def _stale(page: Page, world: World) -> None:
    page.goto(f"{world.a}/emails/{world.live.pk}/edit/")
    Email.objects.of(world.cast.account).filter(pk=world.live.pk).update(revision=F("revision") + 1)
    page.locator("#email-form").evaluate("form => form.requestSubmit()")
    page.wait_for_selector("[name=overwrite]")


def _refused(page: Page, world: World) -> None:
    page.goto(f"{world.a}/emails/{world.live.pk}/edit/")
    page.fill("#id_from_address", "me@elsewhere.example")
    page.locator("#email-form").evaluate("form => form.requestSubmit()")
    page.wait_for_selector(".field .error")


def _confirm(page: Page, world: World) -> None:
    page.goto(f"{world.a}/emails/{world.live.pk}/send/")
    page.fill("#id_to", "anna@cliente.example\nabuse@cliente.example")
    page.click("button[value=confirm]")
    page.wait_for_selector("button[value=send]")


def _sent(page: Page, world: World) -> None:
    _confirm(page, world)
    page.click("button[value=send]")
    page.wait_for_selector("table.rows")


def _contact_refused(page: Page, world: World) -> None:
    page.goto(f"{world.a}/contacts/{world.anna.pk}/erase/")
    page.fill("#typed", "somebody@else.example")
    page.click("button.danger")
    page.wait_for_selector("#typed-error")


def _import_refused(page: Page, world: World) -> None:
    page.goto(f"{world.a}/contacts/import/")
    page.set_input_files("#file", {"name": "x.csv", "mimeType": "text/csv", "buffer": b"a@b.c,x"})
    page.click("main form .btn")
    page.wait_for_selector("#file-error")


def _row_refused(page: Page, world: World) -> None:
    page.goto(f"{world.a}/contacts/new/")
    page.fill("#id_email", "new@cliente.example")
    page.fill("#value-0", "a value without a name")
    page.click("main form .btn")
    page.wait_for_selector("#error-0")


def _send_asked(page: Page, world: World) -> None:
    page.goto(f"{world.a}/sends/{world.audience.review.pk}/")
    page.click("button[value=when]")
    page.wait_for_selector("button[value=confirm]")


def _send_refused(page: Page, world: World) -> None:
    page.goto(f"{world.a}/emails/{world.live.pk}/send/")
    page.click("summary:has-text('CSV')")
    page.set_input_files("#file", {"name": "x.csv", "mimeType": "text/csv", "buffer": b"a@b.c,x"})
    page.click("details[open] .btn")
    page.wait_for_selector("#file-error")


def _no_permission(page: Page, world: World) -> None:
    world.cast.account.memberships.filter(user=world.cast.alice).update(role="viewer")
    page.goto(f"{world.a}/emails/{world.live.pk}/edit/")


STATES = (
    _menus,
    _stale,
    _refused,
    _confirm,
    _sent,
    _contact_refused,
    _import_refused,
    _row_refused,
    _send_asked,
    _send_refused,
    _no_permission,
)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_what_acting_leads_to_is_accessible(
    visitor: Visitor, world: World, width: int, scheme: str
) -> None:
    options = {"viewport": {"width": width, "height": SIZES[width]}, "color_scheme": scheme}
    failed: dict[str, Any] = {}
    with visitor.context(world.cast.alice, **options) as context:
        for act in STATES:
            page = context.new_page()
            act(page, world)
            found = problems(page, tab_walk=act is not _menus)
            if found:
                failed[act.__name__] = found
            page.close()
    assert failed == {}


def test_these_checks_can_fail(visitor: Visitor, world: World) -> None:
    """A page that is spoilt on purpose, so that a silent axe or walk would be noticed."""
    with visitor.context(world.cast.alice, viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.goto(f"{world.a}/emails/")
        page.evaluate("""() => {
          const spoilt = document.createElement("div");
          spoilt.innerHTML = "<button></button><input><img src='/static/img/icon.svg'>" +
            "<a href='/' tabindex='-1'>out of reach</a><pre>" + "wide ".repeat(99) + "</pre>";
          document.querySelector("main").append(spoilt);
        }""")
        found = {entry[0] for entry in problems(page, tab_walk=True)}
    assert {
        "button-name",
        "label",
        "image-alt",
        "sticks out",
        "out of the keyboard's reach",
    } <= found
