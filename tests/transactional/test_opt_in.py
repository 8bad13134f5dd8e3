"""Double opt-in: asked by mail, answered by a press, bounded in number and time."""

import re
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.test import Client
from django.utils import timezone

from config.errors import PostinoError
from domains.models import Domain
from tests.cast import Cast
from tests.transactional.test_subscriptions import (
    make_type,
    marketing,
    may_send_marketing,
    send,
    status,
)
from tokens.auth import Principal
from transactional import opt_in, signing
from transactional.models import (
    Body,
    Contact,
    Email,
    Message,
    OptInRequest,
    SubscriptionChange,
    SubscriptionType,
)
from transactional.submission.request import Accepted, Refused

pytestmark = pytest.mark.django_db
ANN = "ann@reader.example"


@pytest.fixture
def contact(cast: Cast) -> Contact:
    made: Contact = Contact.objects.create(account=cast.account, email=ANN)
    return made


def ask(cast: Cast, contact: Contact, type_: SubscriptionType | None, language: str = "en") -> Any:
    who = Principal(cast.account.pk, "user", cast.alice.pk, cast.alice.email)
    opt_in.ask(cast.account.pk, contact, type_, principal=who, language=language)
    body = Body.objects.get(pk=Message.objects.latest("pk").pk)
    return orjson.loads(bytes(body.context or b"{}"))["custom"]


def later(**delta: float) -> None:
    moved = timezone.now() - timedelta(**delta)
    OptInRequest.objects.update(mailed_at=moved)


def test_from_the_mail_to_the_confirmation(cast: Cast, contact: Contact) -> None:
    may_send_marketing()
    offers = make_type(cast.account, name_it="Offerte")
    news = marketing(cast.account, offers)
    mail = ask(cast, contact, offers, "it")
    assert (mail["type"], mail["language"]) == ("Offerte", "it")
    assert Message.objects.get().subject == "Conferma la tua iscrizione"
    held = send(cast.account, news)
    assert isinstance(held, Refused) and held.refusal.code == "EMAIL_UNCONFIRMED"
    path = re.sub(r"^https?://[^/]+", "", mail["confirm_url"])
    reader = Client(enforce_csrf_checks=True)
    for method in (reader.get, reader.head):
        assert method(path).status_code == 200
    contact.refresh_from_db()
    assert contact.opt_in == "pending"  # looking confirms nothing
    done = reader.post(path)
    assert "confermata" in done.content.decode() and not done.cookies
    contact.refresh_from_db()
    assert contact.opt_in == "confirmed"
    assert status(cast.account, offers) == "subscribed"
    assert reader.post(path).status_code == 200
    change = SubscriptionChange.objects.get()
    assert (change.source, change.legal_basis) == ("opt_in", "CONSENT_WITH_NOTICE")
    assert isinstance(send(cast.account, news), Accepted)


def test_asking_again_is_limited(cast: Cast, contact: Contact) -> None:
    offers = make_type(cast.account)
    ask(cast, contact, offers)
    with pytest.raises(PostinoError, match="OPT_IN_LIMIT"):
        ask(cast, contact, offers)
    for _ in range(2):
        later(minutes=6)
        ask(cast, contact, offers)
    later(minutes=6)
    with pytest.raises(PostinoError, match="OPT_IN_LIMIT"):
        ask(cast, contact, offers)
    assert Message.objects.count() == 3
    OptInRequest.objects.update(expires_at=timezone.now())
    ask(cast, contact, offers)  # after that, anew
    opt_in.confirm(OptInRequest.objects.get())
    contact.refresh_from_db()
    with pytest.raises(PostinoError, match="OPT_IN_CONFIRMED"):
        ask(cast, contact, offers)
    assert Email.objects.of(cast.account).filter(name="Double opt-in").count() == 1


def test_an_expired_link_says_so(cast: Cast, contact: Contact, client: Client) -> None:
    ask(cast, contact, None)
    OptInRequest.objects.update(expires_at=timezone.now())
    path = f"/u/c/{signing.opt_in_token(OptInRequest.objects.get().pk)}"
    for method in (client.get, client.post):
        answer = method(path)
        assert answer.status_code == 410 and "expired" in answer.content.decode()
    contact.refresh_from_db()
    assert contact.opt_in == "pending"


def test_a_link_that_is_not_exactly_ours_is_404(
    cast: Cast, contact: Contact, client: Client
) -> None:
    ask(cast, contact, None)
    good = signing.opt_in_token(OptInRequest.objects.get().pk)
    flipped = good[:6] + ("A" if good[6] != "A" else "B") + good[7:]
    for token in (flipped, f"{good}=", "x", signing.preferences_token(contact.pk)):
        assert client.post(f"/u/c/{token}").status_code == 404
    assert client.get(f"/u/p/{good}").status_code == 404
    contact.refresh_from_db()
    assert contact.opt_in == "pending"


def test_without_a_domain_nobody_is_asked(cast: Cast, contact: Contact) -> None:
    Domain.objects.of(cast.account).update(verified_at=None)
    with pytest.raises(PostinoError, match="NO_VERIFIED_DOMAIN"):
        ask(cast, contact, None)
    assert not OptInRequest.objects.exists()
    contact.refresh_from_db()
    assert contact.opt_in == "none"


def test_a_mail_that_is_refused_changes_nothing(cast: Cast, contact: Contact) -> None:
    cast.account.transactional_enabled = False
    cast.account.save()
    with pytest.raises(PostinoError):
        ask(cast, contact, None)
    assert not OptInRequest.objects.exists()
    contact.refresh_from_db()
    assert contact.opt_in == "none"
