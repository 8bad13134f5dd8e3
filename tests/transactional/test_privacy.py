"""All of a person is told and nothing of another; erased is erased, and what is counted stays."""

from dataclasses import replace

import orjson
import pytest
from django.db import connection

from config.errors import PostinoError
from config.ids import uuid7
from tests.cast import Cast
from tests.transactional.broadcast.sends import from_csv
from tests.transactional.test_contact_changes import BY, make_contact
from tests.transactional.test_subscriptions import make_type
from tests.transactional.views.test_messages import happened, make_message
from tokens.models import Account, Scope
from transactional import (
    contact_changes,
    contact_lists,
    events,
    privacy,
    subscriptions,
    suppressions,
)
from transactional.models import (
    Body,
    BroadcastRow,
    Contact,
    ContactChange,
    ContactChanged,
    DeliveryAttempt,
    Event,
    Message,
    OptInRequest,
    Recipient,
    Subscribed,
    SubscriptionChange,
    SubscriptionSource,
    Suppression,
    SuppressionChange,
    SuppressionReason,
)
from transactional.subscriptions import Origin, Wanted

pytestmark = pytest.mark.django_db

EMAIL = "ann@reader.example"


def mailed(account: Account, *addresses: str, status: str = "delivered") -> Message:
    """A message with all the places in which a person is named."""
    message = make_message(account, *addresses, status=status, subject=f"Hello {addresses[0]}")
    Body.objects.create(id=message.pk, raw=b"To: " + addresses[0].encode())
    for one in Recipient.objects.of(account).filter(message=message):
        Recipient.objects.of(account).filter(pk=one.pk).update(reply=f"250 <{one.address}>")
        DeliveryAttempt.objects.create(
            id=uuid7(), message=message, recipient=one, account=account, number=1,
            at=message.created_at, duration_ms=1, stage="data", code=250,
            reply=f"250 <{one.address}>", transcript=f"RCPT TO:<{one.address}>",
        )  # fmt: skip
        said = {"response": f"250 <{one.address}>", "ip": "192.0.2.9", "user_agent": "Ann's phone"}
        events.append(
            [happened(message, "delivered", one, attempt=1, **said),
             happened(message, "clicked", one, url=f"https://x/?{one.address}", link=2, **said)]
        )  # fmt: skip
    return message


def refused(account: Account, to: str) -> Message:
    message = make_message(account, refusal="PREVIOUSLY_BOUNCED")
    Message.objects.of(account).filter(pk=message.pk).update(refusal_text=f"{to} bounced")
    event = happened(message, "dropped", None, reason="PREVIOUSLY_BOUNCED", to=[to])
    events.append([replace(event, data={**event.data, "message": f"{to} bounced"})])
    return message


def everywhere(account: Account, text: str) -> list[str]:
    """The tables of mail and people in which an account has a text."""
    found = []
    with connection.cursor() as cursor:
        for table in (
            "message", "recipient", "deliveryattempt", "event", "contact",
            "contactchange", "contactimport", "suppressionchange", "subscription",
            "subscriptionchange", "optinrequest",
        ):  # fmt: skip
            cursor.execute(
                f"SELECT count(*) FROM transactional_{table} t"
                " WHERE account_id = %s AND t::text ILIKE %s",
                [account.pk, f"%{text}%"],
            )
            if cursor.fetchone()[0]:
                found.append(table)
    return found


def test_a_person_is_told_what_is_known_and_nothing_of_others(cast: Cast) -> None:
    contact = make_contact(cast, EMAIL, firstname="Ann")
    contact_changes.change(
        cast.account.pk, contact.pk, ContactChanged.UNSUBSCRIBED, by=BY, why="a letter"
    )
    suppressions.add(
        cast.account.pk, EMAIL, reason=SuppressionReason.HARD_BOUNCE, evidence="550 no"
    )
    mailed(cast.account, "Ann@Reader.Example", "ben@reader.example")
    mailed(cast.account, "ben@reader.example")
    mailed(cast.other_account, EMAIL)
    refused(cast.account, f"Ann <{EMAIL}>")
    refused(cast.account, "joann@reader.example")
    raw = b"".join(privacy.told(Contact.objects.of(cast.account).get()))
    told = orjson.loads(raw)
    assert told["contact"]["properties"] == {"firstname": "Ann"}
    assert told["contact"]["unsubscribed_at"]
    assert [one["what"] for one in told["changes"]] == ["created", "unsubscribed"]
    assert told["suppressions"][0]["evidence"] == "550 no"
    first, second = told["messages"]
    assert [one["address"] for one in first["recipients"]] == ["Ann@Reader.Example"]
    assert len(first["tries"]) == 1
    assert [one["type"] for one in first["events"]] == ["delivered", "clicked"]
    assert second["refused"] == "PREVIOUSLY_BOUNCED" and second["events"][0]["data"]["to"]
    assert b"ben@reader" not in raw and b"joann" not in raw


def test_many_messages_are_told_in_pieces(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privacy, "CHUNK", 2)
    contact = make_contact(cast, EMAIL)
    for _n in range(5):
        make_message(cast.account, EMAIL)
    pieces = list(privacy.told(contact))
    assert len(pieces) == 7
    assert len({one["id"] for one in orjson.loads(b"".join(pieces))["messages"]}) == 5


def test_erased_is_erased_and_what_is_counted_stays(cast: Cast) -> None:
    contact = make_contact(cast, EMAIL, firstname="Ann")
    mine = mailed(cast.account, "Ann@Reader.Example")
    shared = mailed(cast.account, "ben@reader.example", EMAIL)
    theirs = mailed(cast.account, "ben@reader.example")
    elsewhere = mailed(cast.other_account, EMAIL)
    no = refused(cast.account, EMAIL)
    suppressions.add(
        cast.account.pk, EMAIL, reason=SuppressionReason.HARD_BOUNCE, evidence=f"550 {EMAIL}"
    )
    SuppressionChange.objects.create(
        account=cast.account, what="added", address=EMAIL, reason="manual", by=BY, why="Ann wrote"
    )
    before = sorted(Event.objects.of(cast.account).values_list("pk", "type", "xid", "at"))

    assert privacy.erase(cast.account.pk, contact.pk) == 3

    assert not Contact.objects.of(cast.account).exists()
    assert not ContactChange.objects.of(cast.account).exists()
    for message in (mine, shared, no):
        message.refresh_from_db()
        assert (message.subject, message.refusal_text) == ("", "")
        assert not Body.objects.filter(pk=message.pk).exists()
    assert sorted(Event.objects.of(cast.account).values_list("pk", "type", "xid", "at")) == before
    ann = Recipient.objects.of(cast.account).get(message=mine)
    assert (ann.address, ann.reply, ann.status) == ("erased@erased.invalid", "", "delivered")
    data = list(Event.objects.of(cast.account).filter(message=mine).values_list("data", flat=True))
    assert sorted(data, key=str) == [{"attempt": 1}, {"link": 2}]
    assert Event.objects.of(cast.account).get(message=no).data == {"reason": "PREVIOUSLY_BOUNCED"}
    kept = Suppression.objects.of(cast.account).get()
    assert (kept.address, kept.reason, kept.evidence) == (EMAIL, "hard_bounce", "")
    assert not SuppressionChange.objects.of(cast.account).exclude(why="").exists()
    # Ben keeps his own, and the other account keeps Ann
    ben = Event.objects.of(cast.account).filter(
        message=shared, recipient__address__startswith="ben"
    )
    assert all(row["ip"] == "192.0.2.9" for row in ben.values_list("data", flat=True)) and ben
    theirs.refresh_from_db()
    assert theirs.subject and Body.objects.filter(pk=theirs.pk).exists()
    elsewhere.refresh_from_db()
    assert elsewhere.subject and Body.objects.filter(pk=elsewhere.pk).exists()
    assert everywhere(cast.other_account, EMAIL) == [
        "message",
        "recipient",
        "deliveryattempt",
        "event",
    ]
    assert everywhere(cast.account, EMAIL) == []


def test_mail_that_is_under_way_keeps_its_content(cast: Cast) -> None:
    contact = make_contact(cast, EMAIL)
    message = mailed(cast.account, EMAIL, "ben@reader.example")
    Recipient.objects.of(cast.account).filter(address__startswith="ben").update(status="deferred")
    with pytest.raises(PostinoError, match="MAIL_UNDER_WAY"):
        privacy.erase(cast.account.pk, contact.pk)
    assert Body.objects.filter(pk=message.pk).exists()
    assert Recipient.objects.of(cast.account).filter(address=EMAIL).exists()
    assert Contact.objects.of(cast.account).exists()


def test_who_unsubscribed_is_not_mailed_again_by_mistake(cast: Cast) -> None:
    contact = make_contact(cast, EMAIL)
    step = {"by": BY, "why": "asked"}
    contact_changes.change(cast.account.pk, contact.pk, ContactChanged.UNSUBSCRIBED, **step)
    privacy.erase(cast.account.pk, contact.pk)
    kept = suppressions.find([(cast.account.pk, EMAIL)])[cast.account.pk, EMAIL]
    assert kept.scope == Scope.MARKETING


def test_a_link_in_old_mail_makes_no_new_contact(cast: Cast) -> None:
    contact = make_contact(cast, EMAIL)
    message = mailed(cast.account, EMAIL)
    recipient = Recipient.objects.of(cast.account).get(message=message)
    privacy.erase(cast.account.pk, contact.pk)
    assert not subscriptions.leave_all(recipient.pk, source=SubscriptionSource.COMPLAINT, data={})
    assert not Contact.objects.of(cast.account).exists()


def test_another_account_erases_nobody(cast: Cast) -> None:
    contact = make_contact(cast, EMAIL)
    with pytest.raises(Contact.DoesNotExist):
        privacy.erase(cast.other_account.pk, contact.pk)
    assert Contact.objects.of(cast.account).exists()


def test_lists_subscriptions_and_sends_are_told_and_erased(cast: Cast) -> None:
    account = cast.account.pk
    contact = make_contact(cast, EMAIL)
    offers = make_type(cast.account)
    wanted = Wanted(
        email=EMAIL, type_id=offers.pk, status=Subscribed.UNSUBSCRIBED, explanation="a letter"
    )
    subscriptions.record(account, [wanted], Origin(source=SubscriptionSource.MEMBER, by=BY))
    friends = contact_lists.create(account, name="Friends", by=BY)
    contact_lists.add(account, friends, [EMAIL])
    OptInRequest.objects.create(
        account=cast.account, contact=contact, type=offers, expires_at=contact.created_at
    )
    send = from_csv(cast, f"Email,Order,First name\n{EMAIL},A-1,Ann\n".encode())
    told = orjson.loads(b"".join(privacy.told(contact)))
    assert told["lists"] == ["Friends"]
    assert told["subscriptions"][0]["type__name"] == "Offers"
    assert told["subscription_changes"][0]["explanation"] == "a letter"
    assert len(told["double_opt_in_requests"]) == 1
    assert told["sends"][0]["values"]["contact"] == {"firstname": "Ann"}
    privacy.erase(account, contact.pk)
    assert everywhere(cast.account, EMAIL) == []
    assert not SubscriptionChange.objects.exists() and not OptInRequest.objects.exists()
    row = BroadcastRow.objects.get(broadcast=send)
    assert row.email == f"erased-{row.pk}@erased.invalid" and row.state == "cancelled"
    assert row.values == {}
    # Who left one type does not come back by an old list
    kept = suppressions.find([(account, EMAIL)])
    assert kept[account, EMAIL].scope == Scope.MARKETING
