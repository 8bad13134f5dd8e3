"""Sending from the browser: typed, confirmed, then told address by address."""

import dataclasses
import re
import uuid
from collections.abc import Callable
from email import policy
from email.parser import BytesParser
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.cast import Cast, make_email
from tests.transactional.views.test_emails import url
from tokens.auth import Principal
from tokens.models import Account, User
from transactional.compose import versions
from transactional.compose.build import Material, VersionContent, build
from transactional.models import Body, Email, EmailVersion, Event, Message, Recipient, Source
from transactional.queue import Job
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, TemplateSubmission

SignedIn = Callable[[User], Client]


def form(**changes: Any) -> dict[str, Any]:
    return {
        "to": "anna@cliente.example",
        "which": "draft",
        "custom": '{"order_id": "A-7"}',
        "step": "confirm",
        **changes,
    }


def confirmed(client: Client, account: Account, email: Email, **changes: Any) -> Any:
    """Walk through the confirmation as the browser does, with the fields it is given."""
    page = client.post(url(account, email, "send/"), form(**changes))
    assert page.status_code == 200, page.content.decode()
    once = re.search(r'name="once" value="(\w+)"', page.content.decode())
    assert once
    return {**form(**changes), "step": "send", "once": once[1]}


def test_the_confirmation_repeats_what_will_happen_and_sends_nothing(
    cast: Cast, signed_in: SignedIn
) -> None:
    email = make_email(cast.account)
    data = form(to="anna@cliente.example\nLuca <luca@cliente.example>; ANNA@cliente.example")
    page = signed_in(cast.alice).post(url(cast.account, email, "send/"), data).content.decode()
    assert "Send this to 2 people?" in page
    assert "Order A-7" in page and "orders@shop.example" in page
    assert "luca@cliente.example" in page
    assert not Message.objects.of(cast.account).exists()


def test_a_confirmed_send_queues_one_message_per_address(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.account)
    alice = signed_in(cast.alice)
    to = "anna@cliente.example; luca@cliente.example, eva@cliente.example"
    data = confirmed(alice, cast.account, email, to=to)
    page = alice.post(url(cast.account, email, "send/"), data).content.decode()
    assert "3 messages are on their way." in page
    messages = Message.objects.of(cast.account)
    assert messages.count() == 3
    assert set(messages.values_list("source", "credential", "refusal")) == {
        ("test", f"user:{cast.alice.pk}", "")
    }
    addresses = Recipient.objects.of(cast.account).values_list("address", flat=True)
    assert sorted(addresses) == [
        "anna@cliente.example",
        "eva@cliente.example",
        "luca@cliente.example",
    ]
    bodies = Body.objects.filter(pk__in=messages.values("pk"))
    assert all(b'"order_id":"A-7"' in bytes(body.context or b"") for body in bodies)


def test_a_second_click_sends_nothing_twice(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.account)
    alice = signed_in(cast.alice)
    data = confirmed(alice, cast.account, email)
    alice.post(url(cast.account, email, "send/"), data)
    page = alice.post(url(cast.account, email, "send/"), data).content.decode()
    assert "Already sent" in page
    assert Message.objects.of(cast.account).count() == 1
    again = confirmed(alice, cast.account, email)
    alice.post(url(cast.account, email, "send/"), again)
    assert Message.objects.of(cast.account).count() == 2


def test_a_draft_is_frozen_as_a_version_and_not_published(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.account)
    versions.publish(email, by="alice@shop.example")
    Email.objects.of(cast.account).filter(pk=email.pk).update(subject="Draft {{ custom.order_id }}")
    alice = signed_in(cast.alice)
    for which in ("draft", "published"):
        data = confirmed(alice, cast.account, email, which=which)
        alice.post(url(cast.account, email, "send/"), data)
    subjects = set(Message.objects.of(cast.account).values_list("subject", flat=True))
    assert subjects == {"[Test] Draft A-7", "[Test] Order A-7"}
    email.refresh_from_db()
    assert email.published is not None and email.published.number == 1
    assert EmailVersion.objects.filter(email=email).count() == 2


def test_each_refusal_is_told_beside_its_address(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.account)
    alice = signed_in(cast.alice)
    to = "anna@cliente.example\nabuse@cliente.example"
    data = confirmed(alice, cast.account, email, to=to)
    page = alice.post(url(cast.account, email, "send/"), data).content.decode()
    assert "1 message is on its way." in page and "1 message was not sent." in page
    assert "role address" in page


def test_an_account_that_may_not_send_is_told_so(cast: Cast, signed_in: SignedIn) -> None:
    cast.account.transactional_enabled = False
    cast.account.save()
    email = make_email(cast.account)
    alice = signed_in(cast.alice)
    data = confirmed(alice, cast.account, email)
    page = alice.post(url(cast.account, email, "send/"), data).content.decode()
    assert "not switched on" in page
    assert not Recipient.objects.of(cast.account).filter(status="queued").exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"to": ""}, "to"),
        ({"to": "not an address"}, "to"),
        ({"to": "a@b.example\r\nBcc: <script>"}, "to"),
        ({"to": "\n".join(f"a{n}@b.example" for n in range(51))}, "to"),
        ({"which": "published"}, "which"),
        ({"custom": "["}, "custom"),
        ({"custom": "[1]"}, "custom"),
    ],
)
def test_a_wrong_form_sends_nothing(
    cast: Cast, signed_in: SignedIn, changes: dict[str, str], field: str
) -> None:
    email = make_email(cast.account)
    data = form(**changes, step="send", once="0" * 32)
    response = signed_in(cast.alice).post(url(cast.account, email, "send/"), data)
    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert "<script>" not in response.content.decode().replace("<script src", "")
    assert not Message.objects.of(cast.account).exists()


@pytest.mark.parametrize(
    ("fields", "custom", "sentence"),
    [
        ({}, "{}", "custom.order_id"),
        ({"html": "{{ x"}, "{}", "Line 1"),
        ({"from_address": ""}, "{}", "address this email comes from"),
        ({"kind": "marketing"}, "{}", "unsubscribe link"),
    ],
)
def test_what_cannot_be_sent_is_said_before_confirming(
    cast: Cast, signed_in: SignedIn, fields: dict[str, str], custom: str, sentence: str
) -> None:
    email = make_email(cast.account, **fields)
    response = signed_in(cast.alice).post(url(cast.account, email, "send/"), form(custom=custom))
    assert response.status_code == 422
    assert sentence in response.content.decode()


def test_going_back_keeps_the_form(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.account)
    page = signed_in(cast.alice).post(url(cast.account, email, "send/"), form(step="edit"))
    assert page.status_code == 200
    assert "anna@cliente.example" in page.content.decode()


@pytest.mark.parametrize("once", ["", "short", "z" * 31 + "!", "0" * 33])
def test_without_a_confirmation_nothing_is_sent(cast: Cast, signed_in: SignedIn, once: str) -> None:
    email = make_email(cast.account)
    data = form(step="send", once=once)
    page = signed_in(cast.alice).post(url(cast.account, email, "send/"), data).content.decode()
    assert "Send this to 1 person?" in page
    assert not Message.objects.of(cast.account).exists()


def test_an_archived_email_is_not_offered(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.account)
    alice = signed_in(cast.alice)
    data = confirmed(alice, cast.account, email)
    alice.post(url(cast.account, email, "archive/"))
    assert "This email is archived" in alice.get(url(cast.account, email, "send/")).content.decode()
    page = alice.post(url(cast.account, email, "send/"), data).content.decode()
    assert "1 message was not sent." in page


def test_a_test_is_marked_and_counted_nowhere(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.account)
    alice = signed_in(cast.alice)
    for which in ("test", "send"):
        if which == "test":
            data = confirmed(alice, cast.account, email)
            alice.post(url(cast.account, email, "send/"), data)
        else:
            single_send(cast, email)
        message = Message.objects.latest("pk")
        # Numbers are kept per campaign: what has none is counted nowhere
        counted = Event.objects.of(cast.account).filter(message=message, campaign=email.campaign)
        assert counted.exists() is (which == "send")
        built = built_copy(Recipient.objects.get(message=message))
        parsed = BytesParser(policy=policy.default).parsebytes(built)
        assert (parsed["X-Postino-Test"], str(parsed["Subject"])) == (
            ("yes", "[Test] Order A-7") if which == "test" else (None, "Order A-7")
        )


def single_send(cast: Cast, email: Email) -> None:
    who = Principal(cast.account.pk, "api", 1, "shop")
    one = TemplateSubmission(
        principal=who, source=Source.API, email_id=email.pk, to="b@x.example",
        custom={"order_id": "A-7"},
    )  # fmt: skip
    assert isinstance(accept_many([one])[0], Accepted)


def built_copy(recipient: Recipient) -> bytes:
    """The copy as the delivery engine builds it."""
    message = Message.objects.get(pk=recipient.message_id)
    now = timezone.now()
    known: dict[str, Any] = dict.fromkeys(one.name for one in dataclasses.fields(Job))
    known |= {
        "lease": uuid.uuid4(), "id": recipient.pk, "message_id": message.pk,
        "account_id": message.account_id, "address": recipient.address, "kind": message.kind,
        "campaign_id": message.campaign_id, "from_domain": message.from_domain,
        "header_id": message.message_id, "created_at": message.created_at, "deliver_by": now,
        "resent": False, "context": bytes(Body.objects.get(pk=message.pk).context or b""),
    }  # fmt: skip
    job = Job(**known)
    version = message.version
    assert version is not None
    content = VersionContent(
        subject=version.subject, preview_text="", html=version.html, text="", track_opens=True,
        track_clicks=True,
    )  # fmt: skip
    material = Material(content, (), "b.shop.example", "https://t.shop.example")
    return build(job, material, eight_bit=True).data
