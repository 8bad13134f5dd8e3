"""The checks: each finds what it is for, of the right level, at the right block."""

from copy import deepcopy
from typing import Any

import pytest

from config.errors import PostinoError
from tests.cast import Cast, make_email
from tests.transactional.compose.document.documents import document
from tokens.auth import Principal
from transactional.compose import drafts, versions
from transactional.compose.document import checks, starters
from transactional.models import Email, EmailVersion, Kind, Message
from transactional.submission.accept import Accepted, accept_many
from transactional.submission.request import Source, TemplateSubmission
from transactional.views import starter


def draft(cast: Cast, *blocks: dict[str, Any], **changes: Any) -> Email:
    """A receipt that has no problems, with more blocks, and its fields changed."""
    settings = changes.pop("settings", {})
    fields = starter.from_template(
        cast.account, "receipt", name="R", kind=Kind.TRANSACTIONAL, language="en",
        domains=["shop.example"],
    )  # fmt: skip
    whole = deepcopy(fields.document)
    assert whole is not None
    whole["sections"][0]["blocks"][0] += blocks
    whole["settings"] |= settings
    values = {
        name: changes.get(name, getattr(fields, name))
        for name in fields.__dataclass_fields__
        if name != "document"
    }
    return drafts.create(
        cast.account, drafts.DraftFields(**values, document=whole), by="alice@shop.example"
    )


def found(email: Email) -> set[tuple[str, str, str | None]]:
    return {(one.level, one.code, one.block) for one in checks.run(email)}


def one(kind: str, **props: Any) -> dict[str, Any]:
    return {"id": "x", "type": kind, "props": props}


SHOP = "https://shop.example/"


@pytest.mark.parametrize(
    ("block", "level", "code"),
    [
        (one("image", src=SHOP + "a.png"), "block", "IMAGE_ALT"),
        (one("image", src="", decorative=True), "block", "IMAGE_EMPTY"),
        (one("image", src="/a.png", alt="A cup"), "block", "IMAGE_RELATIVE"),
        (one("image", src="http://shop.example/a.png", alt="A cup"), "warn", "IMAGE_HTTP"),
        (one("image", src=SHOP + "a.SVG?x", alt="A cup"), "warn", "IMAGE_FORMAT"),
        (one("image", src=SHOP + "a.png", alt="DSC_01.jpg"), "warn", "IMAGE_ALT_FILE"),
        (one("button", label="Go", url=""), "block", "LINK_EMPTY"),
        (one("button", label="Go", url="#top"), "block", "LINK_FRAGMENT"),
        (one("button", label="Go", url="shop.example"), "block", "LINK_RELATIVE"),
        (one("button", label="Go", url="https://"), "block", "LINK_HOST"),
        (one("button", label="Go", url="https://[::"), "block", "LINK_HOST"),
        (one("button", label="Go", url="https://localhost:3000/"), "block", "LINK_PRIVATE"),
        (one("button", label="Go", url="https://10.0.0.1/"), "block", "LINK_PRIVATE"),
        (one("button", label="Go", url="https://bit.ly/x"), "warn", "LINK_SHORTENER"),
        (one("button", label="Go", url="http://shop.example/"), "warn", "LINK_HTTP"),
        (one("button", label="", url=SHOP), "block", "BUTTON_EMPTY"),
        (one("social", links=[{"network": "x", "url": ""}]), "block", "LINK_EMPTY"),
        (one("text", html='<a href="https://other.example/">shop.example</a>'), "warn", "LINK_MISLEADS"),
        (one("text", html="<p>Dear [FIRST NAME],</p>"), "block", "LEFTOVER"),
        (one("text", html="<p>Lorem ipsum dolor</p>"), "block", "LEFTOVER"),
        (one("text", html="<p>{{ custom.</p>"), "warn", None),
        (one("text", html="<p>{{ oops }}</p>"), "block", "LEFTOVER"),
        (one("button", label="Go", url="https://www.example.com/"), "block", "LEFTOVER"),
        (one("text", html="<p>Get 20 % off, buy now</p>"), "warn", "PROMOTIONAL"),
        (one("text", html="<p>Solo per oggi: offerta speciale</p>"), "warn", "PROMOTIONAL"),
        (one("text", html=""), "warn", "BLOCK_EMPTY"),
        (one("items", path=""), "block", "TABLE_EMPTY"),
        (one("heading", html="Again", level=1), "advice", "HEADING_TWICE"),
        (one("code", value="123"), "advice", "TRACKED_CODE"),
        (one("divider"), "", None), (one("image", src="{{ custom.order_url }}", alt="A cup"), "", None),
        (one("image", src=SHOP + "a.png", decorative=True), "", None),
        (one("text", html=f'<a href="{SHOP}">www.shop.example</a>'), "", None),
        (one("button", label="Write", url="mailto:help@shop.example"), "", None),
    ],
)  # fmt: skip
def test_what_a_block_lacks(
    cast: Cast, block: dict[str, Any], level: str, code: str | None
) -> None:
    problems = found(draft(cast, block))
    assert (problems == {(level, code, "x")}) if code else (problems == set()), problems


@pytest.mark.parametrize(
    ("changes", "level", "code"),
    [
        ({"subject": ""}, "block", "SUBJECT_EMPTY"),
        ({"subject": "x" * 71}, "warn", "SUBJECT_LONG"),
        ({"subject": "YOUR ORDER"}, "warn", "SUBJECT_CAPITALS"),
        ({"subject": "Order!!"}, "warn", "SUBJECT_SHOUTS"),
        ({"subject": "Order {{ custom.order_id"}, "block", "TEMPLATE"),
        ({"subject": "Black Friday"}, "warn", "PROMOTIONAL"),
        ({"preview_text": ""}, "advice", "PREVIEW_EMPTY"),
        ({"preview_text": "Short"}, "advice", "PREVIEW_LENGTH"),
        ({"preview_text": "Your order {{ custom.order_id }}"}, "warn", "PREVIEW_SAME"),
        ({"from_address": ""}, "block", "FROM_EMPTY"),
        ({"from_address": "a@other.example"}, "block", "FROM_UNVERIFIED"),
        ({"reply_to": "no-reply@shop.example"}, "advice", "REPLY_NOBODY"),
        ({"sample": {}}, "block", "MISSING_TEMPLATE_PROPERTIES"),
        ({"settings": {"text": "#cccccc"}}, "warn", "CONTRAST_TEXT"),
        ({"settings": {"accent": "#ffee00"}}, "warn", "CONTRAST_LINKS"),
    ],
)
def test_what_the_email_lacks(cast: Cast, changes: dict[str, Any], level: str, code: str) -> None:
    problems = found(draft(cast, **changes))
    assert (level, code, None) in problems
    assert level == "block" or not any(one[0] == "block" for one in problems)


def test_a_contact_without_sample_is_pointed_out(cast: Cast) -> None:
    email = draft(cast, one("text", html="<p>{{ contact.city }}</p>"))
    assert found(email) == {("advice", "NO_SAMPLE", None)}


def test_a_large_email_is_cut_off(cast: Cast) -> None:
    texts = [
        {"id": f"x{at}", "type": "text", "props": {"html": "<p>word</p>" * 200}} for at in range(25)
    ]
    assert ("warn", "SIZE_NEAR", None) in found(draft(cast, *texts[:11]))
    assert ("warn", "SIZE_CUT", None) in found(draft(cast, *texts))


def test_images_alone_say_little(cast: Cast) -> None:
    image = one("image", src=SHOP + "a.png", alt="A cup")
    email = drafts.create(
        cast.account,
        drafts.DraftFields(name="I", document=document(image), sample={}),
        by="alice@shop.example",
    )
    assert ("warn", "IMAGE_ONLY", None) in found(email)
    empty = drafts.create(
        cast.account,
        drafts.DraftFields(name="E", document=document(), sample={}),
        by="alice@shop.example",
    )
    assert ("block", "EMPTY", None) in found(empty)


def test_marketing_needs_a_way_out_and_an_address(cast: Cast) -> None:
    email = draft(cast, kind=Kind.MARKETING)
    stops = {one.code for one in checks.stopping(email)}
    assert stops == {"MISSING_UNSUBSCRIBE_LINK", "MISSING_POSTAL_ADDRESS"}
    footer = one(
        "footer", html='<p>Via Roma 1, Milano</p><a href="{{ unsubscribe_link }}">Unsubscribe</a>'
    )
    assert checks.stopping(draft(cast, footer, kind=Kind.MARKETING)) == []
    assert ("warn", "PROMOTIONAL", None) in found(draft(cast, footer))


def test_html_emails_are_told_and_seldom_stopped(cast: Cast) -> None:
    email = make_email(cast.account)
    codes = {(one.level, one.code) for one in checks.run(email)}
    assert ("warn", "MISSING_TEMPLATE_PROPERTIES") in codes  # no sample data
    assert checks.stopping(email) == []
    email.from_address = "me@elsewhere.example"
    assert ("warn", "FROM_UNVERIFIED") in {(one.level, one.code) for one in checks.run(email)}
    assert checks.stopping(email) == []  # it is refused when it is sent


def test_publishing_names_what_stops_it(cast: Cast) -> None:
    email = draft(cast, one("button", label="Go", url=""))
    with pytest.raises(PostinoError) as caught:
        versions.publish(email, by="alice@shop.example")
    assert caught.value.refusal.code == "CHECKS_FAILED" and caught.value.refusal.pointer == "x"
    assert not EmailVersion.objects.filter(email=email).exists()
    # Warnings only are no hindrance, and a draft is sent as a test all the same
    versions.publish(draft(cast, one("text", html="")), by="alice@shop.example")
    versions.snapshot(email, by="alice@shop.example")


@pytest.mark.parametrize("language", ["en", "it"])
@pytest.mark.parametrize("key", starters.TEMPLATES)
def test_every_template_passes_its_checks_and_is_sent(cast: Cast, key: str, language: str) -> None:
    fields = starter.from_template(
        cast.account, key, name=key, kind=Kind.TRANSACTIONAL, language=language,
        domains=["shop.example"],
    )  # fmt: skip
    email = drafts.create(cast.account, fields, by="alice@shop.example")
    assert checks.run(email) == []
    versions.publish(email, by="alice@shop.example")
    submission = TemplateSubmission(
        principal=Principal(account_id=cast.account.pk, kind="user", credential_id=1, name="alice"),
        source=Source.API,
        email_id=email.pk,
        to="anna@cliente.example",
        contact_properties=email.sample["contact"],
        custom=email.sample["custom"],
    )
    (answer,) = accept_many([submission])
    assert isinstance(answer, Accepted), answer
    message = Message.objects.of(cast.account).get()
    assert message.refusal == "" and message.subject and "{{" not in message.subject


@pytest.mark.parametrize("language", ["en", "it", "xx"])
def test_a_marketing_template_has_its_way_out(cast: Cast, language: str) -> None:
    fields = starter.from_template(
        cast.account, "terms", name="M", kind=Kind.MARKETING, language=language,
        domains=["shop.example"],
    )  # fmt: skip
    email = drafts.create(cast.account, fields, by="alice@shop.example")
    assert {one.code for one in checks.stopping(email)} == {"MISSING_POSTAL_ADDRESS"}


def test_a_company_with_an_odd_name(cast: Cast) -> None:
    found_starter = starters.starter(
        "code", "en", kind=Kind.TRANSACTIONAL, company="A & <b>{{ x }}{% y %}\x07 S.p.A."
    )
    email = drafts.create(
        cast.account,
        drafts.DraftFields(name="x", document=found_starter.document, sample=found_starter.sample),
        by="alice@shop.example",
    )
    assert "A &amp; &lt;b&gt;(( x }}(% y %} S.p.A." in email.html
