"""What must not go wrong in the editor: a session that ends, too large an email, scripts in every field."""

from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.test_editor import SIZE, canvas, editor, field, made, of, ready, saved
from tests.cast import PASSWORD, Cast
from transactional.compose import drafts
from transactional.models import Email, Kind

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ATTACKS = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "javascript:alert(3)",
    "'\"--></style></script><svg onload=alert(4)>", "{{ constructor.constructor('alert(5)')() }}",
    "<iframe srcdoc='<script>alert(6)</script>'>", "<a href=javascript:alert(7)>x</a>",
)  # fmt: skip
EVIL = "".join(ATTACKS)


def test_a_session_that_ends_in_mid_edit_loses_nothing(visitor: Visitor, cast: Cast) -> None:
    email = made(cast)
    with visitor.context(cast.alice, viewport=SIZE) as context:
        page = context.new_page()
        page.goto(f"/a/{cast.account.pk}/emails/{email.pk}/compose/")
        ready(page)
        Session.objects.all().delete()
        field(page, "subject").fill("Typed after the session had ended")
        expect(page.locator("#save-state")).to_contain_text("sign in again in another tab")
        other = context.new_page()
        other.goto("/login/")
        other.locator("[name=username]").fill(cast.alice.email)
        other.locator("[name=password]").fill(PASSWORD)
        other.keyboard.press("Enter")
        other.wait_for_url("**/a/**")
        field(page, "preview_text").fill("And this too")
        expect(page.locator("#save-state")).to_have_text("Saved")
    email.refresh_from_db()
    assert email.subject == "Typed after the session had ended"
    assert email.preview_text == "And this too"


def test_too_large_an_email_is_refused_in_words(visitor: Visitor, cast: Cast) -> None:
    email = made(cast)
    with editor(visitor, cast, email) as page:
        page.locator("#structure .block .name").filter(has_text="received your order").click()
        page.evaluate(
            "() => window.fetch = ((real) => (url, options = {}) => real(url, options.body?.length > 1000"
            " ? {...options, body: options.body.slice(0, -1) + ',\"more\":\"' + 'x'.repeat(6e6) + '\"}'} : options))(window.fetch)"
        )
        page.get_by_role("button", name="Email settings").click()
        field(page, "subject").fill("Mine")
        expect(page.locator("#save-state")).to_contain_text("Not saved: see the problems")
        expect(page.locator("#problems-list")).to_contain_text("larger than 5 MB")
        assert field(page, "subject").input_value() == "Mine"
        page.close(run_before_unload=False)


def _document() -> dict[str, Any]:
    """Every kind of block, the attacks in each of its fields that takes words."""
    blocks: list[dict[str, Any]] = [
        {"type": "heading", "props": {"html": EVIL.replace("javascript:alert(7)", "#")}},
        {"type": "text", "props": {"html": EVIL.replace("javascript:alert(7)", "#")}},
        {"type": "button", "props": {"label": ATTACKS[0] + ATTACKS[1], "url": "https://x.example"}},
        {"type": "image", "props": {"src": "https://x.example/i.png", "alt": ATTACKS[1]}},
        {"type": "logo", "props": {"src": "https://x.example/i.png", "alt": ATTACKS[3]}},
        {
            "type": "items",
            "props": {
                "path": "custom.items",
                "columns": [{"label": ATTACKS[3], "value": "{{ item.name }}" + ATTACKS[1]}],
            },
        },
        {"type": "summary", "props": {"rows": [{"label": ATTACKS[0], "value": ATTACKS[3]}]}},
        {"type": "code", "props": {"value": ATTACKS[1]}},
        {"type": "footer", "props": {"html": EVIL.replace("javascript:alert(7)", "#")}},
        {"type": "html", "props": {"code": "".join((*ATTACKS[:4], *ATTACKS[5:]))}},
    ]
    found = [{"id": f"b{at}", **block} for at, block in enumerate(blocks)]
    return {"version": 1, "sections": [{"id": "s", "columns": [1], "blocks": [found]}]}


def _every_page(page: Page, cast: Cast, email: Email) -> None:
    here = f"/a/{cast.account.pk}/emails/{email.pk}/"
    for name in ("", "edit/", "preview/", "preview/?as=text", "preview/html/", "send/", "compose/"):
        page.goto(here + name)
        page.wait_for_load_state("networkidle")
    page.goto(f"/a/{cast.account.pk}/emails/")


def test_scripts_in_every_field_stay_words(visitor: Visitor, cast: Cast) -> None:
    sample = {"contact": {"firstname": EVIL}, "custom": {"items": [{"name": EVIL}]}}
    fields = drafts.DraftFields(
        name=EVIL[:200], subject=EVIL.replace(ATTACKS[4], ""), preview_text=ATTACKS[0],
        from_name=ATTACKS[1], from_address="a@shop.example", kind=Kind.TRANSACTIONAL,
        sample=sample, document=_document(),
    )  # fmt: skip
    email = drafts.create(cast.account, fields, by=ATTACKS[1])
    dialogs: list[str] = []
    errors: list[str] = []
    with visitor.context(cast.alice, viewport=SIZE) as context:
        page = context.new_page()
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        page.on("pageerror", lambda error: errors.append(str(error)))
        _every_page(page, cast, email)
        page.goto(f"/a/{cast.account.pk}/emails/{email.pk}/compose/")
        ready(page)
        for row in page.locator("#structure .block .name").all():
            row.click()
        page.get_by_role("button", name="Sample data").click()
        expect(canvas(page).locator("body")).to_contain_text("alert(1)")
        page.get_by_role("button", name="Email settings").click()
        for attack in ATTACKS:
            field(page, "subject").fill(attack)
        field(page, "subject").fill("Safe")
        saved(page)
        page.locator("#problems > summary").click()
        page.wait_for_timeout(600)
    assert dialogs == [] and errors == []
    assert len(of(email)) == 10
    assert settings.SESSION_COOKIE_HTTPONLY
