"""The pages and calls of held mail: listed, decided by those who may, hidden from strangers."""

import uuid
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast
from tests.transactional.api.conftest import Api, make_key
from tests.transactional.test_held import make_held
from tokens.models import AuditEntry, User
from transactional.models import Body, QueueRow, Recipient

pytestmark = pytest.mark.django_db
SignedIn = Callable[[User], Client]


def test_the_list_shows_what_is_held_and_decides_about_those_ticked(
    cast: Cast, signed_in: SignedIn
) -> None:
    again, ended = make_held(cast.account, "a@x.example"), make_held(cast.account, "b@x.example")
    client, root = signed_in(cast.alice), f"/a/{cast.account.pk}/messages/held/"
    page = client.get(root).content.decode()
    assert "a@x.example" in page and "ended before it confirmed that" in page
    home = client.get(f"/a/{cast.account.pk}/").content.decode()
    assert "2 messages are held and wait for a decision." in home
    done = client.post(
        f"{root}decide/", {"action": "release", "recipient": str(again.pk)}, follow=True
    )
    assert "1 message is queued again." in done.content.decode()
    assert QueueRow.objects.get().id == again.pk
    path = f"/a/{cast.account.pk}/messages/{ended.message_id}/"
    assert "Send it again" in client.get(path).content.decode()
    done = client.post(
        f"{root}decide/",
        {"action": "give_up", "recipient": str(ended.pk), "message": str(ended.message_id)},
        follow=True,
    )
    assert done.redirect_chain[0][0] == path
    told = done.content.decode()
    assert "1 message is given up." in told and "alice@shop.example" in told
    assert "Send it again" not in told
    assert "Nothing is held" in client.get(root).content.decode()
    log = client.get(f"/a/{cast.account.pk}/audit/").content.decode()
    assert log.count(str(again.pk)) and "held messages again" in log
    assert AuditEntry.objects.of(cast.account).count() == 2


def test_all_that_match_are_decided_and_what_cannot_be_sent_says_why(
    cast: Cast, signed_in: SignedIn
) -> None:
    for number in range(3):
        make_held(cast.account, f"u{number}@x.example")
    stuck = make_held(cast.account, "stuck@x.example")
    make_held(cast.account, "u@y.example")
    Body.objects.filter(pk=stuck.message_id).delete()
    client, root = signed_in(cast.alice), f"/a/{cast.account.pk}/messages/held/"
    page = client.get(f"{root}?address=@x.example").content.decode()
    assert "stuck@x.example" in page and "u@y.example" not in page
    assert "no longer kept: it cannot be sent again" in page
    asked = {"action": "release", "all": "1", "address": "@x.example"}
    told = client.post(f"{root}decide/", asked, follow=True).content.decode()
    assert "3 messages are queued again." in told
    assert "1 message stays held: its body" in told
    assert QueueRow.objects.count() == 3


@pytest.mark.parametrize(
    "asked", [{}, {"action": "release"}, {"action": "x", "all": "1"}, {"recipient": "nonsense"}]
)
def test_what_says_nothing_does_nothing(
    cast: Cast, signed_in: SignedIn, asked: dict[str, str]
) -> None:
    make_held(cast.account)
    root = f"/a/{cast.account.pk}/messages/held/"
    assert signed_in(cast.alice).post(f"{root}decide/", asked, follow=True).status_code == 200
    assert Recipient.objects.get().status == "held"


def test_pages_do_not_overlap_and_cost_the_same_however_many_they_list(
    cast: Cast, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transactional.views.held.PAGE", 3)
    made = [make_held(cast.account, f"u{n}@x.example") for n in range(7)]
    client, root = signed_in(cast.bob), f"/a/{cast.account.pk}/messages/held/"
    query, seen, costs = "", [], []
    for _ in range(3):
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(root + query)
        costs.append(len(queries))
        seen += [one["recipient"].pk for one in answer.context["rows"]]
        query = answer.context["older"]
    assert seen == [one.pk for one in reversed(made)] and query == ""
    assert len(set(costs)) == 1


def test_a_viewer_looks_and_does_not_decide(cast: Cast, signed_in: SignedIn) -> None:
    one = make_held(cast.account)
    client, root = signed_in(cast.bob), f"/a/{cast.account.pk}/messages/held/"
    for path in (root, f"/a/{cast.account.pk}/messages/{one.message_id}/"):
        page = client.get(path).content.decode()
        assert "can decide" in page and 'value="release"' not in page
    asked = {"action": "release", "recipient": str(one.pk)}
    assert client.post(f"{root}decide/", asked).status_code == 403
    assert client.get(f"{root}decide/").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.alice)
    assert strict.post(f"{root}decide/", asked).status_code == 403
    assert not QueueRow.objects.exists()


def test_a_strangers_held_mail_does_not_exist(cast: Cast, signed_in: SignedIn) -> None:
    one = make_held(cast.account)
    client, root = signed_in(cast.charlie), f"/a/{cast.account.pk}/messages/held/"
    own = f"/a/{cast.other_account.pk}/messages/held/"
    asked = {"action": "give_up", "recipient": str(one.pk)}
    assert client.get(root).status_code == client.post(f"{root}decide/", asked).status_code == 404
    assert "Nothing is held" in client.get(own).content.decode()
    client.post(f"{own}decide/", asked)
    client.post(f"{own}decide/", {"action": "give_up", "all": "1"})
    foreign = Api(make_key(cast.other_account))
    for act in ("release", "give_up"):
        assert foreign("POST", f"/api/v1/messages/{one.message_id}/{act}").status_code == 404
    assert Recipient.objects.get().status == "held"


def test_the_calls_decide_about_one_recipient_or_all_of_a_message(cast: Cast) -> None:
    one, two = make_held(cast.account), make_held(cast.account)
    Recipient.objects.filter(pk=two.pk).update(message_id=one.message_id)
    api, root = Api(make_key(cast.account)), f"/api/v1/messages/{one.message_id}"
    assert api("POST", f"{root}/release", {"recipient": str(two.pk)}).json() == {
        "released": 1, "suppressedMeanwhile": 0, "tooLate": 0, "noLongerKept": 0,
    }  # fmt: skip
    assert QueueRow.objects.get().id == two.pk
    assert api("POST", f"{root}/give_up").json() == {"givenUp": 1}
    assert api("POST", f"{root}/give_up").json() == {"givenUp": 0}
    assert AuditEntry.objects.of(cast.account).filter(by="Shop backend").count() == 2
    for wrong in ({"recipient": 7}, {"recipient": "x"}, {"recipient": str(uuid.uuid4())}, ["x"]):
        assert api("POST", f"{root}/release", wrong).status_code == 400
    for nobody in (str(uuid.uuid4()), "nonsense"):
        assert api("POST", f"/api/v1/messages/{nobody}/release").status_code == 404
    assert api("GET", f"{root}/release").status_code == 405
    assert Api("")("POST", f"{root}/release").status_code == 401


def test_operators_decide_in_the_admin(cast: Cast) -> None:
    again, ended = make_held(cast.account), make_held(cast.other_account)
    client = Client()
    client.force_login(User.objects.create_superuser("ops@postino.example", "x"))
    path = "/admin/transactional/recipient/"
    assert client.get(path, {"held": "1"}).status_code == 200
    for action, one in (("release", again), ("give_up", ended)):
        client.post(path, {"action": action, "_selected_action": [str(one.pk)]})
    assert QueueRow.objects.get().id == again.pk
    ended.refresh_from_db()
    assert ended.status == "cancelled"
    assert set(AuditEntry.objects.values_list("by", flat=True)) == {"ops@postino.example"}
