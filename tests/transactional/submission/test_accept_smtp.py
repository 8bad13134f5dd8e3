"""The door as SMTP submission uses it, and batches of both kinds."""

import uuid
from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.transactional.submission.senders import RAW, raw
from tokens import credentials
from tokens.auth import Principal
from tokens.models import Account, SmtpCredential
from transactional.models import (
    Body,
    Contact,
    Email,
    Message,
    QueueRow,
    Source,
)
from transactional.submission import facts
from transactional.submission.accept import accept_many
from transactional.submission.request import (
    Accepted,
    RawSubmission,
    Refused,
    TemplateSubmission,
)


def test_an_smtp_submission_is_stored_as_it_came(
    smtp_principal: Principal, account: Account
) -> None:
    answer = raw(smtp_principal, RAW, "anna@x.example", "hidden@x.example")
    assert isinstance(answer, Accepted)
    message = Message.objects.of(account).get()
    assert bytes(Body.objects.get(pk=message.pk).raw or b"") == RAW
    assert message.campaign is not None
    assert message.campaign.smtp_credential_id == smtp_principal.credential_id
    assert Contact.objects.of(account).count() == 2


def test_a_token_that_makes_no_contacts_makes_none(
    smtp_principal: Principal, account: Account
) -> None:
    assert isinstance(raw(replace(smtp_principal, create_contact=False)), Accepted)
    assert not Contact.objects.exists()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"orders@shop.example", b"orders@stranger.example", "550 5.7.1 "),
        (b"From:", b"From: x@shop.example\r\nFrom:", "550 5.7.1 "),
        (b"<orders@shop.example>", b"<orders@shop.example>, b@shop.example", "550 5.7.1 "),
        (b"Subject", b"Sender: ceo@stranger.example\r\nSubject", "550 5.7.1 "),
        (b"Hello", b"Hel\0lo", "554 5.6.0 "),
        (b"Subject", b"Received: x\r\n" * 51 + b"Subject", "554 5.4.6 "),
    ],
)
def test_smtp_refusals_speak_smtp(
    smtp_principal: Principal, old: bytes, new: bytes, expected: str
) -> None:
    answer = raw(smtp_principal, RAW.replace(old, new, 1))
    assert isinstance(answer, Refused)
    assert answer.refusal.smtp_line.startswith(expected)
    assert answer.message_id is None
    assert not Message.objects.exists()


def test_a_deleted_credential_stops_at_once(smtp_principal: Principal, account: Account) -> None:
    credentials.delete(SmtpCredential.objects.of(account).get())
    answer = raw(smtp_principal)
    assert isinstance(answer, Refused)
    assert answer.refusal.smtp_line.startswith("535 5.7.8 ")


def test_a_mixed_batch_is_answered_in_order(
    key: Principal, smtp_principal: Principal, email: Email
) -> None:
    good = RawSubmission(
        principal=smtp_principal, raw=RAW, reverse_path=None, recipients=("anna@x.example",)
    )
    single = TemplateSubmission(
        principal=key,
        source=Source.API,
        email_id=email.pk,
        to="anna@x.example",
        custom={"order_id": "1"},
    )
    bad = TemplateSubmission(principal=key, source=Source.API, email_id=1, to="anna@x.example")
    answers = accept_many([good, bad, single, *[good] * 8])
    assert [type(a) for a in answers] == [Accepted, Refused, Accepted, *[Accepted] * 8]
    assert QueueRow.objects.count() == 10
    assert len({a.message_id for a in answers}) == 11
    assert all(isinstance(a.message_id, uuid.UUID) for a in answers)


def test_a_batch_costs_the_same_queries_whatever_its_size(
    smtp_principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "FRESH", 600.0)
    raw(smtp_principal)  # facts are kept from here on
    one = RawSubmission(
        principal=smtp_principal, raw=RAW, reverse_path=None, recipients=("anna@x.example",)
    )
    counts = []
    for size in (2, 20):
        with CaptureQueriesContext(connection) as seen:
            accept_many([one] * size)
        counts.append(len(seen))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("headers", "within", "lane"),
    [
        (b"X-Postino-Deliver-Within: 600\r\nX-Postino-Lane: urgent\r\n", 600, 0),
        (b"x-postino-lane: Bulk\r\n", 72 * 3600, 2),
        (b"", 72 * 3600, 1),
    ],
)
def test_headers_of_ours_set_deadline_and_lane(
    smtp_principal: Principal, headers: bytes, within: int, lane: int
) -> None:
    assert isinstance(raw(smtp_principal, headers + RAW), Accepted)
    row = QueueRow.objects.get()
    assert (row.deliver_by - row.due_at).total_seconds() == within
    assert row.lane == lane


@pytest.mark.parametrize(
    "header",
    [
        b"X-Postino-Deliver-Within: 0",
        b"X-Postino-Deliver-Within: ten",
        b"X-Postino-Deliver-Within: 99999999999999999999",
        b"X-Postino-Deliver-Within:",
        b"X-Postino-Lane: fast",
        b"X-Postino-Lane: \xff",
    ],
)
def test_headers_of_ours_that_say_nonsense_are_refused(
    smtp_principal: Principal, header: bytes
) -> None:
    answer = raw(smtp_principal, header + b"\r\n" + RAW)
    assert isinstance(answer, Refused)
    assert answer.refusal.code == "VALIDATION_FAILED"
    assert answer.refusal.smtp_line.startswith("554 5.6.0 X-Postino-")
