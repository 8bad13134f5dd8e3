"""The pages of an account's smarthosts: made, changed and deleted; the password is never shown."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.cast import Cast
from tests.transactional.egress.test_smarthost_check import POLITE, plain
from tokens import audit
from tokens.models import Membership, User
from transactional import smarthosts
from transactional.models import Smarthost, Stream

SignIn = Callable[[User], Client]
SECRET = "correct horse & battery"
ASKED = {
    "name": "Relay",
    "host": "SMTP.Relay.Example",
    "port": "587",
    "tls": "verified",
    "username": "us",
    "password": SECRET,
}


@pytest.fixture
def home(cast: Cast) -> str:
    return f"/a/{cast.account.pk}/streams/"


def made(cast: Cast, **values: Any) -> Smarthost:
    fields = {"name": "Relay", "host": "smtp.relay.example", "username": "us"}
    row = Smarthost.objects.create(account=cast.account, **fields | values)
    row.set_password(SECRET)
    row.save()
    return row


def test_a_smarthost_is_made_sealed_and_told(cast: Cast, home: str, signed_in: SignIn) -> None:
    alice = signed_in(cast.alice)
    assert "No smarthost yet" in alice.get(home).content.decode()
    assert alice.post(f"{home}smarthosts/new/", ASKED).status_code == 302
    row = Smarthost.objects.of(cast.account).get()
    assert (row.host, row.port, row.tls) == ("smtp.relay.example", 587, "verified")
    assert row.read_password() == SECRET and SECRET.encode() not in bytes(row.password)
    [noted] = audit.page(cast.account, audit.Filters(what="smarthost."))
    assert (noted.what, noted.name, noted.by) == ("smarthost.created", "Relay", cast.alice.email)
    for where in (home, f"{home}smarthosts/{row.pk}/"):
        text = alice.get(where).content.decode()
        assert "smtp.relay.example" in text and "horse" not in text
    listed = alice.get(f"/a/{cast.account.pk}/audit/").content.decode()
    assert "Made the smarthost “Relay”" in listed and "horse" not in listed


def test_the_kept_password_stays_and_follows_to_no_other_server(
    cast: Cast, home: str, signed_in: SignIn
) -> None:
    row, alice = made(cast), signed_in(cast.alice)
    here = f"{home}smarthosts/{row.pk}/"
    kept = ASKED | {"name": "Other name", "password": ""}
    assert alice.post(here, kept).status_code == 302
    row.refresh_from_db()
    assert (row.name, row.read_password()) == ("Other name", SECRET)
    for changed in ({"host": "smtp.evil.example"}, {"port": "2525"}):
        answer = alice.post(here, kept | changed)
        assert answer.status_code == 422
        assert "Another server: give its password again." in answer.content.decode()
    moved = kept | {"host": "smtp.new.example", "password": "another one"}
    assert alice.post(here, moved).status_code == 302
    row.refresh_from_db()
    assert (row.host, row.read_password()) == ("smtp.new.example", "another one")
    [noted, _] = audit.page(cast.account, audit.Filters(what="smarthost."))
    assert noted.data == {"changed": "host, password"}
    assert alice.post(here, moved | {"username": "", "password": ""}).status_code == 302
    row.refresh_from_db()
    assert (row.username, row.read_password()) == ("", "")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", {"name": ""}),
        ("name", {"name": "a\r\nb"}),
        ("host", {"host": ""}),
        ("host", {"host": "https://smtp.relay.example"}),
        ("host", {"host": "smtp.relay.example:587"}),
        ("host", {"host": "a b"}),
        ("host", {"host": "x" * 300}),
        ("host", {"host": "127.0.0.1"}),
        ("host", {"host": "10.1.2.3"}),
        ("host", {"host": "[::1]"}),
        ("host", {"host": "169.254.169.254"}),
        ("host", {"host": "::ffff:10.0.0.1"}),
        ("port", {"port": "22"}),
        ("port", {"port": "465"}),
        ("port", {"port": "x"}),
        ("tls", {"tls": "never"}),
        ("tls", {"tls": "opportunistic"}),
        ("username", {"username": "a\nb"}),
        ("username", {"username": ""}),
        ("password", {"password": ""}),
        ("password", {"password": "a\nb"}),
        ("password", {"password": "x" * 501}),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    cast: Cast, home: str, signed_in: SignIn, field: str, wrong: dict[str, str], settings: Any
) -> None:
    settings.EGRESS_PRIVATE_NETS = []
    answer = signed_in(cast.alice).post(f"{home}smarthosts/new/", ASKED | wrong)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert "horse" not in answer.content.decode()
    assert not Smarthost.objects.exists()


def test_one_that_a_stream_uses_is_not_deleted(cast: Cast, home: str, signed_in: SignIn) -> None:
    row, alice = made(cast), signed_in(cast.alice)
    stream = Stream.objects.default(cast.account, "transactional")
    Stream.objects.filter(pk=stream.pk).update(fallback=row)
    here = f"{home}smarthosts/{row.pk}/delete/"
    assert "Streams use it" in alice.get(here).content.decode()
    answer = alice.post(here, follow=True)
    assert "nothing was deleted" in answer.content.decode()
    assert Smarthost.objects.filter(pk=row.pk).exists()
    Stream.objects.filter(pk=stream.pk).update(fallback=None)
    assert "No stream uses it" in alice.get(here).content.decode()
    assert alice.post(here).status_code == 302
    assert not Smarthost.objects.exists()
    [noted] = audit.page(cast.account, audit.Filters(what="smarthost.deleted"))
    assert noted.name == "Relay"


@pytest.mark.django_db(transaction=True)
def test_the_connection_is_tested_on_its_page(
    cast: Cast, home: str, signed_in: SignIn, settings: Any
) -> None:
    settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8"]
    alice = signed_in(cast.alice)
    for mail, word in (("250 2.1.0 OK", "ok"), ("550 5.7.1 <not> from there", "sender_refused")):
        with plain(POLITE | {"MAIL": mail}) as (port, _):
            row = made(cast, host="127.0.0.1", port=port, username="", tls="opportunistic")
            text = alice.post(f"{home}smarthosts/{row.pk}/test/").content.decode()
        assert f">{word}<" in text and "\nC: MAIL FROM:&lt;test@" in text
    assert "&lt;not&gt; from there" in text and "The connection does not work" in text


def test_there_are_not_more_than_a_few(cast: Cast, home: str, signed_in: SignIn) -> None:
    for number in range(smarthosts.MOST):
        Smarthost.objects.create(account=cast.account, name=f"R{number}", host="r.example")
    answer = signed_in(cast.alice).post(f"{home}smarthosts/new/", ASKED)
    assert answer.status_code == 422
    assert f"There are {smarthosts.MOST} smarthosts already" in answer.content.decode()
    assert Smarthost.objects.count() == smarthosts.MOST


def test_strangers_find_nothing_and_who_only_looks_changes_nothing(
    cast: Cast, home: str, signed_in: SignIn
) -> None:
    row = made(cast)
    theirs = Smarthost.objects.create(account=cast.other_account, name="X", host="x.example")
    operators = Smarthost.objects.create(name="Common", host="c.example")
    Membership.objects.of(cast.account).filter(user=cast.bob).update(role="marketer")
    pages = [f"{home}smarthosts/new/", f"{home}smarthosts/{row.pk}/"]
    assert signed_in(cast.alice).get(f"{pages[1]}test/").status_code == 405
    for who, status in ((cast.charlie, 404), (cast.bob, 403)):
        assert signed_in(who).post(f"{pages[1]}test/").status_code == status
    for where in [*pages, f"{pages[1]}delete/"]:
        for ask in (signed_in(cast.charlie).get, signed_in(cast.charlie).post):
            assert ask(where).status_code == 404
        for ask in (signed_in(cast.bob).get, signed_in(cast.bob).post):
            assert ask(where).status_code == 403
        client = Client(enforce_csrf_checks=True)
        client.force_login(cast.alice)
        assert client.post(where, ASKED).status_code == 403
    for one in (theirs, operators):
        for end in ("", "delete/", "test/"):
            answer = signed_in(cast.alice).post(f"{home}smarthosts/{one.pk}/{end}", ASKED)
            assert answer.status_code == 404
    text = signed_in(cast.bob).get(home).content.decode()
    assert "smtp.relay.example" in text and "x.example" not in text.replace("relay.example", "")
    assert f"{home}smarthosts/" not in text
    assert Smarthost.objects.count() == 3
