"""The suppression list over HTTP: each call, bad input, and nothing for strangers."""

import csv
import io
from typing import Any

import pytest
from django.http import StreamingHttpResponse

from tests.cast import Cast
from tests.transactional.api.conftest import Api
from tests.transactional.test_suppression_undo import listed
from transactional import suppression_exports
from transactional.models import Suppression, SuppressionChange, SuppressionReason

PATH = "/api/v1/suppressions"


def add(api: Api, address: str = "Ann@far.example", **more: Any) -> dict[str, Any]:
    answer = api("POST", PATH, {"address": address, "why": "asked us", **more})
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def test_an_address_from_added_to_taken_off(api: Api, foreign: Api, with_scopes: Any) -> None:
    made = add(api)
    assert made["address"] == "ann@far.example"
    assert (made["reason"], made["scope"], made["evidence"]) == ("manual", "all", "asked us")
    again = api("POST", PATH, {"address": "ann@far.example", "why": "twice"})
    assert (again.status_code, again.json()) == (200, made)
    path = f"{PATH}/{made['id']}"
    assert api("GET", path).json() == made
    assert api("GET", PATH).json() == {"results": [made]}
    for method in ("GET", "DELETE"):
        assert foreign(method, path).status_code == 404
        assert with_scopes("domains")(method, path).status_code == 403
    assert foreign("GET", PATH).json() == {"results": []}
    assert api("DELETE", f"{path}?why=works+again").status_code == 204
    assert api("GET", path).status_code == 404
    last = SuppressionChange.objects.order_by("-pk").first()
    assert last is not None and (last.what, last.why) == ("removed", "works again")


def test_the_list_is_narrowed_and_paged(api: Api, cast: Cast) -> None:
    for number in range(3):
        add(api, f"r{number}@far.example", scope="marketing")
    listed(cast.account, "hard@far.example")
    first = api("GET", f"{PATH}?limit=2").json()
    second = api("GET", f"{PATH}?limit=2&after={first['paging']['next']['after']}").json()
    found = [row["address"] for row in first["results"] + second["results"]]
    assert found == ["hard@far.example", *(f"r{n}@far.example" for n in (2, 1, 0))]
    hard = api("GET", f"{PATH}?reason=hard_bounce").json()["results"]
    assert [row["address"] for row in hard] == ["hard@far.example"]
    one = api("GET", f"{PATH}?address=R1@far.example").json()["results"]
    assert [row["scope"] for row in one] == ["marketing"]
    assert api("GET", f"{PATH}?reason=rumour").status_code == 400


def test_an_undo_is_counted_until_it_is_confirmed(api: Api, foreign: Api, cast: Cast) -> None:
    listed(cast.account, "a@far.example", days_ago=1)
    listed(cast.account, "b@near.example", days_ago=1)
    asked = {"since": "2020-01-01T00:00:00Z", "domain": "far.example", "why": "their outage"}
    seen = api("POST", f"{PATH}/undo", asked).json()
    assert (seen["matched"], seen["lifted"], seen["reasons"]) == (1, 0, {"hard_bounce": 1})
    assert [row["address"] for row in seen["sample"]] == ["a@far.example"]
    assert foreign("POST", f"{PATH}/undo", {**asked, "confirm": True}).json()["lifted"] == 0
    assert Suppression.objects.of(cast.account).count() == 2
    assert api("POST", f"{PATH}/undo", {**asked, "confirm": True}).json()["lifted"] == 1
    assert api("POST", f"{PATH}/undo", {**asked, "confirm": True}).json()["lifted"] == 0
    assert Suppression.objects.of(cast.account).get().address == "b@near.example"


def test_a_list_in_and_out(api: Api, foreign: Api) -> None:
    text = (
        "EmailAddress,SuppressionReason\na@x.example,HardBounce\nb@x.example,SpamComplaint\nb,x\n"
    )
    done = api("POST", f"{PATH}/import", {"csv": text, "name": "old.csv"}).json()
    assert done == {
        "form": "Postmark", "new": 2, "known": 0, "leftOut": 1,
        "problems": [{"line": 4, "code": "address"}],
    }  # fmt: skip
    answer = api("GET", f"{PATH}/export?form=ses")
    assert isinstance(answer, StreamingHttpResponse)
    rows = list(csv.reader(io.StringIO(answer.getvalue().decode())))
    assert rows == [["a@x.example", "BOUNCE"], ["b@x.example", "COMPLAINT"]]
    ours = foreign("GET", f"{PATH}/export")
    assert isinstance(ours, StreamingHttpResponse) and ours.getvalue().count(b"\n") == 1
    assert api("GET", f"{PATH}/export?form=hearsay").status_code == 400
    assert set(suppression_exports.FORMS) >= {"ses", "postmark", "sendgrid-bounces"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("", {}), ("", []), ("", {"address": "x", "why": "y"}), ("", {"address": 7, "why": "y"}),
        ("", {"address": "a@x.example"}), ("", {"address": "a@x.example", "why": "\0"}),
        ("", {"address": "a@x.example", "why": "y", "scope": "some"}),
        ("/undo", {}), ("/undo", {"reasons": ["hard_bounce"]}), ("/undo", {"since": "yesterday"}),
        ("/undo", {"since": "2026-13-40T00:00:00Z"}), ("/undo", {"domain": ["x"]}),
        ("/undo", {"domain": "x.example", "reasons": "hard_bounce"}),
        ("/undo", {"domain": "x.example", "reasons": ["rumour"]}),
        ("/undo", {"domain": "x.example", "confirm": True}),
        ("/undo", {"domain": "x.example", "confirm": "yes", "why": "w"}),
        ("/import", {}), ("/import", {"csv": 7}), ("/import", {"csv": "name\n"}),
        ("/import", {"csv": "email\n\0"}),
    ],
)  # fmt: skip
def test_what_cannot_be_is_a_400(api: Api, cast: Cast, path: str, body: Any) -> None:
    listed(cast.account, "a@x.example")
    answer = api("POST", PATH + path, body)
    assert answer.status_code == 400 and answer.json()["errors"], answer.content
    assert Suppression.objects.get().reason == SuppressionReason.HARD_BOUNCE
