"""Contact lists over HTTP."""

from typing import Any

import pytest

from tests.cast import Cast
from tests.transactional.api.conftest import Api, make_key
from transactional import contacts
from transactional.models import Contact, ContactList

pytestmark = pytest.mark.django_db
LISTS = "/api/v1/lists"
ROMANS = {"match": "all", "rules": [{"property": "city", "operator": "is", "value": "Rome"}]}


@pytest.fixture
def lists(with_scopes: Any) -> Api:
    found: Api = with_scopes("contacts")
    return found


def make(api: Api, name: str = "Friends", **more: Any) -> dict[str, Any]:
    answer = api("POST", LISTS, {"name": name, **more})
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def test_a_static_list_from_making_to_deleting(lists: Api, cast: Cast) -> None:
    made = make(lists)
    path = f"{LISTS}/{made['id']}"
    assert (made["kind"], made["size"]) == ("static", 0)
    asked = {"emails": ["Ann@x.example", "ben@x.example", "nobody"]}
    added = lists("POST", f"{path}/contacts/add", asked).json()
    assert added == {"added": 2, "invalid": ["nobody"], "invalidCount": 1}
    assert lists("POST", f"{path}/contacts/add/", asked).json()["added"] == 0
    first = lists("GET", f"{path}/contacts?limit=1").json()
    assert [one["email"] for one in first["results"]] == ["ben@x.example"]
    rest = lists("GET", f"{path}/contacts?after={first['paging']['next']['after']}").json()
    assert [one["email"] for one in rest["results"]] == ["ann@x.example"] and "paging" not in rest
    removed = lists("POST", f"{path}/contacts/remove", {"emails": ["ann@x.example"]})
    assert removed.json()["removed"] == 1
    assert lists("PATCH", path, {"name": "Dear friends"}).json()["name"] == "Dear friends"
    assert lists("GET", f"{path}/").json()["size"] == 1
    assert lists("DELETE", path).status_code == 204
    assert lists("GET", path).status_code == 404
    assert Contact.objects.of(cast.account).count() == 2


def test_a_filter(lists: Api, cast: Cast) -> None:
    contacts.upsert_many([(cast.account.pk, "ann@x.example", {"city": "rome"})])
    made = make(lists, conditions=ROMANS)
    assert (made["kind"], made["size"], made["conditions"]["match"]) == ("filter", 1, "all")
    path = f"{LISTS}/{made['id']}"
    answer = lists("POST", f"{path}/contacts/add", {"emails": ["b@x.example"]})
    assert (answer.status_code, answer.json()["category"]) == (409, "CONFLICT")
    paris = {"rules": [{"property": "city", "operator": "is", "value": "Paris"}]}
    assert lists("PATCH", path, {"conditions": paris}).json()["size"] == 0


def test_lists_are_paged(lists: Api, cast: Cast) -> None:
    for number in range(3):
        make(lists, f"L{number}")
    seen, path = [], f"{LISTS}?limit=2"
    while path:
        answer = lists("GET", path).json()
        seen += [one["name"] for one in answer["results"]]
        link = answer.get("paging", {}).get("next", {}).get("link", "")
        path = link.partition("testserver")[2]
    assert seen == ["L2", "L1", "L0"]


@pytest.mark.parametrize(
    ("method", "rest", "body", "status"),
    [
        ("POST", "", [], 400),
        ("POST", "", {}, 400),
        ("POST", "", {"name": ""}, 400),
        ("POST", "", {"name": "Friends"}, 409),
        ("POST", "", {"name": "x", "conditions": []}, 400),
        ("POST", "", {"name": "x", "conditions": {"rules": [{"property": "\x00"}]}}, 400),
        ("PATCH", "/{id}", {"conditions": ROMANS}, 400),
        ("PATCH", "/{id}", {"name": 7}, 400),
        ("POST", "/{id}/contacts/add", {"emails": "a@b.example"}, 400),
        ("POST", "/{id}/contacts/add", {"emails": []}, 400),
        ("POST", "/{id}/contacts/add", {"emails": [7]}, 400),
        ("POST", "/{id}/contacts/add", {"emails": ["a@b.example"] * 10_001}, 400),
        ("GET", "/{id}/contacts?limit=501", None, 400),
        ("GET", "/{id}/contacts?after=x", None, 400),
        ("GET", "/0", None, 404),
        ("GET", "/x", None, 404),
        ("GET", "/" + "9" * 19, None, 404),
    ],
)
def test_what_is_wrong_is_told(
    lists: Api, cast: Cast, method: str, rest: str, body: Any, status: int
) -> None:
    made = make(lists)
    answer = lists(method, LISTS + rest.format(id=made["id"]), body)
    assert answer.status_code == status, answer.content
    assert ContactList.objects.of(cast.account).get().name == "Friends"


def test_a_stranger_and_a_key_without_the_scope(lists: Api, api: Api, cast: Cast) -> None:
    made = make(lists)
    path = f"{LISTS}/{made['id']}"
    charlie = Api(make_key(cast.other_account, "contacts"))
    for method, where, body in (
        ("GET", path, None),
        ("PATCH", path, {"name": "Mine"}),
        ("DELETE", path, None),
        ("GET", f"{path}/contacts", None),
        ("POST", f"{path}/contacts/add", {"emails": ["a@b.example"]}),
        ("POST", f"{path}/contacts/remove", {"emails": ["a@b.example"]}),
    ):
        assert charlie(method, where, body).status_code == 404
        assert api(method, where, body).status_code == 403
    assert charlie("GET", LISTS).json() == {"results": []}
    assert ContactList.objects.get().name == "Friends"
