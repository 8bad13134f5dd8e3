"""Emails over HTTP: whole drafts in and out, publishing by the rules, nothing for strangers."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.cast import Cast, make_email
from tests.transactional.api.conftest import Api, make_key
from tests.transactional.views.test_emails import XSS
from tokens.models import Account
from transactional.compose import rollouts, samples, versions
from transactional.models import Approval, Email, Kind
from transactional.views import starter

ROOT = "/api/v1/emails"
WithScopes = Callable[..., Api]


@pytest.fixture
def writer(with_scopes: WithScopes) -> Api:
    return with_scopes("content")


@pytest.fixture
def publisher(with_scopes: WithScopes) -> Api:
    return with_scopes("content", "publish")


def draft(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Receipt",
        "subject": "Order {{ custom.order_id }}",
        "html": "<p>Hello</p>",
        "fromAddress": "orders@shop.example",
        "samples": {"default": {"custom": {"order_id": "A"}}},
        **changes,
    }


def test_what_is_put_in_comes_out_the_same(writer: Api, account: Account) -> None:
    given = draft(
        folder="Shop", tags=["a"], type="marketing", lane="urgent", previewText="p", fromName="S",
        replyTo="x@y.example", trackOpens=False, trackClicks=True, language="it", lifetime=600,
        contract=[{"name": "order_id", "type": "string", "required": True, "secret": False}],
        text="by hand", samples={"default": {"custom": {}}, "empty cart": {"custom": {"n": 0}}},
    )  # fmt: skip
    made = writer("POST", ROOT, given)
    assert made.status_code == 201, made.content
    body = made.json()
    assert body["draft"] == given
    again = writer("GET", f"{ROOT}/{body['id']}").json()
    assert again == body
    put = writer("PUT", f"{ROOT}/{body['id']}/draft", {**body["draft"], "revision": 1})
    assert put.status_code == 200 and put.json()["draft"] == given
    assert put.json()["revision"] == 2


def test_blocks_are_compiled_and_their_faults_named(writer: Api, cast: Cast) -> None:
    fields = starter.from_template(
        cast.account, "receipt", name="E", kind=Kind.TRANSACTIONAL, language="en",
        domains=["shop.example"],
    )  # fmt: skip
    given = draft(document=fields.document)
    del given["html"]
    body = writer("POST", ROOT, given).json()
    assert "html" not in body["draft"] and body["draft"]["document"]["sections"]
    assert "Thank you for your order" in Email.objects.get(pk=body["id"]).html
    wrong = {**given, "document": {"version": 1, "sections": [{"id": "s", "columns": "x"}]}}
    answer = writer("POST", ROOT, wrong)
    assert answer.status_code == 422
    assert all(one["in"].startswith("/document/") for one in answer.json()["errors"])


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"subject": "a\r\nBcc: x@y.example"}, "/subject"),
        ({"subject": 7}, "/subject"),
        ({"fromAddress": "me@elsewhere.example"}, "/fromAddress"),
        ({"fromAddress": "me"}, "/fromAddress"),
        ({"replyTo": "A <a@b.example>"}, "/replyTo"),
        ({"type": "spam"}, "/type"),
        ({"lane": ["x"]}, "/lane"),
        ({"trackOpens": "yes"}, "/trackOpens"),
        ({"lifetime": -1}, "/lifetime"),
        ({"lifetime": True}, "/lifetime"),
        ({"language": "xx"}, "/language"),
        ({"tags": ["a,b"]}, "/tags/0"),
        ({"tags": "a"}, "/tags"),
        ({"contract": [{"name": "1"}]}, "/contract/0/name"),
        ({"samples": []}, "/samples"),
        ({"samples": {"a/b": 1}}, "/samples/a~1b"),
        ({"document": {}}, "/html"),
        ({"account_id": 1, "publishedAt": "x"}, "/account_id"),
    ],
)
def test_every_fault_has_its_place_and_nothing_is_kept(
    writer: Api, account: Account, change: dict[str, Any], pointer: str
) -> None:
    answer = writer("POST", ROOT, draft(**change))
    assert answer.status_code == 422, answer.content
    assert pointer in [one["in"] for one in answer.json()["errors"]]
    assert not Email.objects.of(account).exists()


@pytest.mark.parametrize("body", [[], "x", 7, None, {"name": None}])
def test_what_is_no_email_is_refused(writer: Api, body: Any) -> None:
    assert writer("POST", ROOT, body).status_code in {400, 422}


def test_a_stale_put_changes_nothing(writer: Api, account: Account) -> None:
    email = make_email(account, revision=3)
    for revision, status in ((2, 409), (None, 400), ("3", 400), (True, 400), (3, 200)):
        answer = writer("PUT", f"{ROOT}/{email.pk}/draft", {"revision": revision, "subject": "N"})
        assert answer.status_code == status, answer.content
    email.refresh_from_db()
    assert (email.subject, email.revision) == ("N", 4)


def test_strangers_and_wrong_scopes(
    cast: Cast, foreign: Api, with_scopes: WithScopes, account: Account
) -> None:
    email = make_email(account)
    versions.publish(email, by="alice")
    charlie = Api(make_key(cast.other_account, "content", "publish"))
    calls = [
        ("GET", ""), ("DELETE", ""), ("PUT", "/draft"), ("POST", "/validate"), ("POST", "/render"),
        ("GET", "/versions"), ("GET", "/versions/1"), ("POST", "/versions/1/restore"),
        ("POST", "/publish"), ("GET", "/rollout"), ("POST", "/rollout"),
    ]  # fmt: skip
    for method, tail in calls:
        body = {"revision": 1, "customProperties": {}} if method != "GET" else None
        assert charlie(method, f"{ROOT}/{email.pk}{tail}", body).status_code == 404, tail
        assert with_scopes("domains")(method, f"{ROOT}/{email.pk}{tail}", body).status_code == 403
        assert Api("")(method, f"{ROOT}/{email.pk}{tail}", body).status_code == 401
    assert charlie("GET", ROOT).json() == {"results": []}
    writer = with_scopes("content")
    assert writer("POST", f"{ROOT}/{email.pk}/publish", {}).status_code == 403
    assert writer("GET", f"{ROOT}/x").status_code == 404
    email.refresh_from_db()
    assert email.archived_at is None


def test_lists_are_paged_and_narrowed(writer: Api, account: Account) -> None:
    for n in range(3):
        make_email(account, name=f"E{n}", folder="Shop" if n else "", tags=["x"] if n == 2 else [])
    first = writer("GET", f"{ROOT}?limit=2").json()
    assert [one["name"] for one in first["results"]] == ["E2", "E1"]
    after = first["paging"]["next"]["after"]
    assert [one["name"] for one in writer("GET", f"{ROOT}?after={after}").json()["results"]] == [
        "E0"
    ]
    assert len(writer("GET", f"{ROOT}?folder=Shop&tag=x").json()["results"]) == 1
    assert writer("GET", f"{ROOT}?limit=0").status_code == 400


def test_publishing_rolling_out_and_versions(publisher: Api, account: Account) -> None:
    email = make_email(account)
    url = f"{ROOT}/{email.pk}"
    assert publisher("POST", f"{url}/publish", {"note": "One"}).json()["version"]["number"] == 1
    publisher("PUT", f"{url}/draft", {"revision": 1, "subject": "Two"})
    rolled = publisher("POST", f"{url}/publish", {"share": 5})
    assert rolled.json()["rollout"]["share"] == 5
    assert publisher("POST", f"{url}/publish", {}).status_code == 409
    assert publisher("GET", f"{url}/rollout").json()["verdict"]["code"] == "TOO_FEW"
    for action, state in (("hold", "held"), ("resume", "running"), ("finish", "finished")):
        answer = publisher("POST", f"{url}/rollout", {"action": action})
        assert answer.json()["state"] == state
    assert publisher("POST", f"{url}/rollout", {"action": "hold"}).status_code == 404
    listed = publisher("GET", f"{url}/versions").json()["results"]
    assert [one["number"] for one in listed] == [2, 1]
    assert publisher("GET", f"{url}/versions/1").json()["content"]["subject"].startswith("Order")
    restored = publisher("POST", f"{url}/versions/1/restore").json()
    assert restored["draft"]["subject"].startswith("Order")
    assert restored["published"]["number"] == 2
    assert publisher("GET", f"{url}/versions/99").status_code == 404
    assert publisher("DELETE", url).status_code == 204
    email.refresh_from_db()
    assert email.archived_at is not None


@pytest.mark.parametrize(
    "body",
    [{"share": 50}, {"share": "5"}, {"note": 7}, {"note": "x" * 501}, {"requestApproval": 1}],
)
def test_odd_publications_are_refused(publisher: Api, account: Account, body: Any) -> None:
    email = make_email(account)
    assert publisher("POST", f"{ROOT}/{email.pk}/publish", body).status_code == 400


def test_a_key_cannot_publish_around_approval(publisher: Api, account: Account) -> None:
    account.approvers = "owner"
    account.save()
    email = make_email(account)
    url = f"{ROOT}/{email.pk}/publish"
    for body in ({}, {"share": 5}):
        answer = publisher("POST", url, body)
        assert (answer.status_code, answer.json()["category"]) == (403, "APPROVAL_REQUIRED")
    asked = publisher("POST", url, {"requestApproval": True, "note": "From CI"})
    assert asked.status_code == 202 and asked.json()["approval"]["state"] == "open"
    assert Approval.objects.of(account).get().asked_by == "alice@shop.example"
    email.refresh_from_db()
    assert email.published is None and rollouts.under_way(email.pk) is None


def test_data_is_held_against_the_contract_without_a_send(writer: Api, account: Account) -> None:
    contract = [{"name": "n", "type": "number", "required": True, "secret": False}]
    email = make_email(account, contract=contract)
    url = f"{ROOT}/{email.pk}/validate"
    assert writer("POST", url, {"customProperties": {"n": 1}}).json()["valid"] is True
    answer = writer("POST", url, {"customProperties": {"n": "1"}})
    assert answer.status_code == 422
    assert answer.json()["category"] == "MISSING_TEMPLATE_PROPERTIES"
    assert [(one["in"], one["code"]) for one in answer.json()["errors"]] == [
        ("/customProperties/n", "INVALID_TYPE")
    ]
    assert writer("POST", url, {}).status_code == 400


def test_a_draft_is_rendered_with_data(writer: Api, account: Account) -> None:
    email = make_email(account, sample={"custom": {"order_id": "A"}})
    samples.create(email, name="other", data={}, by="a")
    url = f"{ROOT}/{email.pk}/render"
    assert writer("POST", url, {}).json()["subject"] == "Order A"
    shown = writer("POST", url, {"sample": {"custom": {"order_id": XSS}}}).json()
    assert "<script>" not in shown["html"]
    assert writer("POST", url, {"sample": {"custom": {}}}).status_code == 422
    assert writer("POST", url, {"sample": []}).status_code == 400
