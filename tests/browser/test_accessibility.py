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
# Every page of a context begins with it, so that it is handed over once; not so the frames of mails,
# for whose answers axe is told not to wait
WITH_AXE = f"if (window === window.top) {{ {AXE} }}"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
NOT_FOUND = {
    "message, no longer kept",
    "no such page",
    "unsubscribe, unknown link",
    "web version, unknown link",
}
UNFOLDED = {"message, told in full", "message, refused", "message, delivered", "smarthost"}
SIZES = {1280: 860, 390: 844}
FRAME = 5  # times that Tab is pressed before one looks whether that was enough
BETWEEN = (700, 1010)  # px, where a table has the least room: nothing may stick out there, too

# The rules that look at colours: all that can differ between light and dark
COLOURS = ["color-contrast", "link-in-text-block"]
# Those that look at where things are, how large they are and which language they say they are in:
# all that can differ between two widths once the words are other, longer ones
PLACES = ["target-size", "scrollable-region-focusable", "html-has-lang", "html-lang-valid",
          "valid-lang", "document-title"]  # fmt: skip
RUN_AXE = """async (only) => {
  const found = await axe.run(document, {runOnly: only, resultTypes: ["violations"],
                                        preload: false, iframes: false});
  return found.violations.map(v => [v.id, v.nodes.length, v.nodes[0].target.join(" "),
                                    v.nodes[0].failureSummary]);
}"""
# A page is looked at with all that it folds away unfolded; menus are looked at on their own
UNFOLD = (
    """() => document.querySelectorAll("main details:not(.pop)").forEach(d => { d.open = true; })"""
)
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
  const start = document.createElement("span");  // what is focused and goes leaves the next Tab its place
  start.tabIndex = -1;
  document.body.prepend(start);
  start.focus();
  start.remove();
  window.reached = new Set();
  document.addEventListener("focusin", (event) => window.reached.add(event.target.dataset.stop));
  return number;
}"""
MISSED = """() => [...document.querySelectorAll("[data-stop]")]
  .filter((one) => !window.reached.has(one.dataset.stop)).map((one) => one.outerHTML.slice(0, 120))"""
UNDO = """() => {
  document.activeElement.blur();  // the skip link covers what is below it
  document.querySelectorAll("[data-stop]").forEach((one) => delete one.dataset.stop);
}"""


def walk(page: Page) -> list[str]:
    """Press Tab until the focus has come to every stop, or round; those it did not come to."""
    wanted: int = page.evaluate(CONTROLS)
    missed: list[str] = []
    # From the top, all of them; on from there only where a frame of a mail took its turns, too
    for turns in (wanted, *[FRAME] * -(-(wanted + 15) // FRAME)):
        for _ in range(turns):
            page.keyboard.down("Tab")  # held down it repeats, for half the messages
        page.keyboard.up("Tab")
        missed = page.evaluate(MISSED)
        if not missed:
            break
    page.evaluate(UNDO)
    return missed


def problems(page: Page, *, tab_walk: bool, rules: list[str] = TAGS) -> list[Any]:
    """What axe says of the page in its present guise, and whether all of it can be reached."""
    found: list[Any] = page.evaluate(RUN_AXE, rules)
    sticks_out = page.evaluate(OVERFLOW)
    if sticks_out > 0:
        found.append(["sticks out", sticks_out])
    missed = walk(page) if tab_walk else []
    if missed:
        found.append(["out of the keyboard's reach", missed])
    return found


def colours(page: Page) -> list[Any]:
    """What axe says of the colours in the dark, where all else is as in the light."""
    page.emulate_media(color_scheme="dark")
    found: list[Any] = page.evaluate(RUN_AXE, COLOURS)
    page.emulate_media(color_scheme="light")
    return [["dark", *one] for one in found]


@pytest.fixture
def world(cast: Cast, settings: Settings, tmp_path: Path) -> World:
    settings.DATA_DIR, settings.SANDBOX = tmp_path, True
    settings.DNSD_ZONE, settings.DNSD_NS = "dns.platform.example", ["ns1.dns.platform.example"]
    return make_world(cast)


@pytest.mark.parametrize("lang", ["en", "it"])
def test_pages_are_accessible(visitor: Visitor, world: World, lang: str) -> None:
    """Each page is opened once in each language, and looked at wide and narrow.

    In English, in the light, with every rule and by keyboard; in the dark for its colours, which are
    all that changes. In Italian the elements and their styles are the same, and the words are not:
    every rule is asked where there is least room for them, and where there is more, those that look
    at places and languages. Colours in the dark do not depend on the words.
    """
    options = {"locale": lang, "reduced_motion": "reduce"}  # colours are not measured on their way
    said: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error" and "404 (Not Found)" not in message.text:
            said.append(message.text)

    failed: dict[str, Any] = {}
    for user, table in ((world.cast.alice, PAGES), (None, PUBLIC)):
        with visitor.context(user, **options) as context:
            context.add_init_script(WITH_AXE)
            page = context.new_page()
            page.on("console", listen)
            for name, address in table.items():
                page.set_viewport_size({"width": 1280, "height": SIZES[1280]})
                answer = page.goto(address(world))
                assert answer is not None
                expected = 404 if name in NOT_FOUND else 200
                assert answer.status == expected, f"{name}: {answer.status}"
                if name in UNFOLDED:
                    page.evaluate(UNFOLD)
                found = _in_every_guise(page) if lang == "en" else _in_other_words(page)
                found += [["html lang", lang]] * (page.get_attribute("html", "lang") != lang)
                if found:
                    failed[name] = found
    assert failed == {}
    assert said == []


def _in_every_guise(page: Page) -> list[Any]:
    found: list[Any] = []
    for width, height in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        ours = problems(page, tab_walk=True) + colours(page)
        found += [[width, *one] for one in ours]
    return found


def _in_other_words(page: Page) -> list[Any]:
    found: list[Any] = []
    for width in BETWEEN:
        page.set_viewport_size({"width": width, "height": SIZES[1280]})
        sticks_out = page.evaluate(OVERFLOW)
        found += [[width, "sticks out", sticks_out]] * (sticks_out > 0)
    for (width, height), rules in zip(SIZES.items(), (PLACES, TAGS), strict=True):
        page.set_viewport_size({"width": width, "height": height})
        found += [[width, *one] for one in problems(page, tab_walk=False, rules=rules)]
    return found


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
    options = {
        "viewport": {"width": width, "height": SIZES[width]},
        "color_scheme": scheme,
        "reduced_motion": "reduce",  # colours are not measured on their way
    }
    failed: dict[str, Any] = {}
    with visitor.context(world.cast.alice, **options) as context:
        context.add_init_script(WITH_AXE)
        for act in STATES:
            page = context.new_page()
            act(page, world)
            found = problems(page, tab_walk=act is not _menus)
            if found:
                failed[act.__name__] = found
            page.close()
    assert failed == {}


SPOIL = """(html) => {
  const spoilt = document.createElement("div");
  spoilt.innerHTML = html;
  document.querySelector("main").append(spoilt);
}"""
SPOIL_THE_DARK = """() => {
  const style = new CSSStyleSheet();
  style.replaceSync("@media (prefers-color-scheme: dark) { #dim { color: #333; background: #222 } }");
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, style];
}"""


def test_these_checks_can_fail(visitor: Visitor, cast: Cast) -> None:
    """A page that is spoilt on purpose, so that a silent axe or walk would be noticed."""
    options = {"viewport": {"width": 390, "height": 844}, "reduced_motion": "reduce"}
    with visitor.context(cast.alice, **options) as context:
        context.add_init_script(WITH_AXE)
        page = context.new_page()
        page.goto(f"/a/{cast.account.pk}/emails/")
        assert problems(page, tab_walk=True) + colours(page) == []
        page.evaluate(
            SPOIL,
            "<button></button><input><img src='/static/img/icon.svg'>"
            f"<a href='/' tabindex='-1'>out of reach</a><pre>{'wide ' * 99}</pre>",
        )
        found = {entry[0] for entry in problems(page, tab_walk=True)}
        wanted = {"button-name", "label", "image-alt", "sticks out", "out of the keyboard's reach"}
        assert wanted <= found


def test_the_dark_and_a_trap_are_noticed(visitor: Visitor, cast: Cast) -> None:
    """What only the dark makes hard to read, and a control that lets no focus go on."""
    with visitor.context(cast.alice, reduced_motion="reduce") as context:
        context.add_init_script(WITH_AXE)
        page = context.new_page()
        page.goto(f"/a/{cast.account.pk}/emails/")
        page.evaluate(
            SPOIL, "<p id='dim'>hard to read</p><a href='/' id='trap'>a</a><a href='/'>b</a>"
        )
        page.evaluate(SPOIL_THE_DARK)
        assert problems(page, tab_walk=True) == []
        assert [entry[:2] for entry in colours(page)] == [["dark", "color-contrast"]]
        page.evaluate(
            "document.querySelector('#trap').addEventListener('keydown', (e) => e.preventDefault())"
        )
        [(what, missed)] = problems(page, tab_walk=True)
        assert what == "out of the keyboard's reach" and "b</a>" in missed[0]
