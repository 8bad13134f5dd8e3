"""The single-send page: real ids and samples in the snippets, and a run that is told as it goes."""

import re
import uuid
from collections.abc import Callable
from html import unescape

import pytest
from django.test import Client

from tests.cast import Cast, make_email
from tests.transactional.mail import delivered_mail
from tokens.models import Account, User
from transactional.compose import samples, versions
from transactional.models import Email, Message, Recipient, Status

SignedIn = Callable[[User], Client]


@pytest.fixture
def email(cast: Cast) -> Email:
    sample = {"contact": {"firstname": "Anna"}, "custom": {"order_id": "A-1042"}}
    made = make_email(cast.account, sample=sample)
    versions.publish(made, by="alice@shop.example")
    return made


def url(cast: Cast, email: Email, tail: str = "") -> str:
    return f"/a/{cast.account.pk}/emails/{email.pk}/api/{tail}"


def code(page: str) -> str:
    found = re.search(r'<pre class="code" id="snippet"[^>]*>(.*?)</pre>', page, re.S)
    assert found
    return unescape(found[1])


def test_each_tab_has_the_id_the_host_and_the_sample(
    cast: Cast, email: Email, signed_in: SignedIn, settings: object
) -> None:
    client = signed_in(cast.bob)
    for language in ("curl", "python", "node", "php"):
        shown = code(client.get(url(cast, email, f"?lang={language}")).content.decode())
        assert "A-1042" in shown and "API_KEY" in shown and "sendId" in shown, language
        assert f"{email.pk}" in shown and "/marketing/v3/transactional/single-email/send" in shown
    assert "swaks" in code(client.get(url(cast, email, "?lang=smtp")).content.decode())
    assert "curl" in code(client.get(url(cast, email, "?lang=../x")).content.decode())


def test_another_set_of_sample_data_fills_the_snippet(
    cast: Cast, email: Email, signed_in: SignedIn
) -> None:
    other = samples.create(email, name="Big", data={"custom": {"order_id": "Z-9"}}, by="alice")
    client = signed_in(cast.bob)
    shown = code(client.get(url(cast, email, f"?sample={other.pk}")).content.decode())
    assert "Z-9" in shown and "A-1042" not in shown
    assert "A-1042" in code(client.get(url(cast, email, "?sample=999999")).content.decode())


def test_a_run_is_sent_to_oneself_and_told_until_it_is_final(
    cast: Cast, email: Email, signed_in: SignedIn
) -> None:
    client = signed_in(cast.alice)
    answer = client.post(url(cast, email, "run/"), {"lang": "node"}, follow=True)
    message = Message.objects.of(cast.account).get()
    recipient = Recipient.objects.of(cast.account).get()
    assert recipient.address == cast.alice.email
    page = answer.content.decode()
    assert f'"statusId": "{message.pk}"' in unescape(page) and '"PENDING"' in unescape(page)
    asks = re.search(r'hx-get="([^"]*)" hx-trigger="every 1s"', page)
    assert asks and "lang=node" in answer.redirect_chain[-1][0]
    state = asks[1].replace("&amp;", "&")
    assert client.get(state).status_code == 204  # nothing new yet
    Recipient.objects.filter(pk=recipient.pk).update(status=Status.DELIVERED)
    final = client.get(state)
    assert final.status_code == 286
    assert b"hx-get" not in final.content and b"Delivered" in final.content
    assert message.campaign_id is None  # a test: no numbers count it


def test_a_refused_run_names_the_cause_and_what_to_do(
    cast: Cast, email: Email, signed_in: SignedIn
) -> None:
    Account.objects.filter(pk=cast.account.pk).update(transactional_enabled=False)
    page = signed_in(cast.alice).post(url(cast, email, "run/"), {}, follow=True).content.decode()
    assert "PORTAL_NOT_AUTHORIZED_FOR_APPLICATION" in page
    assert "Transactional sending is not switched on for this account" in page
    assert "Whoever runs this installation switches it on." in page
    assert 'hx-trigger="every 1s"' not in page


def test_who_may_do_what(cast: Cast, email: Email, signed_in: SignedIn) -> None:
    page, run = url(cast, email), url(cast, email, "run/")
    other = delivered_mail(cast.account)
    state = url(cast, email, f"run/{other.message_id}/")
    assert signed_in(cast.bob).get(page).status_code == 200
    assert signed_in(cast.bob).post(run).status_code == 403
    assert signed_in(cast.alice).get(run).status_code == 405
    assert signed_in(cast.alice).get(state).status_code == 404  # a message of another email
    assert signed_in(cast.alice).get(url(cast, email, f"run/{uuid.uuid4()}/")).status_code == 404
    for address in (page, state):
        assert signed_in(cast.charlie).get(address).status_code == 404
    assert signed_in(cast.charlie).post(run).status_code == 404
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.alice)
    assert strict.post(run).status_code == 403
    assert not Message.objects.of(cast.account).exclude(pk=other.message_id).exists()


def test_nothing_of_the_sample_runs_on_the_page(cast: Cast, signed_in: SignedIn) -> None:
    evil = "</pre><script>alert(1)</script>"
    email = make_email(cast.account, sample={"custom": {"order_id": evil}})
    for language in ("curl", "python", "node", "php", "smtp"):
        page = signed_in(cast.alice).get(url(cast, email, f"?lang={language}")).content.decode()
        assert "<script>alert" not in page
