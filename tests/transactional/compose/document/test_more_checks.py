"""Checks that look beyond the document: samples, the library, DNS, links' answers, written HTML."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from config.errors import PostinoError
from domains.models import Domain
from tests.cast import Cast, make_email
from tests.transactional.compose.document.test_checks import SHOP, draft, found, one
from tests.transactional.library.pictures_made import photo, png
from tests.transactional.library.test_images import added
from transactional.compose import dismissals, link_probes, samples
from transactional.compose.document import checks
from transactional.compose.document.client_table import FEATURES
from transactional.compose.document.colours import contrast
from transactional.compose.document.mjml import to_html
from transactional.library import images
from transactional.models import DismissedProblem, Email, Image, Kind, Lane, LinkProbe

PAGE = (
    '<html lang="en"><head><title>Order</title></head><body><h1>Your order</h1><p>{words}</p>{more}'
    "</body></html>"
)
WORDS = (
    "Thank you for your order, which we have packed and which leaves our house this evening still. "
    * 2
)


def html(cast: Cast, more: str = "", page: str = PAGE, **fields: Any) -> Email:
    values = {
        "subject": "Your order has left",
        "preview_text": "It is on its way to you since this morning.",
    }
    source = page.replace("{words}", WORDS).replace("{more}", more)
    return make_email(cast.account, html=source, **{**values, **fields})


def codes(email: Email) -> set[tuple[str, str]]:
    return {(level, code) for level, code, _block in found(email)}


def test_every_set_of_data_must_render_and_the_largest_counts(cast: Cast) -> None:
    email = draft(cast)
    assert found(email) == set()
    many = samples.multiplied(email.sample, 900)
    samples.create(email, name="Very many", data=many, by="a")
    assert codes(email) == {("warn", "SIZE_CUT")}
    samples.create(email, name="Nothing", data={}, by="a")
    assert ("block", "SAMPLE_SET") in codes(email)
    told = next(one.message for one in checks.run(email) if one.code == "SAMPLE_SET")
    assert "“Nothing”" in told


def test_a_list_written_as_text_and_a_name_without_fallback(cast: Cast) -> None:
    text = one("text", html="<p>{{ custom.items }} {{ contact.firstname }} {{ contact.email }}</p>")
    assert codes(draft(cast, text)) >= {("warn", "LIST_AS_TEXT"), ("advice", "NO_FALLBACK")}
    safe = one("text", html='<p>{{ contact.firstname|default("you") }}</p>')
    assert codes(draft(cast, safe)) == set()


def test_images_are_weighed_and_missed(cast: Cast) -> None:
    heavy, light = added(cast, photo(900, 700, quality=95)), added(cast, png())
    block = one("image", src=images.url(heavy), alt="Tea")
    assert found(draft(cast, block)) == {("warn", "IMAGE_HEAVY", "x")}
    block = one("image", src=images.url(light), alt="Tea")
    email = draft(cast, block)
    assert found(email) == set()  # plain HTTP, but our own: nothing an author could change
    Image.objects.filter(pk=light.pk).delete()
    assert found(email) == {("block", "IMAGE_GONE", "x")}
    Image.objects.filter(pk=heavy.pk).update(size=1_100_000, format="webp")
    block = one("image", src=images.url(heavy), alt="Tea")
    assert {code for _l, code, _b in found(draft(cast, block))} == {
        "IMAGE_HEAVY", "IMAGES_HEAVY", "IMAGE_FORMAT",
    }  # fmt: skip
    theirs = added(cast, png(5, 5))
    Image.objects.filter(pk=theirs.pk).update(account=cast.other_account)
    stolen = one("image", src=images.url(theirs), alt="Tea")
    assert ("block", "IMAGE_GONE", "x") in found(draft(cast, stolen))


def test_dns_that_went_wrong_is_told(cast: Cast) -> None:
    domain = Domain.objects.of(cast.account).get()
    domain.findings = [
        {"purpose": "dmarc", "host": "_dmarc.shop.example", "status": "missing", "code": "absent", "params": {}},
        {"purpose": "return_path", "host": "b", "status": "wrong", "code": "absent", "required": True, "params": {}},
        {"purpose": "tracking", "host": "t", "status": "wrong", "code": "absent", "params": {}},
    ]  # fmt: skip
    domain.save()
    assert codes(draft(cast)) == {("warn", "FROM_DMARC"), ("warn", "FROM_DNS")}


def test_links_that_lead_elsewhere_look_like_marketing(cast: Cast) -> None:
    away = [
        {"id": f"x{at}", "type": "button", "props": {"label": "Go", "url": f"https://n{at}.other/"}}
        for at in range(3)
    ]
    assert ("warn", "PROMOTIONAL_LINKS") in codes(draft(cast, *away))
    home = one("text", html=" ".join(f'<a href="{SHOP}{at}">here {at}</a>' for at in range(6)))
    assert codes(draft(cast, home)) == set()


def test_a_secret_link_is_given_once(cast: Cast) -> None:
    twice = [
        {
            "id": f"x{at}",
            "type": "button",
            "props": {"label": "Go", "url": "{{ custom.order_url }}"},
        }
        for at in range(2)
    ]
    assert codes(draft(cast, *twice)) == set()
    assert ("advice", "LINK_TWICE") in codes(draft(cast, *twice, lane=Lane.URGENT))


def test_small_print_is_legible_and_so_is_the_dark(cast: Cast) -> None:
    assert ("warn", "CONTRAST_SMALL") in codes(draft(cast, settings={"text": "#767676"}))
    assert contrast("#e8eaf0", "#1c1f26") > 7 and contrast("#9db6ff", "#1c1f26") > 7
    page = to_html(checks.schema.parse(draft(cast).document))
    assert all(colour in page for colour in ("#e8eaf0", "#1c1f26", "#9db6ff"))


# ——— what links answered ———


def _answered(email: Email, url: str, **answer: Any) -> None:
    LinkProbe.objects.update_or_create(
        account_id=email.account_id,
        digest=link_probes._digest(url),
        defaults={"url": url, **answer},
    )


def test_dead_links_are_told_and_asked_again(cast: Cast) -> None:
    url = SHOP + "gone"
    email = draft(cast, one("button", label="Go", url=url))
    assert link_probes.stale(email) == [url]
    _answered(email, url, status=404, trouble="")
    assert found(email) == {("warn", "LINK_DEAD", "x")} and link_probes.stale(email) == []
    _answered(
        email, url, status=None, trouble="silent", asked_at=timezone.now() - timedelta(hours=1)
    )
    assert found(email) == {("advice", "LINK_SILENT", "x")} and link_probes.stale(email) == [url]
    _answered(email, url, status=302, trouble="", asked_at=timezone.now() - timedelta(hours=1))
    assert found(email) == set() and link_probes.stale(email) == []
    other = make_email(cast.other_account, html=f'<a href="{url}">x</a>')
    assert link_probes.stale(other) == [url]
    assert link_probes.forget() == 0
    LinkProbe.objects.update(asked_at=timezone.now() - timedelta(days=31))
    assert link_probes.forget() == 1


def test_links_are_asked_through_the_guard(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Private addresses are refused before anything is sent; a name without an address is silent."""
    asked = "https://[::1]/x", "https://no-such-host.invalid/", "http://169.254.169.254/latest"
    more = "".join(f'<a href="{url}">x</a>' for url in asked)
    monkeypatch.setattr(
        link_probes.dns, "run", lambda work: (work.close(), type("A", (), {"records": ()}))[1]
    )
    email = html(cast, more + '<a href="{{ custom.x }}">y</a><a href="mailto:a@b.example">z</a>')
    assert link_probes.ask(email) == 3
    rows = {row.url: (row.status, row.trouble) for row in LinkProbe.objects.of(cast.account)}
    assert rows == {
        asked[0]: (None, "refused"),
        asked[1]: (None, "silent"),
        asked[2]: (None, "refused"),
    }
    assert link_probes.ask(email) == 0


# ——— emails and blocks written as HTML ———


@pytest.mark.parametrize(
    ("more", "level", "code"),
    [
        ('<img src="https://x.example.co/a.png" width="9">', "warn", "IMAGE_ALT"),
        ('<img src="https://x.co/a.png" alt="a.png" width="9">', "warn", "IMAGE_ALT_FILE"),
        ('<img src="https://x.co/a.png" alt="">', "advice", "IMAGE_WIDTH"),
        ('<img src="http://x.co/a.png" alt="" width="9">', "warn", "IMAGE_HTTP"),
        ('<a href="">x</a>', "warn", "LINK_EMPTY"),
        ('<a href="#top">x</a>', "warn", "LINK_FRAGMENT"),
        ('<a href="https://10.0.0.1/">x</a>', "warn", "LINK_PRIVATE"),
        ('<a href="https://other.co/">shop.example.co</a>', "warn", "LINK_MISLEADS"),
        ("<p>[FIRST NAME]</p>", "warn", "LEFTOVER"),
        ("<p>Lorem ipsum</p>", "warn", "LEFTOVER"),
        ("<p>20 % off</p>", "warn", "PROMOTIONAL"),
        ('<a href="{{ unsubscribe_link }}">x</a>', "warn", "PROMOTIONAL"),
        ('<p style="display: flex">x</p>', "advice", "CLIENT_FLEX"),
        ("<form><input></form>", "advice", "CLIENT_FORM"),
        ("<p>{{ custom.more }}</p>", "warn", "MISSING_TEMPLATE_PROPERTIES"),
        ("", "", ""),
    ],
)
def test_what_written_html_lacks(cast: Cast, more: str, level: str, code: str) -> None:
    assert codes(html(cast, more)) == ({(level, code)} if code else set())


def test_pages_of_written_html(cast: Cast) -> None:
    bare = html(cast, page="<p>{words}</p><h2>x</h2>")
    assert codes(bare) == {
        ("warn", "HTML_LANG"),
        ("advice", "HTML_TITLE"),
        ("advice", "HEADING_ORDER"),
    }
    email = html(cast, text=WORDS)
    email.text_basis = "x"
    assert codes(email) == {("warn", "TEXT_DRIFT")}
    marketing = html(cast, kind=Kind.MARKETING)
    assert ("block", "MISSING_UNSUBSCRIBE_LINK") in codes(marketing)
    few = html(
        cast, page='<html lang="en"><title>x</title><img src="https://x.co/a" alt="" width="9">'
    )
    assert ("warn", "IMAGE_ONLY") in codes(few)


def test_html_blocks_are_compared_with_what_mail_programs_show(cast: Cast) -> None:
    block = one("html", code='<video src="https://shop.example/x"></video>')
    assert found(draft(cast, block)) == {("advice", "CLIENT_VIDEO", "x")}
    plain = to_html(checks.schema.parse(draft(cast).document))
    assert [code for code, mark, _what, _who in FEATURES if mark.search(plain)] == []


# ——— letting warnings pass ———


def test_a_warning_is_let_pass_with_name_and_reason(cast: Cast) -> None:
    email = draft(cast, one("button", label="Go", url="http://shop.example/"))
    how = {"code": "LINK_HTTP", "block": "x", "by": "alice"}
    row = dismissals.dismiss(email, why=" Their server \n is old ", **how)
    assert row.why == "Their server is old" and found(email) == set()
    report = checks.report(email)
    assert report.publishable and [kept for _one, kept in report.dismissed] == [row]
    with pytest.raises(PostinoError, match="not wrong any more"):
        dismissals.dismiss(email, why="x", **how)
    dismissals.withdraw(email, row.pk)
    assert found(email) == {("warn", "LINK_HTTP", "x")}
    with pytest.raises(PostinoError, match="shown already"):
        dismissals.withdraw(email, row.pk)
    dismissals.dismiss(email, why="Again", **how)
    assert DismissedProblem.objects.count() == 2  # the log keeps both


def test_what_stops_is_not_let_pass(cast: Cast) -> None:
    email = draft(cast, one("button", label="Go", url=""))
    for why, words in (("x", "stops publishing"), (" ", "Write why")):
        with pytest.raises(PostinoError, match=words):
            dismissals.dismiss(email, code="LINK_EMPTY", block="x", why=why, by="alice")
    # A warning that becomes one that stops is told again
    DismissedProblem.objects.create(
        account=cast.account, email=email, code="LINK_EMPTY", block="x", message="", why="x", by="a"
    )
    assert ("block", "LINK_EMPTY", "x") in found(email)
