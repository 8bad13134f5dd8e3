"""What people agreed to: types, answers in batches, their history, and mail that obeys them."""

import re
import threading
import uuid
from html import unescape
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from domains import pools
from domains.models import EgressSource
from tests.cast import Cast, make_account, make_email
from tests.transactional.mail import delivered_mail
from tests.transactional.views.test_web_version import sent_html
from tokens.auth import Principal
from tokens.models import Account
from transactional import contacts, signing, subscription_types, subscriptions
from transactional.compose import render, versions
from transactional.compose.sample import sample_context
from transactional.models import (
    Contact,
    Event,
    Message,
    Recipient,
    Source,
    Subscribed,
    Subscription,
    SubscriptionChange,
    SubscriptionSource,
    SubscriptionType,
)
from transactional.submission import facts
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, Refused, TemplateSubmission
from transactional.subscriptions import Origin, Wanted

pytestmark = pytest.mark.django_db
API = Origin(source=SubscriptionSource.API, by="shop")
ANN = "ann@reader.example"


def make_type(account: Account, name: str = "Offers", **fields: Any) -> SubscriptionType:
    subscription_types.all_types(account.pk)
    made: SubscriptionType = SubscriptionType.objects.create(account=account, name=name, **fields)
    return made


def say(
    account: Account, type_: SubscriptionType | None, status: Subscribed, email: str = ANN
) -> bool:
    wanted = Wanted(email=email, type_id=type_.pk if type_ else None, status=status)
    return subscriptions.record(account.pk, [wanted], API)[0]


def status(account: Account, type_: SubscriptionType, email: str = ANN) -> str:
    return subscriptions.people(account.pk, [email])[email].status(type_.pk)


def may_send_marketing() -> None:
    shared = EgressSource.objects.create(
        address="127.0.0.99", ehlo_name="shared.test", state="ready"
    )
    pools.add(pools.shared_pool(), shared)
    facts.forget()


def marketing(account: Account, type_: SubscriptionType | None = None) -> int:
    email = make_email(
        account,
        name="News",
        kind="marketing",
        subject="News",
        html='<p>Hi</p><a href="{{ unsubscribe_link }}">Leave</a><p>1 High Street, London</p>',
        subscription_type=type_,
    )
    versions.publish(email, by="alice@shop.example")
    return int(email.pk)


def send(account: Account, email_id: int, to: str = ANN) -> Accepted | Refused:
    who = Principal(account.pk, "api", 1, "shop")
    one = TemplateSubmission(principal=who, source=Source.API, email_id=email_id, to=to)
    return accept_many([one])[0]


NAMED = (
    '<p>{{ subscription_name }}</p><a href="{{ unsubscribe_link }}">Leave</a> '
    '<a href="{{ unsubscribe_link_all }}">Leave all</a><p>1 High Street, London</p>'
)


@pytest.mark.parametrize(
    ("kind", "language", "said"),
    [("marketing", "it", "Offerte"), ("marketing", "en", "Offers"), ("marketing", "", "Offerte"),
     ("transactional", "it", "")],
)  # fmt: skip
def test_mail_says_its_type_and_leads_out_of_it_or_of_all(
    cast: Cast, kind: str, language: str, said: str
) -> None:
    offers, account = make_type(cast.account, name_it="Offerte"), cast.account
    account.language = "it"
    account.save()
    may_send_marketing()
    email = make_email(
        account, kind=kind, subject="Hi", html=NAMED, language=language,
        subscription_type=offers if kind == "marketing" else None,
    )  # fmt: skip
    version = versions.publish(email, by="alice@shop.example")
    preview = render.render(email, sample_context(email)).html
    answer = send(account, email.pk)
    assert isinstance(answer, Accepted), answer
    SubscriptionType.objects.filter(pk=offers.pk).update(name="New", name_it="Nuovo")
    recipient = Recipient.objects.of(account).get(message_id=answer.message_id)
    own = f"/u/{signing.unsubscribe_token(recipient.pk)}"
    copy = sent_html(recipient, "https://t.shop.example")
    page = Client().get(f"/v/{signing.web_version_token(recipient.pk)}").content.decode()
    for html in (copy, page):
        assert f"<p>{said}</p>" in html
        assert re.findall(r"(/u/[^\"]+)", unescape(html)) == [own, f"{own}/all"]
    assert f"<p>{said}</p>" in preview
    assert 'href="#unsubscribe"' in preview and 'href="#unsubscribe-all"' in preview
    assert version.subscription_type_id == (offers.pk if said else None)


def test_the_link_out_of_all_asks_first_and_leaves_every_type(cast: Cast) -> None:
    offers, news = make_type(cast.account), make_type(cast.account, "News")
    may_send_marketing()
    answer = send(cast.account, marketing(cast.account, offers))
    assert isinstance(answer, Accepted), answer
    recipient = Recipient.objects.of(cast.account).get(message_id=answer.message_id)
    reader = Client(enforce_csrf_checks=True)
    own = f"/u/{signing.unsubscribe_token(recipient.pk)}"
    asked = reader.get(f"{own}/all").content.decode()
    assert "Stop newsletters and offers" in asked and "“Offers”" in reader.get(own).content.decode()
    assert reader.post(f"{own}/all").status_code == 400
    assert {status(cast.account, one) for one in (offers, news)} == {"unspecified"}
    pressed = {"List-Unsubscribe": "One-Click"}
    reader.post(own, pressed)
    assert (status(cast.account, offers), status(cast.account, news)) == (
        "unsubscribed", "unspecified",
    )  # fmt: skip
    assert "Stop newsletters" in reader.get(f"{own}/all").content.decode()  # all is not left yet
    for _ in range(2):
        assert "No more newsletters" in reader.post(f"{own}/all", pressed).content.decode()
    assert status(cast.account, news) == "unsubscribed"
    log = SubscriptionChange.objects.of(cast.account).filter(type=None)
    assert [one.recipient_id for one in log] == [recipient.pk]
    for token in ("x", signing.open_token(recipient.pk)):
        assert reader.get(f"/u/{token}/all").status_code == 404


def test_an_account_has_one_default_type(cast: Cast) -> None:
    (first,) = subscription_types.all_types(cast.account.pk)
    assert first.is_default and first.is_active
    assert subscription_types.all_types(cast.account.pk) == [first]
    assert first.named("it") == "Informazioni commerciali"
    make_type(cast.account, is_active=False)
    assert len(subscription_types.all_types(cast.account.pk)) == 1
    assert len(subscription_types.all_types(cast.account.pk, inactive=True)) == 2


def test_an_answer_is_kept_and_every_change_is_told(cast: Cast) -> None:
    offers = make_type(cast.account)
    assert status(cast.account, offers) == "unspecified"
    assert say(cast.account, offers, Subscribed.SUBSCRIBED)
    assert not say(cast.account, offers, Subscribed.SUBSCRIBED)
    assert status(cast.account, offers) == "subscribed"
    assert say(cast.account, offers, Subscribed.UNSUBSCRIBED)
    assert say(cast.account, offers, Subscribed.NOT_SPECIFIED)
    assert not say(cast.account, offers, Subscribed.NOT_SPECIFIED)
    assert not Subscription.objects.exists()
    log = SubscriptionChange.objects.of(cast.account).order_by("pk")
    assert list(log.values_list("status", "source", "by")) == [
        ("subscribed", "api", "shop"),
        ("unsubscribed", "api", "shop"),
        ("unspecified", "api", "shop"),
    ]
    assert Contact.objects.of(cast.account).get().email == ANN


def test_leaving_everything_goes_before_every_type(cast: Cast) -> None:
    offers, news = make_type(cast.account), make_type(cast.account, "News")
    say(cast.account, offers, Subscribed.SUBSCRIBED)
    assert say(cast.account, None, Subscribed.UNSUBSCRIBED)
    assert not say(cast.account, None, Subscribed.UNSUBSCRIBED)
    assert {status(cast.account, one) for one in (offers, news)} == {"unsubscribed"}
    # Coming back to one type is not coming back to all
    assert say(cast.account, news, Subscribed.SUBSCRIBED)
    assert status(cast.account, news) == "subscribed"
    assert status(cast.account, offers) == "unsubscribed"
    assert status(cast.account, SubscriptionType.objects.default(cast.account)) == "unsubscribed"
    assert Contact.objects.of(cast.account).get().unsubscribed_at is None
    # What follows by itself stands on nobody's consent
    log = SubscriptionChange.objects.filter(type=None).latest("pk")
    assert (log.status, log.legal_basis) == ("unspecified", "")


def test_marketing_mail_obeys_its_type_and_transactional_mail_does_not(cast: Cast) -> None:
    may_send_marketing()
    offers, news = make_type(cast.account), make_type(cast.account, "News")
    about_offers, about_news = marketing(cast.account, offers), marketing(cast.account, news)
    untyped = marketing(cast.account)
    say(cast.account, offers, Subscribed.UNSUBSCRIBED)
    refused = send(cast.account, about_offers)
    assert isinstance(refused, Refused)
    assert refused.refusal.code == "PREVIOUSLY_UNSUBSCRIBED_MESSAGE"
    assert isinstance(send(cast.account, about_news), Accepted)
    assert isinstance(send(cast.account, untyped), Accepted)
    say(cast.account, SubscriptionType.objects.default(cast.account), Subscribed.UNSUBSCRIBED)
    assert isinstance(send(cast.account, untyped), Refused)
    say(cast.account, None, Subscribed.UNSUBSCRIBED)
    refused = send(cast.account, about_news)
    assert isinstance(refused, Refused)
    assert refused.refusal.code == "PREVIOUSLY_UNSUBSCRIBED_PORTAL"
    Contact.objects.update(quarantined_at="2026-01-01T00:00Z", opt_in="pending")
    receipt = make_email(cast.account, html="<p>Paid</p>", subject="Receipt")
    versions.publish(receipt, by="a")
    assert isinstance(send(cast.account, receipt.pk), Accepted)


def test_another_accounts_answers_count_for_nothing(cast: Cast) -> None:
    may_send_marketing()
    email_id = marketing(cast.account)
    theirs = SubscriptionType.objects.default(cast.other_account)
    say(cast.other_account, theirs, Subscribed.UNSUBSCRIBED)
    say(cast.other_account, None, Subscribed.UNSUBSCRIBED)
    assert isinstance(send(cast.account, email_id), Accepted)


def test_a_batch_costs_the_same_whatever_its_size(cast: Cast) -> None:
    offers = make_type(cast.account)

    def queries(count: int, tag: str) -> int:
        wanted = [
            Wanted(
                email=f"{tag}{n}@reader.example", type_id=offers.pk, status=Subscribed.SUBSCRIBED
            )
            for n in range(count)
        ]
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert subscriptions.record(cast.account.pk, wanted, API) == [True] * count
        return len(seen)

    assert queries(200, "b") == queries(2, "a")


def test_a_marketing_mail_is_left_by_its_type_once(cast: Cast) -> None:
    may_send_marketing()
    offers = make_type(cast.account)
    answer = send(cast.account, marketing(cast.account, offers))
    assert isinstance(answer, Accepted)
    recipient = Recipient.objects.get(message_id=answer.message_id)
    mail = subscriptions.through(recipient.pk)
    assert mail is not None and mail.type == offers
    assert not subscriptions.has_left(mail)
    told = {"source": SubscriptionSource.LINK, "data": {"source": "link"}}
    assert subscriptions.leave(recipient.pk, mail, **told) is True
    assert subscriptions.leave(recipient.pk, mail, **told) is False
    assert subscriptions.has_left(mail)
    assert Contact.objects.of(cast.account).get().unsubscribed_at is None
    event = Event.objects.get(type="unsubscribed")
    assert event.data == {"source": "link", "subscriptions": [offers.pk]}
    log = SubscriptionChange.objects.get()
    assert (log.type, log.source, log.recipient_id) == (offers, "link", recipient.pk)
    assert subscriptions.through(uuid.uuid4()) is None


def test_a_complaint_leaves_everything_and_is_in_the_history(cast: Cast) -> None:
    one = delivered_mail(cast.account, "Ann@reader.example")
    told = {"source": SubscriptionSource.COMPLAINT, "data": {"how": "complaint"}}
    assert subscriptions.leave_all(one.pk, **told) is True
    assert subscriptions.leave_all(one.pk, **told) is False
    log = SubscriptionChange.objects.of(cast.account).get()
    assert (log.type, log.status, log.source) == (None, "unsubscribed", "complaint")
    assert Message.objects.get(pk=one.message_id).refusal == ""


@pytest.mark.django_db(transaction=True)
def test_parallel_answers_in_opposite_order_do_not_deadlock() -> None:
    account = make_account("Busy", domain="busy.example", address="127.0.0.20")
    offers = make_type(account)
    addresses = [f"r{number}@a.example" for number in range(40)]
    barrier = threading.Barrier(3)
    failed: list[BaseException] = []

    def write(order: list[str], answer: Subscribed) -> None:
        try:
            barrier.wait()
            for _ in range(4):
                subscriptions.record(
                    account.pk,
                    [Wanted(email=one, type_id=offers.pk, status=answer) for one in order],
                    API,
                )
        except Exception as err:  # noqa: BLE001 — told by the main thread
            failed.append(err)
        finally:
            connections.close_all()

    crew = [
        threading.Thread(target=write, args=args)
        for args in (
            (addresses, Subscribed.SUBSCRIBED),
            (addresses[::-1], Subscribed.UNSUBSCRIBED),
            (addresses[10:] + addresses[:10], Subscribed.SUBSCRIBED),
        )
    ]
    for one in crew:
        one.start()
    for one in crew:
        one.join(60)
    assert failed == []
    assert Subscription.objects.of(account).count() == 40


def test_facts_of_contacts_know_nothing_of_types(cast: Cast) -> None:
    """The hot path of transactional mail asks one question less."""
    offers = make_type(cast.account)
    say(cast.account, offers, Subscribed.UNSUBSCRIBED)
    assert not contacts.facts([(cast.account.pk, ANN)])[cast.account.pk, ANN].unsubscribed
    assert subscriptions.stopped([(cast.account.pk, ANN), (cast.other_account.pk, ANN)]) == {
        (cast.account.pk, ANN): frozenset({offers.pk})
    }
    assert subscriptions.stopped([]) == {}
