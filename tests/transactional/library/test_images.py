"""The library: kept once, within a quota, described, deleted only when nothing needs it."""

from pathlib import Path

import pytest
from pytest_django import Settings

from config.errors import PostinoError
from tests.cast import Cast, make_email
from tests.transactional.library.pictures_made import photo, png
from transactional.compose import versions
from transactional.library import images, storage
from transactional.models import BrandKit, Image, ImageContent, SavedBlock

BY = "alice@shop.example"


def added(cast: Cast, data: bytes | None = None, **more: object) -> Image:
    how = {"name": "tea.png", "alt": "A cup of tea", "decorative": False, "by": BY, **more}
    return images.add(cast.account, data or png(), **how)[0]  # type: ignore[arg-type]


def code(caught: pytest.ExceptionInfo[PostinoError]) -> str:
    return caught.value.refusal.code


def test_the_same_octets_are_kept_once_per_account(cast: Cast) -> None:
    first = added(cast)
    again, new = images.add(
        cast.account, png(), name="b", alt="Something else", decorative=False, by=BY
    )
    assert (again.pk, new, again.alt) == (first.pk, False, "A cup of tea")
    other, new = images.add(cast.other_account, png(), name="b", alt="x", decorative=False, by=BY)
    assert new and other.token != first.token
    assert Image.objects.count() == 2


def test_it_says_what_it_shows_or_that_it_is_decoration(cast: Cast) -> None:
    with pytest.raises(PostinoError) as caught:
        added(cast, alt=" \n\0 ")
    assert code(caught) == "IMAGE_ALT"
    assert added(cast, alt="", decorative=True).decorative
    image = added(cast, png(3, 3))
    with pytest.raises(PostinoError):
        images.describe(image, name="x", alt="", decorative=False)
    images.describe(image, name="\x00", alt="A\nteapot", decorative=False)
    image.refresh_from_db()
    assert (image.name, image.alt) == ("Image", "A teapot")


def test_the_quota_is_the_accounts(cast: Cast, settings: Settings) -> None:
    settings.IMAGE_QUOTA_MB = 1
    added(cast, photo(1000, 800, quality=95))
    with pytest.raises(PostinoError) as caught:
        added(cast, photo(1001, 800, quality=95))
    assert code(caught) == "IMAGE_QUOTA"
    images.add(
        cast.other_account, photo(999, 800, quality=95), name="x", alt="x", decorative=False, by=BY
    )


@pytest.mark.parametrize("store", ["database", "folder"])
def test_octets_are_where_the_setting_says(
    cast: Cast, settings: Settings, tmp_path: Path, store: str
) -> None:
    settings.IMAGE_STORE, settings.DATA_DIR = store, tmp_path
    image = added(cast)
    assert ImageContent.objects.exists() == (store == "database")
    assert (len(list(tmp_path.rglob(image.token))) == 1) == (store == "folder")
    # What was kept one way is found after the setting has changed
    settings.IMAGE_STORE = "folder" if store == "database" else "database"
    assert storage.find(image) == png()
    images.delete(image)
    assert storage.find(image) is None
    assert not ImageContent.objects.exists() and not list(tmp_path.rglob("[0-9a-f]*.*"))


def test_what_is_used_stays(cast: Cast) -> None:
    image = added(cast)
    tag = f'<p>Hi</p><img src="{images.url(image)}" alt="x">'
    email = make_email(cast.account, html=tag)
    assert images.users(image).emails == (email,)
    with pytest.raises(PostinoError) as caught:
        images.delete(image)
    assert code(caught) == "IMAGE_IN_USE"
    versions.publish(email, by=BY)
    email.refresh_from_db()
    email.html = "<p>Hi</p>"
    email.save()
    assert images.users(image).emails == (email,)  # the live version shows it
    versions.publish(email, by=BY)
    users = images.users(image)
    assert not users.stop and users.sent
    brand = BrandKit.objects.create(account=cast.account, logo=image)
    saved = SavedBlock.objects.create(
        account=cast.account, name="Head", content={"src": images.url(image)}, created_by=BY
    )
    users = images.users(image)
    assert users.brand and users.saved == (saved,)
    brand.delete()
    saved.delete()
    images.delete(image)
    assert not Image.objects.exists()


def test_an_address_leads_back_to_the_accounts_own_image(cast: Cast, settings: Settings) -> None:
    image = added(cast)
    settings.IMAGE_URL = "https://img.shop.example"
    address = images.url(image)
    assert address == f"https://img.shop.example/i/{image.token}.png"
    elsewhere = f"https://evil.example/i/{image.token}.png"
    assert images.known(cast.account.pk, [address, elsewhere, "x"]) == {address: image}
    assert images.known(cast.other_account.pk, [address]) == {}


def test_a_lighter_copy_stands_beside_the_heavy_one(cast: Cast) -> None:
    heavy = added(cast, photo(1300, 900, quality=92))
    copy = images.add_smaller(heavy, by=BY)
    assert copy.pk != heavy.pk and copy.size < heavy.size
    assert (copy.alt, images.add_smaller(heavy, by=BY).pk) == (heavy.alt, copy.pk)
