"""The message list and the page of one message: found, told, escaped, and nobody else's."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from django.utils.html import escape

from config.ids import uuid7
from tests.cast import Cast, make_email
from tokens.models import Account, User
from transactional import events, mailable, queue
from transactional.events import NewEvent
from transactional.models import DeliveryAttempt, Machine, Message, QueueRow, Recipient

SignedIn = Callable[[User], Client]
XSS = '"><img src=x onerror=alert(1)><script>alert(1)</script>'


def make_message(
    account: Account,
    *addresses: str,
    status: str = "delivered",
    refusal: str = "",
    subject: str = "Order 7",
) -> Message:
    message: Message = Message.objects.create(
        id=uuid7(), account=account, kind="transactional", source="api", credential="api:1",
        from_address="orders@shop.example", from_domain="shop.example", subject=subject,
        message_id=f"{uuid.uuid4().hex}@shop.example", refusal=refusal,
        refusal_text="It is suppressed." if refusal else "",
    )  # fmt: skip
    for address in addresses:
        Recipient.objects.create(
            id=uuid7(), message=message, account=account, address=address, kind="to", status=status
        )
    return message


def happened(message: Message, kind: str, recipient: Recipient | None, **data: Any) -> NewEvent:
    return NewEvent(
        account_id=message.account_id, message_id=message.pk,
        recipient_id=recipient.pk if recipient else None, campaign_id=None, type=kind,
        at=timezone.now(), data=data,
    )  # fmt: skip


def listed(client: Client, account: Account, query: str = "") -> list[str]:
    answer = client.get(f"/a/{account.pk}/messages/{query}")
    assert answer.status_code == 200
    return [
        ",".join(one["row"].addresses) or one["row"].message.subject
        for one in answer.context["rows"]
    ]


def test_the_newest_come_first_and_pages_do_not_overlap(
    cast: Cast, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transactional.views.messages.PAGE", 3)
    for number in range(8):
        make_message(cast.account, f"r{number}@reader.example")
    client, query, seen = signed_in(cast.bob), "", []
    for _ in range(3):
        seen += listed(client, cast.account, query)
        query = client.get(f"/a/{cast.account.pk}/messages/{query}").context["older"]
        make_message(cast.account, "new@reader.example")  # arrives meanwhile, disturbs nothing
    assert seen == [f"r{number}@reader.example" for number in range(7, -1, -1)]
    assert query == ""


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?address=ann@reader.example", ["ann@reader.example"]),
        ("?address=Ann@Reader.example", ["ann@reader.example"]),
        ("?address=ann*", ["ann@reader.example", "ann@other.example"]),
        ("?address=a%25*", []),
        ("?address=_nn*", []),
        ("?address=ann", []),
        ("?status=bounced", ["ben@reader.example"]),
        ("?status=refused", ["no@reader.example"]),
        ("?status=bounced&address=ann*", []),
        ("?status=nonsense&address=ben*", ["ben@reader.example"]),
        ("?before=nonsense&address=ben*", ["ben@reader.example"]),
        ("?address=%00%00ben*", ["ben@reader.example"]),
    ],
)
def test_filters(cast: Cast, signed_in: SignedIn, query: str, expected: list[str]) -> None:
    refused = make_message(cast.account, refusal="PREVIOUSLY_BOUNCED")
    events.append([happened(refused, "dropped", None, to=["no@reader.example"])])
    make_message(cast.account, "ben@reader.example", status="bounced")
    make_message(cast.account, "ann@other.example", status="deferred")
    make_message(cast.account, "ann@reader.example")
    make_message(cast.other_account, "ann@reader.example", "ben@reader.example")
    assert listed(signed_in(cast.bob), cast.account, query) == expected


def test_a_page_costs_the_same_however_many_it_lists(cast: Cast, signed_in: SignedIn) -> None:
    client = signed_in(cast.alice)
    counts = []
    for _ in range(2):
        for _ in range(10):
            message = make_message(cast.account, "a@reader.example", "b@reader.example")
            Message.objects.filter(pk=message.pk).update(campaign=make_email(cast.account).campaign)
            events.append([happened(make_message(cast.account, refusal="X"), "dropped", None)])
        with CaptureQueriesContext(connection) as queries:
            listed(client, cast.account)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_recipients_beyond_the_third_are_counted(cast: Cast, signed_in: SignedIn) -> None:
    make_message(cast.account, *(f"r{n}@reader.example" for n in range(5)))
    page = signed_in(cast.bob).get(f"/a/{cast.account.pk}/messages/").content.decode()
    assert "r2@reader.example" in page and "r3@reader.example" not in page
    assert "and 2 more" in page


def test_a_message_tells_its_story(cast: Cast, signed_in: SignedIn) -> None:
    message = make_message(cast.account, "ann@reader.example")
    recipient = Recipient.objects.of(cast.account).get()
    DeliveryAttempt.objects.create(
        message=message, recipient=recipient, account=cast.account, number=1, at=timezone.now(),
        duration_ms=12, host="mx.reader.example", address="192.0.2.1:25", tls="TLSv1.3",
        stage="data", code=250, reply="250 2.0.0 OK", transcript="C: EHLO\nS: 250 <hi>",
    )  # fmt: skip
    events.append(
        [
            happened(message, "delivered", recipient, response="250 2.0.0 OK"),
            happened(message, "clicked", recipient, url="https://a/?x=1", ip="192.0.2.9"),
        ]
    )
    answer = signed_in(cast.bob).get(f"/a/{cast.account.pk}/messages/{message.pk}/")
    page = answer.content.decode().replace("<wbr>", "")
    for text in ("ann@reader.example", "mx.reader.example", "250 2.0.0 OK", "https://a/?x=1",
                 "TLSv1.3", "S: 250 &lt;hi&gt;", "Clicked", "Delivered"):  # fmt: skip
        assert text in page
    assert page.index("mx.reader.example") < page.index("https://a/?x=1")


@pytest.mark.parametrize("reason", list(Machine))
def test_a_machine_s_open_is_shown_with_the_reason(
    cast: Cast, signed_in: SignedIn, reason: Machine
) -> None:
    message = make_message(cast.account, "ann@reader.example")
    recipient = Recipient.objects.of(cast.account).get()
    events.append([happened(message, "opened", recipient, ip="192.0.2.9", machine=str(reason))])
    page = signed_in(cast.bob).get(f"/a/{cast.account.pk}/messages/{message.pk}/").content.decode()
    assert "Opened" in page and ">machine<" in page and escape(str(reason.label)) in page
    events.append([happened(message, "opened", recipient, machine="<nonsense>")])
    page = signed_in(cast.bob).get(f"/a/{cast.account.pk}/messages/{message.pk}/").content.decode()
    assert "nonsense" not in page
    assert (
        signed_in(cast.charlie).get(f"/a/{cast.account.pk}/messages/{message.pk}/").status_code
        == 404
    )


def test_a_refused_message_says_why(cast: Cast, signed_in: SignedIn) -> None:
    message = make_message(cast.account, refusal="PREVIOUSLY_BOUNCED")
    page = signed_in(cast.bob).get(f"/a/{cast.account.pk}/messages/{message.pk}/").content.decode()
    assert "PREVIOUSLY_BOUNCED" in page and "It is suppressed." in page


def test_everything_is_escaped(cast: Cast, signed_in: SignedIn) -> None:
    message = make_message(cast.account, XSS[:200], subject=XSS, refusal="X")
    recipient = Recipient.objects.of(cast.account).get()
    recipient.reply = XSS
    recipient.save()
    DeliveryAttempt.objects.create(
        message=message, recipient=recipient, account=cast.account, number=1, at=timezone.now(),
        duration_ms=1, host=XSS, reply=XSS, transcript=XSS, stage="rcpt",
    )  # fmt: skip
    events.append(
        [happened(message, "clicked", recipient, url=XSS, user_agent=XSS, ip=XSS, response=XSS)]
    )
    client = signed_in(cast.alice)
    for path in ("", f"{message.pk}/", f"?address={XSS}"):
        page = client.get(f"/a/{cast.account.pk}/messages/{path}").content.decode()
        assert "<script>alert" not in page and "<img src=x" not in page


def test_a_strangers_messages_do_not_exist(cast: Cast, signed_in: SignedIn) -> None:
    message = make_message(cast.account, "ann@reader.example")
    charlie, mine = signed_in(cast.charlie), cast.other_account.pk
    assert charlie.get(f"/a/{cast.account.pk}/messages/").status_code == 404
    assert charlie.get(f"/a/{cast.account.pk}/messages/{message.pk}/").status_code == 404
    assert charlie.get(f"/a/{mine}/messages/{message.pk}/").status_code == 404
    assert listed(charlie, cast.other_account) == []
    assert signed_in(cast.bob).get(f"/a/{cast.account.pk}/messages/{uuid7()}/").status_code == 404


def test_a_story_of_a_thousand_opens_is_cut(
    cast: Cast, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transactional.mail_log.EVENTS_SHOWN", 5)
    message = make_message(cast.account, "ann@reader.example")
    recipient = Recipient.objects.of(cast.account).get()
    events.append([happened(message, "opened", recipient) for _ in range(9)])
    answer = signed_in(cast.bob).get(f"/a/{cast.account.pk}/messages/{message.pk}/")
    assert len(answer.context["moments"]) == 5
    assert "There is more" in answer.content.decode()


def waiting(message: Message, recipient: Recipient, **fields: Any) -> QueueRow:
    now = timezone.now()
    values = {
        "due_at": now + timedelta(minutes=2),
        "deliver_by": now + timedelta(hours=2),
        **fields,
    }
    return QueueRow.objects.create(
        id=recipient.pk, message=message, account_id=message.account_id, stream_id=1, lane=1,
        domain="reader.example", **values,
    )  # fmt: skip


def test_a_message_that_waits_says_when_it_is_tried_and_when_it_expires(
    cast: Cast, signed_in: SignedIn
) -> None:
    message = make_message(cast.account, "anna@reader.example", status="deferred")
    recipient = Recipient.objects.get(message=message)
    row = waiting(message, recipient, attempt=1, parked="rate google")
    events.append([happened(message, "deferred", recipient, **{"class": "greylisted"})])
    answer = signed_in(cast.bob).get(f"/a/{cast.account.pk}/messages/{message.pk}/")
    (told,) = answer.context["planned"]
    plan = told["plan"]
    assert (plan.tries[0], plan.expires) == (row.due_at, row.deliver_by)
    assert (plan.reply_class, plan.made) == ("greylisted", 1)
    assert list(plan.tries) == sorted(plan.tries)
    page = answer.content.decode()
    assert "What comes next" in page
    assert "It waits for the pace that Google takes." in page
    # while a worker has it, and once it is over, nothing is promised
    row.lease, row.lease_until = uuid.uuid4(), timezone.now() + timedelta(minutes=1)
    row.save()
    under_way = signed_in(cast.bob).get(f"/a/{cast.account.pk}/messages/{message.pk}/")
    assert "Under way" in under_way.content.decode()
    row.delete()
    over = signed_in(cast.bob).get(f"/a/{cast.account.pk}/messages/{message.pk}/")
    assert over.context["planned"] == []


def test_another_accounts_rows_are_in_nobodys_plan(cast: Cast) -> None:
    message = make_message(cast.other_account, "anna@reader.example", status="deferred")
    recipient = Recipient.objects.get(message=message)
    waiting(message, recipient)
    assert queue.plans(cast.account.pk, [recipient.pk]) == {}


def test_a_try_that_got_no_reply_says_so_in_words_and_how_long_it_took(
    cast: Cast, signed_in: SignedIn
) -> None:
    message = make_message(cast.account, "ann@reader.example", status="deferred")
    recipient = Recipient.objects.of(cast.account).get()
    Recipient.objects.filter(pk=recipient.pk).update(reply="banner: connection closed by the peer")
    for number, took in ((1, 0), (2, 7)):
        DeliveryAttempt.objects.create(
            message=message, recipient=recipient, account=cast.account, number=number,
            at=timezone.now(), duration_ms=took, host="mx.reader.example", stage="banner",
            reply="connection closed by the peer",
        )  # fmt: skip
    events.append(
        [happened(message, "deferred", recipient, response="starttls: STARTTLS not offered")]
    )
    url = f"/a/{cast.account.pk}/messages/{message.pk}/"
    client = signed_in(cast.bob)
    page = client.get(url).content.decode()
    words = "The other server closed the connection. We were waiting for its greeting."
    assert page.count(words) == 3 and "connection closed by the peer" not in page
    assert "The other server offers no encryption (STARTTLS)" in page
    assert "under 1 ms" in page and "7 ms" in page and ">0 ms" not in page
    page = client.get(url, headers={"Accept-Language": "it"}).content.decode()
    assert page.count("L’altro server ha chiuso la connessione. Attendevamo il suo saluto.") == 3
    assert "meno di 1 ms" in page


@pytest.mark.parametrize(
    ("language", "row", "says"),
    [
        ("en", "Its reader has unsubscribed", "Stopped in the queue: its reader has unsubscribed"),
        ("it", "Il destinatario si è disiscritto", "Fermato in coda: da quando è stato accettato"),
    ],
)
def test_mail_stopped_in_the_queue_says_why_in_words(
    cast: Cast, signed_in: SignedIn, language: str, row: str, says: str
) -> None:
    code = "PREVIOUSLY_UNSUBSCRIBED_PORTAL"
    message = make_message(cast.account, "ann@reader.example", status="suppressed")
    recipient = Recipient.objects.get(message=message)
    Recipient.objects.filter(pk=recipient.pk).update(reply=code, attempts=2)
    decided = {"step": "policy", "code": "barred", "data": {"barred": code}}
    told = happened(
        message, "cancelled", recipient, how="suppressed", was="deferred", code=code,
        reason=mailable.STOPPED[code], decisions=[decided],
    )  # fmt: skip
    events.append([told])
    headers = {"accept-language": language}
    url = f"/a/{cast.account.pk}/messages/{message.pk}/"
    with translation.override(None):  # the language of the page is not left to others
        page = signed_in(cast.alice).get(url, headers=headers)
    text = page.content.decode()
    assert row in text and says in text and code not in text
    # the recipient's state and the entry that tells of it have the same word
    assert len(re.findall(r'class="st \w+">(?:Suppressed|Soppresso)<', text)) == 2
