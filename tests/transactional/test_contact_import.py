"""Files become contacts once, whatever interrupts; consent is never touched."""

from typing import Any

import pytest
from django.utils import timezone

from tests.cast import Cast
from tests.transactional.test_subscriptions import make_type, say, status
from transactional import contact_import, contact_lists, contacts
from transactional.csv_file import CsvError
from transactional.models import (
    Contact,
    ContactImport,
    ContactList,
    Subscribed,
    SubscriptionChange,
    SubscriptionType,
)

pytestmark = pytest.mark.django_db


def received(cast: Cast, text: str, columns: list[str]) -> ContactImport:
    made = contact_import.receive(cast.account.pk, name="p.csv", content=text.encode(), by="alice")
    assert contact_import.start(cast.account.pk, made.pk, columns)
    return made


def finished(cast: Cast, text: str, columns: list[str]) -> ContactImport:
    made = received(cast, text, columns)
    contact_import.run(cast.account.pk, made.pk)
    made.refresh_from_db()
    return made


def stored(cast: Cast) -> dict[str, dict[str, Any]]:
    return dict(Contact.objects.of(cast.account).values_list("email", "properties"))


def test_rows_are_made_merged_and_counted(cast: Cast) -> None:
    contacts.upsert_many(
        [(cast.account.pk, "old@x.example", {"a": "1", "b": "2"}),
         (cast.account.pk, "same@x.example", {"a": "1"})]
    )  # fmt: skip
    Contact.objects.of(cast.account).update(unsubscribed_at=timezone.now())
    text = (
        "email,a,b,c\nold@x.example,9,,skip\nsame@x.example,1,,\nNEW@X.example, 5 ,6,skip\n"
        "new@x.example,7,,\nnonsense,1,2,3\nmore@x.example,1,2,3,4\nfew@x.example\n"
        f"long@x.example,{'x' * 5001},,\n,,1,\n"
    )
    done = finished(cast, text, ["@", "a", "b", ""])
    assert stored(cast) == {
        "old@x.example": {"a": "9", "b": "2"},
        "same@x.example": {"a": "1"},
        "new@x.example": {"a": "7", "b": "6"},
        "few@x.example": {},
    }
    assert (done.rows, done.done, done.created, done.changed, done.duplicates) == (9, 9, 2, 1, 1)
    assert done.problems == [[6, "address"], [7, "columns"], [9, "long"], [10, "address"]]
    assert done.content is None
    left = Contact.objects.of(cast.account).filter(unsubscribed_at__isnull=False)
    assert set(left.values_list("email", flat=True)) == {"old@x.example", "same@x.example"}


def test_an_import_that_was_cut_short_goes_on_and_does_nothing_twice(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_import, "CHUNK", 10)
    text = "email,n\n" + "".join(f"r{n % 30}@x.example,{n}\n" for n in range(45)) + "bad,1\n"
    made = received(cast, text, ["@", "n"])
    calls = []
    whole = contacts.upsert_many

    def fails_in_the_third(rows: Any) -> int:
        calls.append(len(rows))
        written = whole(rows)
        if len(calls) == 3:
            raise RuntimeError("the machine went away")
        return written

    monkeypatch.setattr(contacts, "upsert_many", fails_in_the_third)
    with pytest.raises(RuntimeError):
        contact_import.run(cast.account.pk, made.pk)
    made.refresh_from_db()
    assert (made.done, made.created, len(stored(cast))) == (20, 20, 20)
    assert made.content is not None
    contact_import.run(cast.account.pk, made.pk)
    contact_import.run(cast.account.pk, made.pk)
    made.refresh_from_db()
    assert (made.done, made.created, made.changed, made.duplicates) == (46, 30, 15, 15)
    assert made.problems == [[47, "address"]]
    assert stored(cast)["r0@x.example"] == {"n": "30"}
    assert calls == [10, 10, 10, 10, 10, 5]


def test_columns_are_guessed(cast: Cast) -> None:
    guess = contact_import.suggested
    assert guess(["E-mail", "Nome e Città", "mail"]) == ["@", "nome_e_citta", "mail"]
    assert guess(["Name", "Indirizzo email", "", "name"]) == ["name", "@", "", ""]
    assert guess(["Имя", "x"]) == ["", "x"]


@pytest.mark.parametrize(
    ("columns", "wrong"),
    [
        (["@", "a", ""], ""),
        (["", "a", "b"], "address"),
        (["@", "@", "b"], "address"),
        (["@"], "address"),
        (["@", "a", "a"], "twice"),
        (["@", "a\nb", ""], "name"),
        (["@", "a" * 101, ""], "name"),
    ],
)
def test_columns_that_cannot_be(columns: list[str], wrong: str) -> None:
    assert contact_import.wrong_columns(["x", "y", "z"], columns) == wrong


def test_nothing_runs_before_the_columns_are_chosen_and_they_are_chosen_once(cast: Cast) -> None:
    made = contact_import.receive(
        cast.account.pk, name="p.csv", content=b"email\na@x.example\n", by="alice"
    )
    contact_import.run(cast.account.pk, made.pk)
    assert stored(cast) == {}
    assert contact_import.start(cast.account.pk, made.pk, ["@"])
    assert not contact_import.start(cast.account.pk, made.pk, ["x"])
    with pytest.raises(ContactImport.DoesNotExist):
        contact_import.run(cast.other_account.pk, made.pk)


def test_forgotten_files_do_not_stay(cast: Cast) -> None:
    old = contact_import.receive(cast.account.pk, name="a", content=b"email\n", by="alice")
    ContactImport.objects.of(cast.account).update(at="2026-01-01T00:00Z")
    contact_import.receive(cast.account.pk, name="b", content=b"email\n", by="alice")
    assert not ContactImport.objects.of(cast.account).filter(pk=old.pk).exists()
    with pytest.raises(CsvError):
        contact_import.receive(cast.account.pk, name="c", content=b"", by="alice")


def test_a_file_puts_people_on_a_list_and_subscribes_who_has_not_answered(cast: Cast) -> None:
    account = cast.account.pk
    offers = make_type(cast.account)
    friends = contact_lists.create(account, name="Friends", by="a")
    say(cast.account, offers, Subscribed.UNSUBSCRIBED, "left@x.example")
    say(cast.account, None, Subscribed.UNSUBSCRIBED, "all@x.example")
    text = "email\nnew@x.example\nleft@x.example\nall@x.example\nnobody\n"
    made = contact_import.receive(account, name="p.csv", content=text.encode(), by="alice")
    chosen = contact_import.Audience(
        list_id=friends.pk,
        type_id=offers.pk,
        legal_basis="CONSENT_WITH_NOTICE",
        explanation="Signed at the fair",
    )
    assert contact_import.start(account, made.pk, ["@"], chosen)
    for _ in range(2):  # again changes nothing
        contact_import.run(account, made.pk)
    made.refresh_from_db()
    assert made.subscribed == 1
    assert contact_lists.count(account, friends) == 3
    answers = {
        email: status(cast.account, offers, email)
        for email in ("new@x.example", "left@x.example", "all@x.example")
    }
    assert answers == {
        "new@x.example": "subscribed",
        "left@x.example": "unsubscribed",
        "all@x.example": "unsubscribed",
    }
    change = SubscriptionChange.objects.get(contact__email="new@x.example")
    assert (change.source, change.by, change.explanation) == (
        "import", "alice", "Signed at the fair",
    )  # fmt: skip


def test_another_accounts_list_or_type_is_not_chosen(cast: Cast) -> None:
    theirs = contact_lists.create(cast.other_account.pk, name="X", by="c")
    made = contact_import.receive(cast.account.pk, name="p", content=b"email\na@x.example", by="a")
    with pytest.raises(ContactList.DoesNotExist):
        contact_import.start(
            cast.account.pk, made.pk, ["@"], contact_import.Audience(list_id=theirs.pk)
        )
    with pytest.raises(SubscriptionType.DoesNotExist):
        contact_import.start(
            cast.account.pk,
            made.pk,
            ["@"],
            contact_import.Audience(type_id=make_type(cast.other_account).pk),
        )
