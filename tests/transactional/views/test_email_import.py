"""Importing in the browser: a draft at once, a report that stays, and nobody else's."""

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.cast import Cast, make_user
from tests.transactional.compose.importing.test_importer import HUBSPOT, zipped
from tokens.models import Role, User
from transactional.models import Email, TemplateImport

SignedIn = Callable[[User], Client]


def url(cast: Cast) -> str:
    return f"/a/{cast.account.pk}/emails/import/"


def test_a_pasted_template_is_a_draft_with_a_report(cast: Cast, signed_in: SignedIn) -> None:
    client = signed_in(cast.alice)
    form = {"source": HUBSPOT, "kind": "transactional", "name": "My receipt"}
    answer = client.post(url(cast), form, follow=True)
    email = Email.objects.of(cast.account).get()
    assert (email.name, email.from_address) == ("My receipt", "hello@shop.example")
    assert email.document is None and "templateType" not in email.html
    assert email.sample["custom"]["company"] == {"name": "<name>"}
    page = answer.content.decode()
    assert "HubSpot’s header of the template is not part of the mail." in page
    assert f"/emails/{email.pk}/edit/" in page
    again = client.get(answer.request["PATH_INFO"]).content.decode()
    assert "A module of HubSpot" in again


def test_plain_html_arrives_byte_for_byte(cast: Cast, signed_in: SignedIn) -> None:
    html = b"<p style='a'>x\r\n\t&nbsp;\xc3\xa9 <a href=http://a.example>y</a></p>\n\n"
    file = SimpleUploadedFile("hello-world.html", html, content_type="text/html")
    answer = signed_in(cast.alice).post(url(cast), {"file": file, "kind": "marketing"}, follow=True)
    email = Email.objects.of(cast.account).get()
    assert email.html.encode() == html
    assert (email.name, email.kind) == ("hello world", "marketing")
    assert "Carried over whole" in answer.content.decode()


def test_a_zip_becomes_several_drafts(cast: Cast, signed_in: SignedIn) -> None:
    content = zipped(
        {
            "a.mjml": b"<mjml><mj-body><mj-section></mj-section></mj-body></mjml>",
            "b.html": b"<p>{{ x }}</p>",
            "broken.mjml": b"<mjml><mj-body><mj-nonsense></mj-body>",
            "logo.png": b"x",
        }
    )
    file = SimpleUploadedFile("all.zip", content)
    page = signed_in(cast.alice).post(
        url(cast), {"file": file, "kind": "transactional"}, follow=True
    )
    text = page.content.decode()
    assert sorted(Email.objects.of(cast.account).values_list("name", flat=True)) == ["a", "b"]
    assert "The MJML cannot be compiled." in text and "logo.png" in text


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "Choose a file or paste the source."),
        ({"source": "  "}, "Choose a file or paste the source."),
        ({"file": SimpleUploadedFile("a.zip", b"PK\x03\x04x")}, "The ZIP cannot be read"),
        ({"source": "x", "name": "a\nb"}, "This may not contain line breaks"),
        ({"source": "x", "kind": "other"}, "is not one of the available choices"),
    ],
)
def test_what_cannot_be_read_is_said(
    cast: Cast, signed_in: SignedIn, data: dict[str, object], sentence: str
) -> None:
    answer = signed_in(cast.alice).post(url(cast), {"kind": "transactional", **data})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not Email.objects.of(cast.account).exists()


def test_only_developers_import_and_strangers_see_nothing(cast: Cast, signed_in: SignedIn) -> None:
    marketer = make_user("m@shop.example", cast.account, Role.MARKETER)
    form = {"source": "<p>x</p>", "kind": "transactional"}
    for user, status in ((cast.bob, 403), (marketer, 403), (cast.charlie, 404)):
        assert signed_in(user).get(url(cast)).status_code == status
        assert signed_in(user).post(url(cast), form).status_code == status
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.alice)
    assert strict.post(url(cast), form).status_code == 403
    assert not TemplateImport.objects.exists()
    signed_in(cast.alice).post(url(cast), form)
    report = f"{url(cast)}{TemplateImport.objects.get().pk}/"
    assert signed_in(cast.bob).get(report).status_code == 200
    assert signed_in(cast.charlie).get(report).status_code == 404
    theirs = report.replace(f"/a/{cast.account.pk}/", f"/a/{cast.other_account.pk}/")
    assert signed_in(cast.charlie).get(theirs).status_code == 404


def test_what_was_typed_is_shown_and_never_runs(cast: Cast, signed_in: SignedIn) -> None:
    evil = "{{ '<img src=x onerror=alert(1)>'|nonesuch }}"
    form = {"source": evil, "kind": "transactional", "name": "<script>alert(1)</script>"}
    page = signed_in(cast.alice).post(url(cast), form, follow=True).content.decode()
    assert "<script>alert" not in page and "<img src=x" not in page
