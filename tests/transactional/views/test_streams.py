"""The pages of streams: what leaves from where, and the policies that an account may change."""

from collections.abc import Callable

import pytest
from django.test import Client

from tests.cast import Cast
from tokens.models import User
from transactional.models import Stream

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
    answer = alice.post(f"{home}{stream.pk}/", {"hours": "6", "uncertain_policy": "hold"})
    assert answer.status_code == 302
    stream.refresh_from_db()
    assert (stream.lifetime, stream.uncertain_policy) == (6 * 3600, "hold")


@pytest.mark.parametrize("asked", [{}, {"hours": "0"}, {"hours": "169"}, {"hours": "x"}])
def test_what_is_wrong_is_said_and_changes_nothing(
    cast: Cast, home: str, signed_in: SignIn, asked: dict[str, str]
) -> None:
    stream = Stream.objects.default(cast.account, "transactional")
    fields = {"uncertain_policy": "resend", **asked}
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
