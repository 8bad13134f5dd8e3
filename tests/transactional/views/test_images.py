"""The library's pages, the editor's questions, and the address that mail loads images from."""

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from tests.cast import Cast, make_email
from tests.transactional.library.pictures_made import bomb, photo, png
from tests.transactional.library.test_images import added
from tests.transactional.views.test_emails import XSS
from tokens.models import User
from transactional.library import images, pictures
from transactional.models import Image

SignedIn = Callable[[User], Client]


def hand_in(
    client: Client, cast: Cast, data: bytes, *, as_json: bool = False, **form: str
) -> object:
    file = SimpleUploadedFile(form.pop("name", "a.png"), data, content_type="text/html")
    headers = {"Accept": "application/json"} if as_json else {}
    path = reverse("image_upload", args=[cast.account.pk])
    return client.post(path, {"file": file, "alt": "A cup", **form}, headers=headers)


def test_mail_loads_an_image_without_session_or_cookie(
    cast: Cast, signed_in: SignedIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    image = added(cast)
    client = signed_in(cast.alice)  # whatever cookies come along
    with django_assert_num_queries(2):
        answer = client.get(images.path(image), HTTP_HOST="any.host.example")
    assert answer.status_code == 200 and answer.content == png()
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert not answer.cookies and "Vary" not in answer.headers
    again = Client().get(images.path(image), headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304 and again.content == b""
    assert Client().head(images.path(image)).status_code == 200
    for wrong in (images.path(image)[:-4], images.path(image) + "x", "/i/" + "0" * 32 + ".png"):
        assert Client().get(wrong).status_code == 404
    assert Client().post(images.path(image)).status_code == 405


def test_a_form_and_the_editor_add_images(cast: Cast, signed_in: SignedIn) -> None:
    client = signed_in(cast.alice)
    answer = hand_in(client, cast, png(), name=f"{XSS}.html")
    image = Image.objects.of(cast.account).get()
    assert answer.headers["Location"] == reverse("image", args=[cast.account.pk, image.pk])
    page = client.get(answer.headers["Location"]).content.decode()
    assert "Added to the library" in page and "<script>alert" not in page
    told = hand_in(client, cast, png(), as_json=True)
    assert (told.status_code, told.json()["new"]) == (200, False)
    told = hand_in(client, cast, photo(1300, 900, quality=92), as_json=True)
    assert told.status_code == 201 and told.json()["image"]["heavy"]
    path = reverse("image_smaller", args=[cast.account.pk, told.json()["image"]["id"]])
    lighter = client.post(path, headers={"Accept": "application/json"}).json()["image"]
    assert not lighter["heavy"] and lighter["width"] <= 1200


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG or HTML"),
        (b"\x00\x01", "no PNG, JPEG, GIF or WebP"),
        (bomb(), "too many pixels"),
        (png()[:50], "damaged or cut off"),
        (b"\xff" * (pictures.OCTETS + 1), "larger than 5 MB"),
    ],
)
def test_what_is_no_image_is_refused_in_words(
    cast: Cast, signed_in: SignedIn, data: bytes, words: str
) -> None:
    client = signed_in(cast.alice)
    for as_json in (True, False):
        answer = hand_in(client, cast, data, as_json=as_json)
        assert answer.status_code == 422 and words in answer.content.decode()
    assert not Image.objects.exists()


def test_no_file_and_no_description(cast: Cast, signed_in: SignedIn) -> None:
    client = signed_in(cast.alice)
    path = reverse("image_upload", args=[cast.account.pk])
    assert b"The file is empty" in client.post(path, {"alt": XSS}).content
    assert b"<script>alert" not in client.post(path, {"alt": XSS}).content
    answer = hand_in(client, cast, png(), alt="")
    assert answer.status_code == 422 and b"Write what the image shows" in answer.content


def test_the_library_is_searched_and_paged(
    cast: Cast, signed_in: SignedIn, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(images.PAGE + 2):
        added(cast, png(1 + number, 1), name=f"n{number}", alt=f"Cup {number}")
    client = signed_in(cast.bob)
    with django_assert_max_num_queries(6):
        first = client.get(reverse("images", args=[cast.account.pk]))
    assert len(first.context["images"]) == images.PAGE and b"upload/" not in first.content
    second = client.get(first.request["PATH_INFO"] + first.context["older"])
    assert [one["name"] for one in second.context["images"]] == ["n1", "n0"]
    choices = reverse("image_choices", args=[cast.account.pk])
    assert [one["alt"] for one in client.get(f"{choices}?q=cup 25").json()["images"]] == ["Cup 25"]
    for odd in ("before=x", "before=" + "9" * 30, "q=%00", "before=-1"):
        assert client.get(f"{choices}?{odd}").status_code == 200


def test_what_is_used_is_not_deleted(cast: Cast, signed_in: SignedIn) -> None:
    image = added(cast)
    email = make_email(cast.account, html=f'<img src="{images.url(image)}" alt="x">', name=XSS)
    client, path = signed_in(cast.alice), reverse("image_delete", args=[cast.account.pk, image.pk])
    page = client.get(path).content.decode()
    assert "cannot be deleted" in page and "<script>alert" not in page
    told = client.post(path, follow=True).content.decode()
    assert "This image is used" in told
    email.delete()
    assert b"Deleted." in client.post(path, follow=True).content
    assert not Image.objects.exists()


def test_strangers_see_nothing_and_viewers_change_nothing(cast: Cast, signed_in: SignedIn) -> None:
    image = added(cast)
    names = ("image", "image_smaller", "image_delete")
    charlie, bob = signed_in(cast.charlie), signed_in(cast.bob)
    for name in names:
        path = reverse(name, args=[cast.account.pk, image.pk])
        assert charlie.post(path).status_code == 404
        own = reverse(name, args=[cast.other_account.pk, image.pk])
        assert charlie.post(own).status_code == 404
        assert bob.post(path).status_code == (200 if name == "image" else 403)
    for name in ("images", "image_choices", "image_upload"):
        path = reverse(name, args=[cast.account.pk])
        assert charlie.post(path).status_code in (404, 405)
        assert charlie.get(path).status_code in (404, 405)
    assert hand_in(bob, cast, png(9, 9)).status_code == 403
    image.refresh_from_db()
    assert image.alt == "A cup of tea"
