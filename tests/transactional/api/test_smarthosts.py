"""Smarthosts over the API: made, changed, tested, deleted; the password is written and never read."""

from typing import Any

import pytest

from tests.cast import Cast
from tests.transactional.api.conftest import Api, make_key
from tests.transactional.egress.test_smarthost_check import POLITE, plain
from tokens import audit
from transactional import smarthosts
from transactional.models import Smarthost, Stream

HERE = "/api/v1/smarthosts"
SECRET = "correct horse & battery"
ASKED = {
    "name": "Relay", "host": "SMTP.Relay.Example", "port": 587, "tls": "verified", "username": "us",
    "password": SECRET,
}  # fmt: skip


@pytest.fixture
def api(cast: Cast) -> Api:
    return Api(make_key(cast.account, "domains"))


def test_one_is_made_shown_changed_and_deleted_without_its_password(cast: Cast, api: Api) -> None:
    made = api("POST", HERE, ASKED)
    assert made.status_code == 201
    body = made.json()
    assert body == {
        "id": body["id"], "name": "Relay", "host": "smtp.relay.example", "port": 587,
        "username": "us", "tls": "verified", "hasPassword": True,
    }  # fmt: skip
    row = Smarthost.objects.of(cast.account).get()
    assert row.read_password() == SECRET and SECRET.encode() not in bytes(row.password)
    one = f"{HERE}/{row.pk}"
    assert api("PATCH", one, {"name": "Other"}).json()["name"] == "Other"
    row.refresh_from_db()
    assert row.read_password() == SECRET
    for call in (api("GET", one), api("GET", HERE), api("PATCH", one, {"port": 2525})):
        assert SECRET not in call.content.decode()
    moved = api("PATCH", one, {"host": "smtp.evil.example"})
    assert moved.status_code == 400
    assert [(e["in"], e["code"]) for e in moved.json()["errors"]] == [
        ("password", "PASSWORD_OF_ANOTHER_SERVER")
    ]
    cleared = api("PATCH", one, {"username": ""}).json()
    assert (cleared["username"], cleared["hasPassword"]) == ("", False)
    stream = Stream.objects.default(cast.account, "transactional")
    Stream.objects.filter(pk=stream.pk).update(fallback=row)
    used = api("DELETE", one)
    assert (used.status_code, used.json()["errors"][0]["code"]) == (409, "SMARTHOST_IN_USE")
    Stream.objects.filter(pk=stream.pk).update(fallback=None)
    assert api("DELETE", one).status_code == 204
    assert api("GET", one).status_code == 404
    noted = [one.what for one in audit.page(cast.account, audit.Filters(what="smarthost."))]
    assert noted[0] == "smarthost.deleted" and noted[-1] == "smarthost.created"


@pytest.mark.parametrize(
    ("wrong", "where", "code"),
    [
        ({"name": ""}, "name", "REQUIRED"),
        ({"name": 7}, "name", "INVALID_TYPE"),
        ({"name": "a\r\nb"}, "name", "INVALID_VALUE"),
        ({"host": "https://smtp.relay.example"}, "host", "INVALID_HOST"),
        ({"host": "127.0.0.1"}, "host", "PRIVATE_ADDRESS"),
        ({"host": "::ffff:10.0.0.1"}, "host", "PRIVATE_ADDRESS"),
        ({"host": "x" * 300}, "host", "INVALID_TYPE"),
        ({"port": 22}, "port", "INVALID_PORT"),
        ({"port": "587"}, "port", "INVALID_PORT"),
        ({"port": True}, "port", "INVALID_PORT"),
        ({"tls": "never"}, "tls", "INVALID_VALUE"),
        ({"tls": ["verified"]}, "tls", "INVALID_VALUE"),
        ({"tls": "opportunistic"}, "tls", "PASSWORD_NEEDS_TLS"),
        ({"username": ""}, "username", "USERNAME_MISSING"),
        ({"password": ""}, "password", "PASSWORD_MISSING"),
        ({"password": "a\nb"}, "password", "INVALID_VALUE"),
        ({"password": None}, "password", "INVALID_TYPE"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    cast: Cast, api: Api, wrong: dict[str, Any], where: str, code: str, settings: Any
) -> None:
    settings.EGRESS_PRIVATE_NETS = []
    answer = api("POST", HERE, ASKED | wrong)
    assert answer.status_code == 400
    assert [(e["in"], e["code"]) for e in answer.json()["errors"]] == [(where, code)]
    assert SECRET not in answer.content.decode() and not Smarthost.objects.exists()
    assert api("POST", HERE, [1]).status_code == 400


def test_strangers_and_other_scopes_find_nothing(cast: Cast, api: Api) -> None:
    theirs = Smarthost.objects.create(account=cast.other_account, name="X", host="x.example")
    operators = Smarthost.objects.create(name="Common", host="c.example")
    for row in (theirs, operators):
        for method, end in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test")):
            assert api(method, f"{HERE}/{row.pk}{end}", {}).status_code == 404
    assert api("GET", HERE).json()["results"] == []
    assert api("GET", f"{HERE}/nonsense").status_code == 404
    assert Api(make_key(cast.account, "webhooks"))("GET", HERE).status_code == 403
    assert Api("")("GET", HERE).status_code == 401
    assert Smarthost.objects.count() == 2


def test_there_are_not_more_than_a_few(cast: Cast, api: Api) -> None:
    for number in range(smarthosts.MOST):
        Smarthost.objects.create(account=cast.account, name=f"R{number}", host="r.example")
    answer = api("POST", HERE, ASKED)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "TOO_MANY_SMARTHOSTS")


@pytest.mark.django_db(transaction=True)
def test_a_test_says_what_it_found(cast: Cast, api: Api, settings: Any) -> None:
    settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8"]
    with plain(POLITE | {"MAIL": "550 5.7.1 not from there"}) as (port, _):
        row = Smarthost.objects.create(
            account=cast.account, name="R", host="127.0.0.1", port=port, tls="opportunistic"
        )
        found = api("POST", f"{HERE}/{row.pk}/test").json()
    assert (found["ok"], found["code"]) == (False, "sender_refused")
    assert "not mail from test@" in found["says"] and found["reply"] == "550 5.7.1 not from there"
    assert found["dialogue"][0] == "S: 220 plain.example" and found["address"] == "127.0.0.1"
