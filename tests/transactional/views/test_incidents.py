"""The pages and calls of incidents: shown, undone by those who may, hidden from strangers."""

from collections.abc import Callable

import pytest
from django.test import Client

from tests.cast import Cast
from tests.transactional.api.conftest import Api, make_key
from tests.transactional.incidents.test_undo import failed, met
from tokens.models import User
from transactional.models import Incident, IncidentAccount, QueueRow, Suppression

__all__ = ["met"]

pytestmark = pytest.mark.django_db
SignedIn = Callable[[User], Client]


def test_the_pages_tell_what_is_parked_and_what_an_undo_does(
    cast: Cast, met: IncidentAccount, signed_in: SignedIn
) -> None:
    failed(cast, "u@x.example")
    client = signed_in(cast.alice)
    root = f"/a/{cast.account.pk}/incidents/"
    listed = client.get(root).content.decode()
    assert "Google" in listed
    assert "Parked" in listed
    Incident.objects.update(also=[{"skeleton": "*", "sample": "451 Not now <b>either</b>"}])
    page = client.get(f"{root}{met.pk}/")
    assert "451 Not now &lt;b&gt;either&lt;/b&gt;" in page.content.decode()
    assert (page.context["caused"].failed, page.context["caused"].suppressed) == (1, 1)
    assert "does not exist" in page.content.decode()
    assert (
        "Google refuses mail from 127.0.0.10"
        in client.get(f"/a/{cast.account.pk}/").content.decode()
    )
    answer = client.post(f"{root}{met.pk}/undo/", follow=True)
    assert "1 messages are queued again, 1 suppressions were lifted." in answer.content.decode()
    assert QueueRow.objects.count() == 1
    assert not Suppression.objects.exists()
    again = client.post(f"{root}{met.pk}/undo/", follow=True)
    assert "There was nothing to undo (any more)." in again.content.decode()
    assert QueueRow.objects.count() == 1


def test_a_viewer_looks_and_does_not_undo(
    cast: Cast, met: IncidentAccount, signed_in: SignedIn
) -> None:
    failed(cast, "u@x.example")
    client = signed_in(cast.bob)
    path = f"/a/{cast.account.pk}/incidents/{met.pk}/"
    assert "Send again and lift" not in client.get(path).content.decode()
    assert client.post(f"{path}undo/").status_code == 403
    assert client.get(f"{path}undo/").status_code == 405
    assert not QueueRow.objects.exists()


def test_a_strangers_incidents_do_not_exist(
    cast: Cast, met: IncidentAccount, signed_in: SignedIn
) -> None:
    client = signed_in(cast.charlie)
    own = f"/a/{cast.other_account.pk}/incidents/"
    assert "No incident so far" in client.get(own).content.decode()
    assert client.get(f"{own}{met.pk}/").status_code == 404
    assert client.post(f"{own}{met.pk}/undo/").status_code == 404
    assert client.get(f"/a/{cast.account.pk}/incidents/{met.pk}/").status_code == 404
    assert client.get(f"{own}{2**70}/").status_code == 404


def test_the_calls_show_and_undo(cast: Cast, met: IncidentAccount) -> None:
    failed(cast, "u@x.example")
    api = Api(make_key(cast.account))
    (one,) = api("GET", "/api/v1/incidents").json()["results"]
    assert (one["id"], one["site"], one["state"]) == (str(met.pk), "google", "open")
    assert one["receiver"] == "Google"
    whole = api("GET", f"/api/v1/incidents/{met.pk}").json()
    assert (whole["caused"]["failed"], whole["caused"]["suppressed"]) == (1, 1)
    done = api("POST", f"/api/v1/incidents/{met.pk}/undo").json()
    assert (done["requeued"], done["lifted"]) == (1, 1)
    assert done["incident"]["caused"]["failed"] == 0
    foreign = Api(make_key(cast.other_account))
    assert foreign("GET", "/api/v1/incidents").json()["results"] == []
    for method, path in (("GET", f"{met.pk}"), ("POST", f"{met.pk}/undo"), ("GET", "x")):
        assert foreign(method, f"/api/v1/incidents/{path}").status_code == 404
    assert Api(make_key(cast.account, "domains"))("GET", "/api/v1/incidents").status_code == 403


def test_an_answer_is_shown_and_never_run(
    cast: Cast, met: IncidentAccount, signed_in: SignedIn
) -> None:
    Incident.objects.update(sample="<script>alert(1)</script>", site="<b>x</b>")
    client = signed_in(cast.bob)
    for path in ("", f"{met.pk}/"):
        page = client.get(f"/a/{cast.account.pk}/incidents/{path}").content.decode()
        assert "<script>alert" not in page
        assert "<b>x" not in page
