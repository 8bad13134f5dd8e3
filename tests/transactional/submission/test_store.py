"""A batch is stored whole, and of what a used sendId asks for nothing is."""

from dataclasses import replace
from typing import Any

import psycopg
import pytest
from django.db import connection

from config import database
from tests.cast import Cast, make_email
from tests.transactional.submission.senders import Send
from tokens.auth import Principal
from transactional.compose import versions
from transactional.models import Body, Contact, Email, Event, Message, QueueRow, Recipient, Source
from transactional.submission import facts
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, TemplateSubmission


def submission(key: Principal, email: Email, **fields: Any) -> TemplateSubmission:
    values: dict[str, Any] = {
        "principal": key,
        "source": Source.API,
        "email_id": email.pk,
        "to": "anna@x.example",
        "custom": {"order_id": "7"},
        **fields,
    }
    return TemplateSubmission(**values)


def properties(address: str) -> dict[str, str]:
    found: dict[str, str] = Contact.objects.get(email=address).properties
    return found


def test_a_used_send_id_leaves_nothing_of_its_message(
    send: Send, key: Principal, email: Email
) -> None:
    first = send(send_id="a", contact_properties={"city": "Rome"})
    assert isinstance(first, Accepted)
    again, other = accept_many(
        [
            submission(key, email, send_id="a", contact_properties={"city": "Bari", "new": "1"}),
            submission(key, email, send_id="b", to="bert@x.example", cc=("cleo@x.example",)),
        ]
    )
    assert isinstance(again, Accepted) and isinstance(other, Accepted)
    assert again.duplicate and again.message_id == first.message_id
    assert not other.duplicate and other.recipients == 2
    kept = {first.message_id, other.message_id}
    assert set(Message.objects.values_list("pk", flat=True)) == kept
    assert set(Body.objects.values_list("pk", flat=True)) == kept
    for model, number in ((Recipient, 3), (QueueRow, 3), (Event, 3)):
        rows = model._default_manager.values_list("message_id", flat=True)
        assert set(rows) == kept and len(rows) == number
    assert properties("anna@x.example") == {"city": "Rome"}


def test_sends_of_a_batch_to_one_person_merge_what_is_kept(key: Principal, email: Email) -> None:
    given = [
        ("a", {"city": "Rome", "lang": "it"}),
        ("a", {"city": "Bari", "lost": "1"}),
        ("b", {"city": "Pisa"}),
        ("c", {}),
    ]
    answers = accept_many(
        [submission(key, email, send_id=one, contact_properties=said) for one, said in given]
    )
    assert [a.duplicate for a in answers if isinstance(a, Accepted)] == [False, True, False, False]
    assert properties("anna@x.example") == {"city": "Pisa", "lang": "it"}


def test_one_send_id_belongs_to_one_account_alone(key: Principal, email: Email, cast: Cast) -> None:
    stranger = replace(key, account_id=cast.other_account.pk)
    theirs = make_email(cast.other_account)
    versions.publish(theirs, by="charlie@stranger.example")
    answers = accept_many(
        [submission(key, email, send_id="a"), submission(stranger, theirs, send_id="a")]
    )
    assert [a.duplicate for a in answers if isinstance(a, Accepted)] == [False, False]


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_cannot_be_stored_leaves_nothing_and_its_send_ids_free(
    key: Principal, email: Email, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = submission(key, email, send_id="a")
    with monkeypatch.context() as broken:
        # a row that the last of the tables refuses
        broken.setattr("transactional.submission.accept.queue.wake", lambda lanes: None)
        broken.setattr("transactional.queue.row", lambda **_: (None,) * 12)
        with pytest.raises(psycopg.errors.NotNullViolation):
            accept_many([one])
    assert not Message.objects.exists() and not Contact.objects.exists()
    [answer] = accept_many([one])
    assert isinstance(answer, Accepted) and not answer.duplicate


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_has_closed_is_opened_anew(send: Send) -> None:
    assert isinstance(send(), Accepted)
    assert connection.connection is not None
    with psycopg.connect(**database.parameters(), autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(%s, 10000)", [connection.connection.info.backend_pid]
        )
    assert isinstance(send(), Accepted)


@pytest.mark.django_db(transaction=True)
def test_a_batch_takes_two_trips(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "FRESH", 600.0)
    send()  # facts are kept from here on
    sent: list[str] = []
    whole = psycopg.Cursor.execute

    def noted(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        sent.append(str(query))
        return whole(self, query, *args, **kwargs)

    monkeypatch.setattr(psycopg.Cursor, "execute", noted)
    assert isinstance(send(send_id="x", contact_properties={"city": "Rome"}), Accepted)
    assert len(sent) == 2


@pytest.mark.django_db(transaction=True)
def test_statements_of_a_send_are_planned_once(send: Send) -> None:
    for number in range(8):
        assert isinstance(send(to=f"u{number}@x.example"), Accepted)
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(custom_plans), sum(generic_plans) FROM pg_prepared_statements")
        custom, generic = cursor.fetchone() or (None, None)
    assert custom == 0 and generic >= 16
