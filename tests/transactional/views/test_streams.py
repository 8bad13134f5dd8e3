"""The pages of streams: what leaves from where, and the policies that an account may change."""

from collections.abc import Callable

import pytest
from django.test import Client

from tests.cast import Cast
from tokens import audit
from tokens.models import User
from transactional.models import Smarthost, Stream

SignIn = Callable[[User], Client]


@pytest.fixture
def home(cast: Cast) -> str:
    return f"/a/{cast.account.pk}/streams/"


def test_each_stream_says_from_where_its_mail_leaves(
    cast: Cast, home: str, signed_in: SignIn
) -> None:
    text = signed_in(cast.bob).get(home).content.decode()
    assert text.count("Dedicated IPs") == 1 and text.count("Shared IPs") == 1
    assert "72 hours" in text and "stream_edit" not in text
    assert f'href="{home}' not in text  # Bob only looks


def test_a_developer_changes_a_streams_policies(cast: Cast, home: str, signed_in: SignIn) -> None:
    stream = Stream.objects.default(cast.account, "transactional")
    alice = signed_in(cast.alice)
    assert "never from dedicated ones" not in alice.get(f"{home}{stream.pk}/").content.decode()
    relay = Smarthost.objects.create(account=cast.account, name="Relay", host="smtp.relay.example")
    shared = Smarthost.objects.create(name="Common", host="10.0.0.9")
    page = alice.get(f"{home}{stream.pk}/").content.decode()
    assert "Relay (smtp.relay.example:587)" in page
    assert "Common (of this installation)" in page and "10.0.0.9" not in page
    asked = {"hours": "6", "uncertain_policy": "hold", "tls": "required", "fallback": str(relay.pk)}
    answer = alice.post(f"{home}{stream.pk}/", asked)
    assert answer.status_code == 302
    stream.refresh_from_db()
    assert (stream.lifetime, stream.uncertain_policy) == (6 * 3600, "hold")
    assert (stream.tls, stream.fallback_id) == ("required", relay.pk)
    [noted] = audit.page(cast.account, audit.Filters(what="stream."))
    assert noted.data == {"changed": "fallback, lifetime, tls, uncertain_policy"}
    assert alice.post(f"{home}{stream.pk}/", asked).status_code == 302
    assert len(audit.page(cast.account, audit.Filters(what="stream."))) == 1  # nothing was changed
    alice.post(f"{home}{stream.pk}/", asked | {"fallback": str(shared.pk)})
    stream.refresh_from_db()
    assert stream.fallback_id == shared.pk
    assert "Common" in alice.get(home).content.decode()


def test_another_accounts_smarthost_cannot_be_chosen(
    cast: Cast, home: str, signed_in: SignIn
) -> None:
    stream = Stream.objects.default(cast.account, "transactional")
    theirs = Smarthost.objects.create(account=cast.other_account, name="X", host="smtp.x.example")
    asked = {"hours": "72", "uncertain_policy": "resend", "tls": "opportunistic"}
    answer = signed_in(cast.alice).post(f"{home}{stream.pk}/", asked | {"fallback": str(theirs.pk)})
    assert "fallback" in answer.context["form"].errors
    assert "smtp.x.example" not in answer.content.decode()
    stream.refresh_from_db()
    assert stream.fallback_id is None


@pytest.mark.parametrize("asked", [{}, {"hours": "0"}, {"hours": "169"}, {"hours": "x"}])
def test_what_is_wrong_is_said_and_changes_nothing(
    cast: Cast, home: str, signed_in: SignIn, asked: dict[str, str]
) -> None:
    stream = Stream.objects.default(cast.account, "transactional")
    fields = {"uncertain_policy": "resend", "tls": "opportunistic", **asked}
    answer = signed_in(cast.alice).post(f"{home}{stream.pk}/", fields)
    assert answer.status_code == 200 and "hours" in answer.context["form"].errors
    stream.refresh_from_db()
    assert stream.lifetime == 72 * 3600


def test_a_stranger_finds_nothing_and_a_viewer_changes_nothing(
    cast: Cast, home: str, signed_in: SignIn
) -> None:
    stream = Stream.objects.default(cast.account, "transactional")
    theirs = Stream.objects.default(cast.other_account, "transactional")
    for where in (home, f"{home}{stream.pk}/"):
        assert signed_in(cast.charlie).get(where).status_code == 404
    assert signed_in(cast.charlie).post(f"{home}{stream.pk}/").status_code == 404
    assert signed_in(cast.bob).post(f"{home}{stream.pk}/").status_code == 403
    assert signed_in(cast.alice).post(f"{home}{theirs.pk}/").status_code == 404
