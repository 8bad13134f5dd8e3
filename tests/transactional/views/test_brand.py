"""The brand kit's pages: saved, shown before it is applied, applied only to what was shown."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.cast import Cast, make_email
from tests.transactional.library.test_images import added
from tests.transactional.views.test_email_compose import block_email
from tests.transactional.views.test_emails import XSS
from tokens.models import User
from transactional.compose import brand
from transactional.compose.document import checks
from transactional.library import images
from transactional.models import BrandKit, Kind

SignedIn = Callable[[User], Client]


def form(**more: Any) -> dict[str, Any]:
    return {
        "accent": "#aa0000", "text": "#111111", "surface": "#ffffff", "background": "#eeeeee",
        "font": "Verdana, Geneva, sans-serif", "radius": "12", "logo": "", "logo_width": "120",
        "network": ["x", "web"], "link": ["https://x.example/tea", ""], **more,
    }  # fmt: skip


def move(cast: Cast, **more: str) -> None:
    """What an owner says of the company in the account's settings."""
    where = {"company_name": "Tea & Co", "street": "Via Roma 1", "postcode": "42121"}
    for name, text in {**where, "city": "Reggio", **more}.items():
        setattr(cast.account, name, text)
    cast.account.save()


def save(client: Client, cast: Cast, **more: Any) -> Any:
    return client.post(reverse("brand", args=[cast.account.pk]), form(**more))


def test_new_emails_wear_the_brand_and_drafts_only_when_asked(
    cast: Cast, signed_in: SignedIn
) -> None:
    logo, before = added(cast), block_email(cast)
    move(cast)
    client = signed_in(cast.alice)
    answer = save(client, cast, logo=str(logo.pk))
    assert answer.headers["Location"] == reverse("brand_apply", args=[cast.account.pk])
    kit = BrandKit.objects.of(cast.account).get()
    assert (kit.logo, kit.radius) == (logo, 12)
    after = block_email(cast)
    assert images.url(logo) in after.html and "border-radius:12px" in after.html
    assert "Via Roma 1<br>" in after.html and "https://x.example/tea" in after.html
    page = client.get(answer.headers["Location"])
    assert [change.email for change in page.context["changes"]] == [before]
    shown = reverse("brand_draft", args=[cast.account.pk, before.pk])
    assert b"#aa0000" not in client.get(shown).content
    assert b"#aa0000" in client.get(f"{shown}?after=1").content
    ticked = {"email": str(before.pk), f"revision-{before.pk}": "1"}
    told = client.post(answer.headers["Location"], ticked, follow=True).content.decode()
    before.refresh_from_db()
    assert "1 draft wears it now" in told and "Every draft wears the brand" in told
    assert before.revision == 2 and "#aa0000" in before.html and "Via Roma 1<br>" in before.html


def test_a_draft_that_somebody_changed_is_left_alone(cast: Cast, signed_in: SignedIn) -> None:
    email, client = block_email(cast), signed_in(cast.alice)
    save(client, cast)
    path = reverse("brand_apply", args=[cast.account.pk])
    told = client.post(path, {"email": str(email.pk), f"revision-{email.pk}": "7"}, follow=True)
    email.refresh_from_db()
    assert "left alone: Receipt" in told.content.decode() and email.revision == 1
    assert client.post(path, {"email": ["x", "9" * 30]}).status_code == 302


def test_a_moved_company_finds_its_old_footer(cast: Cast, signed_in: SignedIn) -> None:
    old = block_email(cast, kind=Kind.MARKETING)
    move(cast)
    save(signed_in(cast.alice), cast)
    email = block_email(cast, kind=Kind.MARKETING)
    brand.apply(old, by="alice")
    old.refresh_from_db()
    move(cast, street="Via Po 2", postcode="", city="Torino")
    for one in (email, old):
        brand.apply(one, by="alice")
        one.refresh_from_db()
        assert "Via Po 2" in one.html and "Via Roma" not in one.html
        assert one.html.count("Torino") == 1


def test_the_footer_is_shown_here_and_changed_in_the_settings(
    cast: Cast, signed_in: SignedIn
) -> None:
    path, settings = reverse("brand", args=[cast.account.pk]), f"/a/{cast.account.pk}/settings/"
    owner = signed_in(cast.alice)
    assert "The street or the city is missing" in owner.get(path).content.decode()
    move(cast)
    mine, bobs = (user.get(path).content.decode() for user in (owner, signed_in(cast.bob)))
    for page in (mine, bobs):
        assert "Tea &amp; Co<br>Via Roma 1<br>42121 Reggio" in page and "is missing" not in page
    link = f'<a href="{settings}">Change it in the account settings'
    assert link in mine and link not in bobs and "An owner changes it" in bobs
    save(owner, cast, company="Other", address="Elsewhere 2")
    cast.account.refresh_from_db()
    assert (cast.account.company, cast.account.street) == ("Tea & Co", "Via Roma 1")
    assert "Via Roma 1<br>42121 Reggio" in block_email(cast).html


def test_marketing_needs_the_address_of_the_account(cast: Cast) -> None:
    email = block_email(cast, kind=Kind.MARKETING)
    email.document["sections"][-1]["blocks"][0][-1]["props"]["html"] += "<p>Since 1901</p>"
    codes = [one.code for one in checks.run(email)]
    assert "MISSING_POSTAL_ADDRESS" not in codes
    move(cast)
    assert "MISSING_POSTAL_ADDRESS" in [one.code for one in checks.run(email)]
    brand.apply(email, by="alice")
    email.refresh_from_db()
    assert "MISSING_POSTAL_ADDRESS" not in [one.code for one in checks.run(email)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"accent": "red"}, "colour such as"),
        ({"radius": "99"}, "less than or equal to 24"),
        ({"font": "Comic"}, "Select a valid choice"),
        ({"logo": "999999"}, "Select a valid choice"),
        ({"link": ["javascript:alert(1)", ""]}, "may not start with"),
    ],
)
def test_what_cannot_be_kept_is_said(
    cast: Cast, signed_in: SignedIn, changes: dict[str, Any], words: str
) -> None:
    answer = save(signed_in(cast.alice), cast, **changes)
    assert answer.status_code == 422 and words in answer.content.decode()
    assert not BrandKit.objects.exists()


def test_words_are_only_words(cast: Cast, signed_in: SignedIn) -> None:
    client = signed_in(cast.alice)
    move(cast, company_name=XSS, street=XSS + "{{ contact.x }}")
    save(client, cast)
    email = block_email(cast)
    assert "<script>alert" not in email.html and "{{ contact.x" not in email.html
    for page in ("brand", "brand_apply", "brand_preview"):
        text = client.get(reverse(page, args=[cast.account.pk])).content.decode()
        assert "<script>alert" not in text and "<img src=x" not in text


def test_illegible_colours_are_saved_and_said(cast: Cast, signed_in: SignedIn) -> None:
    client = signed_in(cast.alice)
    save(client, cast, accent="#ffff00")
    page = client.get(reverse("brand_apply", args=[cast.account.pk])).content.decode()
    assert "#ffff00 is hard to read on #ffffff" in page


def test_strangers_and_viewers(cast: Cast, signed_in: SignedIn) -> None:
    email = block_email(cast)
    charlie, bob = signed_in(cast.charlie), signed_in(cast.bob)
    for name in ("brand", "brand_apply", "brand_preview"):
        path = reverse(name, args=[cast.account.pk])
        assert charlie.get(path).status_code == 404
        assert charlie.post(path).status_code in (404, 405)
    draft = reverse("brand_draft", args=[cast.account.pk, email.pk])
    assert charlie.get(draft).status_code == 404
    stolen = reverse("brand_draft", args=[cast.other_account.pk, email.pk])
    assert charlie.get(stolen).status_code == 404
    own = reverse("brand_apply", args=[cast.other_account.pk])
    charlie.post(own, {"email": str(email.pk), f"revision-{email.pk}": "1"})
    email.refresh_from_db()
    assert email.revision == 1
    assert bob.get(reverse("brand", args=[cast.account.pk])).status_code == 200
    save(bob, cast)
    assert not BrandKit.objects.exists()
    assert bob.get(reverse("brand_apply", args=[cast.account.pk])).status_code == 403
    html = make_email(cast.account)
    alone = reverse("brand_draft", args=[cast.account.pk, html.pk])
    assert signed_in(cast.alice).get(alone).status_code == 404
