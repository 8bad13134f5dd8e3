"""Changes by hand: made once, logged with who and why, and read back beside the mail."""

from typing import Any

import pytest
from django.utils import timezone

from tests.cast import Cast
from tests.transactional.views.test_messages import happened, make_message
from transactional import contact_changes, contact_log, events
from transactional.contact_log import Filters
from transactional.models import Contact, ContactChange, ContactChanged, Recipient

pytestmark = pytest.mark.django_db

BY = "alice@shop.example"


def make_contact(cast: Cast, email: str = "ann@reader.example", **properties: Any) -> Contact:
    contact, new = contact_changes.create(cast.account.pk, email, properties, by=BY)
    assert new
    return contact


def logged(contact: Contact) -> list[tuple[str, str, str]]:
    rows = ContactChange.objects.of(contact.account_id).filter(contact=contact).order_by("pk")
    return list(rows.values_list("what", "by", "why"))


def test_a_contact_is_made_once(cast: Cast) -> None:
    contact = make_contact(cast, "Ann@Reader.example", firstname="Ann")
    again, new = contact_changes.create(
        cast.account.pk, "ANN@reader.example", {"firstname": "X"}, by=BY
    )
    assert (again.pk, new, again.properties) == (contact.pk, False, {"firstname": "Ann"})
    assert contact.email == "ann@reader.example"
    assert logged(contact) == [("created", BY, "")]


@pytest.mark.parametrize(
    ("there", "back", "field"),
    [
        (ContactChanged.UNSUBSCRIBED, ContactChanged.RESUBSCRIBED, "unsubscribed_at"),
        (ContactChanged.QUARANTINED, ContactChanged.RELEASED, "quarantined_at"),
    ],
)
def test_consent_goes_there_and_back_and_each_step_is_logged(
    cast: Cast, there: ContactChanged, back: ContactChanged, field: str
) -> None:
    contact = make_contact(cast)
    step = {"by": BY, "why": "asked by phone"}
    assert contact_changes.change(cast.account.pk, contact.pk, there, **step)
    assert not contact_changes.change(cast.account.pk, contact.pk, there, **step)
    contact.refresh_from_db()
    assert getattr(contact, field) is not None
    assert there not in contact_changes.possible(contact)
    assert contact_changes.change(cast.account.pk, contact.pk, back, by="bob", why="again")
    contact.refresh_from_db()
    assert getattr(contact, field) is None
    assert logged(contact)[1:] == [(there, BY, "asked by phone"), (back, "bob", "again")]


def test_opt_in_is_set_by_hand(cast: Cast) -> None:
    contact = make_contact(cast)
    for what in (ContactChanged.PENDING, ContactChanged.CONFIRMED, ContactChanged.NOT_ASKED):
        assert contact_changes.change(cast.account.pk, contact.pk, what, by=BY, why="x")
        contact.refresh_from_db()
        assert contact.opt_in == ("none" if what == "not_asked" else what)


def test_another_account_changes_nothing(cast: Cast) -> None:
    contact = make_contact(cast)
    with pytest.raises(Contact.DoesNotExist):
        contact_changes.change(
            cast.other_account.pk, contact.pk, ContactChanged.UNSUBSCRIBED, by=BY, why="x"
        )


def test_editing_touches_what_was_named_and_keeps_types(cast: Cast) -> None:
    contact = make_contact(cast, firstname="Ann", city="Rome")
    Contact.objects.of(cast.account).update(
        properties={"firstname": "Ann", "city": "Rome", "age": 41, "tags": ["a"]}
    )
    contact.refresh_from_db()
    assert contact_changes.edit(
        cast.account.pk, contact.pk, by=BY, seen=contact.updated_at, removed={"city"},
        given={"town": "Rome", "age": "41", "tags": '["a"]'},
    )  # fmt: skip
    contact.refresh_from_db()
    assert contact.properties == {"firstname": "Ann", "town": "Rome", "age": 41, "tags": ["a"]}
    assert logged(contact)[-1] == ("edited", BY, "city, town")


def test_an_edit_of_what_changed_meanwhile_is_not_written(cast: Cast) -> None:
    contact = make_contact(cast, city="Rome")
    Contact.objects.of(cast.account).update(updated_at=timezone.now())
    assert not contact_changes.edit(
        cast.account.pk, contact.pk, given={"city": "Oslo"}, removed=(),
        seen=contact.updated_at, by=BY,
    )  # fmt: skip
    contact.refresh_from_db()
    assert contact.properties == {"city": "Rome"}
    assert len(logged(contact)) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann@", ["ann@reader.example"]),
        ("READER", ["cem@reader.example", "ben@reader.example", "ann@reader.example"]),
        ("rome", ["ann@reader.example"]),
        ("city", []),  # a property's name is in everybody's row
        ('say "hi"', ["ben@reader.example"]),
        ("è 💌", ["cem@reader.example"]),
        ("%", []),
        ("_nn", []),
        ("'; DROP", []),
    ],
)
def test_search(cast: Cast, text: str, expected: list[str]) -> None:
    make_contact(cast, city="Rome")
    make_contact(cast, "ben@reader.example", city='say "hi"')
    make_contact(cast, "cem@reader.example", city="è 💌")
    contact_changes.create(cast.other_account.pk, "ann@reader.example", {"city": "Rome"}, by=BY)
    found = contact_log.people(cast.account.pk, Filters(text=text), before=None, limit=10)
    assert [one.email for one in found] == expected


def test_all_are_walked_through_in_pieces(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_log, "CHUNK", 2)
    made = [make_contact(cast, f"r{n}@reader.example").pk for n in range(5)]
    walked = [one.pk for one in contact_log.everybody(cast.account.pk, Filters())]
    assert walked == made[::-1]


def test_the_timeline_joins_mail_and_changes_in_as_many_queries_for_one_as_for_ten(
    cast: Cast, django_assert_num_queries: Any
) -> None:
    contact = make_contact(cast)
    for _n in range(5):
        message = make_message(cast.account, contact.email, "ben@reader.example")
        ann, ben = Recipient.objects.of(cast.account).filter(message=message).order_by("pk")
        events.append([happened(message, "opened", ann) for _hit in range(3)])
        events.append([happened(message, "clicked", ann), happened(message, "clicked", ben)])
        events.append([happened(message, "opened", ann, machine="prompt")])
        what = contact_changes.possible(contact)[0]
        contact_changes.change(cast.account.pk, contact.pk, what, by=BY, why="x")
        contact.refresh_from_db()
    with django_assert_num_queries(
        6
    ):  # changes, consents, mail with its messages, sends and events
        first = contact_log.timeline(contact, before=None, limit=6)
    rest = contact_log.timeline(contact, before=first[-1].id, limit=50)
    told = [*first, *rest]
    assert [bool(one.change) for one in told] == [True, False] * 5 + [True]
    assert [one.at for one in told] == sorted((one.at for one in told), reverse=True)
    acts = {(act.type, act.machine): act.times for act in told[1].acts}
    assert acts == {("opened", False): 3, ("clicked", False): 1, ("opened", True): 1}


def test_the_timeline_is_of_this_account_alone(cast: Cast) -> None:
    contact = make_contact(cast)
    make_message(cast.other_account, contact.email)
    assert len(contact_log.timeline(contact, before=None, limit=10)) == 1
