"""CSV in and out, as a browser does it; nobody else's, and nothing a spreadsheet would run."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.cast import Cast
from tests.transactional.test_contact_changes import make_contact
from tests.transactional.views.test_messages import XSS
from tokens.models import User
from transactional import contact_import, contact_lists, contact_log
from transactional.models import Contact, ContactImport

SignedIn = Callable[[User], Client]


def hand_in(client: Client, cast: Cast, content: bytes, name: str = "people.csv") -> Any:
    file = SimpleUploadedFile(name, content, content_type="text/csv")
    return client.post(f"/a/{cast.account.pk}/contacts/import/", {"file": file})


def table(answer: Any) -> list[list[str]]:
    content = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(content, newline="")))


def test_a_file_goes_in_in_three_steps(cast: Cast, signed_in: SignedIn) -> None:
    client = signed_in(cast.alice)
    content = (
        f'Nome;E-mail;Note\nForlì;anna@x.example;"{XSS.replace(chr(34), chr(34) * 2)}"\nx;bad;y\n'
    )
    path = hand_in(client, cast, content.encode("cp1252"), name=f"{XSS}.csv").headers["Location"]
    page = client.get(path).content.decode()
    assert "windows-1252" in page and "semicolon" in page and "Forlì" in page
    assert "<script>alert" not in page and "<img src=x" not in page
    assert not Contact.objects.of(cast.account).exists()
    wrong = client.post(path, {"address": "9", "column-0": "nome"})
    assert wrong.status_code == 200 and b"Choose the one column" in wrong.content
    form = {"address": "1", "column-0": "nome", "column-1": "ignored", "column-2": "note"}
    assert client.post(path, form).headers["Location"] == path
    contact = Contact.objects.of(cast.account).get()
    assert (contact.email, contact.properties) == (
        "anna@x.example", {"nome": "Forlì", "note": XSS},
    )  # fmt: skip
    report = client.get(path)
    assert report.context["finished"] and "<script>alert" not in report.content.decode()
    assert table(client.get(f"{path}problems/")) == [
        ["Line", "What is wrong"], ["3", "This is not one email address."],
    ]  # fmt: skip
    assert client.post(path, form).status_code == 302
    assert Contact.objects.of(cast.account).count() == 1
    assert client.get(f"/a/{cast.account.pk}/contacts/import/").status_code == 200


def test_an_import_that_stopped_shows_how_to_go_on(cast: Cast, signed_in: SignedIn) -> None:
    made = contact_import.receive(
        cast.account.pk, name="p", content=b"email\na@x.example\n", by="alice"
    )
    contact_import.start(cast.account.pk, made.pk, ["@"])
    client, path = signed_in(cast.alice), f"/a/{cast.account.pk}/contacts/import/{made.pk}/"
    assert b"Go on" in client.get(path).content
    client.post(path)
    assert b"Go on" not in client.get(path).content
    assert Contact.objects.of(cast.account).get().email == "a@x.example"
    assert client.get(f"{path}problems/").status_code == 404


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "submitted file is empty|The file is empty"),
        (b'email,x\n"a', "Line 2: A quotation mark"),
        (b"a@x.example\n", "Line 1: The first line holds an address"),
        (b"email\n" + b"x" * (5 * 1024 * 1024), "larger than 5 MB"),
        (b"email\n" + b"a@x.example\n" * 10_001, "more than 10,000 rows"),
        (bytes(range(256)), "no text we can read"),
    ],
)
def test_what_cannot_be_read_is_said(
    cast: Cast, signed_in: SignedIn, content: bytes, words: str
) -> None:
    answer = hand_in(signed_in(cast.alice), cast, content)
    assert answer.status_code == 200
    assert any(one in answer.content.decode() for one in words.split("|"))
    assert not ContactImport.objects.of(cast.account).exists()


def test_no_file_at_all(cast: Cast, signed_in: SignedIn) -> None:
    answer = signed_in(cast.alice).post(f"/a/{cast.account.pk}/contacts/import/")
    assert answer.status_code == 200 and b"The file is empty" in answer.content


def test_contacts_come_out_as_the_list_shows_them(
    cast: Cast, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_log, "CHUNK", 2)
    for number in range(5):
        make_contact(cast, f"r{number}@x.example", n=str(number), opt_in="x")
    make_contact(cast, "=cmd@x.example", **{"=1+1": "=HYPERLINK()", "città": 'Forlì; \n"x"'})
    Contact.objects.of(cast.account).filter(email="r1@x.example").update(
        unsubscribed_at="2026-01-02T03:04:05Z", properties={"n": 1}
    )
    friends = contact_lists.create(cast.account.pk, name="Friends", by="a")
    contact_lists.add(cast.account.pk, friends, ["=cmd@x.example"])
    client, path = signed_in(cast.alice), f"/a/{cast.account.pk}/contacts/export/"
    answer = client.get(path)
    assert answer.streaming and "attachment" in answer.headers["Content-Disposition"]
    head, *rows = table(answer)
    assert head == [
        "email", "unsubscribed_at", "quarantined_at", "opt_in", "created_at", "lists",
        "subscription Marketing information", "'=1+1", "città", "n", "property opt_in",
    ]  # fmt: skip
    assert [row[0] for row in rows] == [
        "'=cmd@x.example",
        *(f"r{n}@x.example" for n in range(4, -1, -1)),
    ]
    assert rows[0][5:] == ["Friends", "unspecified", "'=HYPERLINK()", 'Forlì; \n"x"', "", ""]
    assert rows[4][1] == "2026-01-02T03:04:05+00:00" and rows[4][9] == "1"
    assert rows[4][6] == "unsubscribed"
    assert len(table(client.get(f"{path}?state=unsubscribed"))) == 2
    assert len(table(client.get(f"{path}?q=r4"))) == 2


def test_a_stranger_and_a_viewer_get_none_of_it(cast: Cast, signed_in: SignedIn) -> None:
    made = contact_import.receive(cast.account.pk, name="p", content=b"email\nbad\n", by="alice")
    contact_import.start(cast.account.pk, made.pk, ["@"])
    for path in ("export/", "import/", f"import/{made.pk}/", f"import/{made.pk}/problems/"):
        url = f"/a/{cast.account.pk}/contacts/{path}"
        own = f"/a/{cast.other_account.pk}/contacts/{path}"
        for method in ("get", "post"):
            stranger = signed_in(cast.charlie)
            assert getattr(stranger, method)(url).status_code in (404, 405)
            if str(made.pk) in path:
                assert getattr(stranger, method)(own).status_code in (404, 405)
            assert getattr(signed_in(cast.bob), method)(url).status_code in (403, 405)
    made.refresh_from_db()
    assert made.done == 0
