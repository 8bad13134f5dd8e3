from typing import Any
from urllib.parse import quote

import pytest
from django.utils import timezone

from config.errors import PostinoError
from tests.transactional.api.conftest import TOKENS, Api
from tokens import auth, credentials
from tokens.models import Account, SmtpCredential, User
from transactional.models import Campaign

FIELDS = {"id", "createdBy", "emailCampaignId", "createdAt", "createContact", "campaignName"}
DATED = "/marketing/transactional/2026-03/smtp-tokens"


def make(api: Api, name: str = "Receipts", *, root: str = TOKENS) -> dict[str, Any]:
    answer = api("POST", root, {"campaignName": name, "createContact": True})
    assert answer.status_code == 201, answer.content
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("root", [TOKENS, f"{TOKENS}/", DATED, f"{DATED}/"])
def test_a_new_token_shows_its_password_once(api: Api, account: Account, root: str) -> None:
    made = make(api, root=root)
    assert made.keys() == FIELDS | {"password"}
    assert (made["campaignName"], made["createContact"]) == ("Receipts", True)
    assert made["createdBy"] == "alice@shop.example"
    campaign = Campaign.objects.get(pk=int(made["emailCampaignId"]))
    assert (campaign.name, campaign.account_id) == ("Receipts", account.pk)
    principal = auth.authenticate_smtp(made["id"], made["password"])
    assert principal.account_id == account.pk
    shown = api("GET", f"{root.rstrip('/')}/{quote(made['id'], safe='')}").json()
    assert shown == {key: made[key] for key in FIELDS}
    row = SmtpCredential.objects.of(account).get()
    assert made["password"].encode() not in bytes(row.secret_hash)
    assert row.expires_at is not None
    assert 360 < (row.expires_at - timezone.now()).days < 370


@pytest.mark.parametrize("shape", ["{}", "{}/"])
def test_a_reset_ends_the_old_password_at_once(api: Api, shape: str) -> None:
    made = make(api)
    path = shape.format(f"{TOKENS}/{quote(made['id'], safe='')}/password-reset")
    answer = api("POST", path, content_type="")
    assert answer.status_code == 200
    reset = answer.json()
    assert {key: reset[key] for key in FIELDS} == {key: made[key] for key in FIELDS}
    assert reset["password"] != made["password"]
    with pytest.raises(PostinoError):
        auth.authenticate_smtp(made["id"], made["password"])
    assert auth.authenticate_smtp(made["id"], reset["password"])


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_deleted_token_is_gone_and_its_numbers_stay(api: Api, slash: str) -> None:
    made = make(api)
    path = f"{TOKENS}/{quote(made['id'], safe='')}"
    answer = api("DELETE", path + slash)
    assert (answer.status_code, answer.content) == (204, b"")
    for method, tail in (("GET", ""), ("DELETE", ""), ("POST", "/password-reset")):
        assert api(method, path + tail).status_code == 404
    with pytest.raises(PostinoError):
        auth.authenticate_smtp(made["id"], made["password"])
    assert api("GET", TOKENS).json() == {"results": []}
    assert Campaign.objects.filter(pk=int(made["emailCampaignId"])).exists()


def test_three_tokens_are_three_pages_of_one(api: Api) -> None:
    made = [make(api, f"c{n}")["id"] for n in range(3)]
    seen, path = [], f"{TOKENS}?limit=1"
    for _ in range(3):
        page = api("GET", path).json()
        seen += [one["id"] for one in page["results"]]
        path = page.get("paging", {}).get("next", {}).get("link", "")
    assert sorted(seen) == sorted(made)
    assert path == ""
    assert "password" not in page["results"][0]


def test_the_list_is_filtered_by_name_and_campaign(api: Api) -> None:
    first, _ = make(api, "a & b"), make(api, "other")
    for query in (f"campaignName={quote('a & b')}", f"emailCampaignId={first['emailCampaignId']}"):
        found = api("GET", f"{TOKENS}?{query}").json()["results"]
        assert [one["id"] for one in found] == [first["id"]]
    assert api("GET", f"{TOKENS}?campaignName=nothing").json() == {"results": []}


def test_a_link_to_the_next_page_keeps_the_filter(api: Api) -> None:
    for _ in range(2):
        make(api, "a & b")
    page = api("GET", f"{TOKENS}?limit=1&campaignName={quote('a & b')}").json()
    assert page["paging"]["next"]["after"] in page["paging"]["next"]["link"]
    assert "campaignName=a+%26+b" in page["paging"]["next"]["link"]


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("after=x", "after"),
        ("after=99999999999999999999", "after"),
        ("emailCampaignId=7%00", "emailCampaignId"),
        ("emailCampaignId=%D9%A3", "emailCampaignId"),
        ("campaignName=%00", "campaignName"),
    ],
)
def test_a_wrong_query_names_the_parameter(api: Api, query: str, where: str) -> None:
    answer = api("GET", f"{TOKENS}?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["in"] == where


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, ["campaignName", "createContact"]),
        ({"campaignName": "c"}, ["createContact"]),
        ({"campaignName": 7, "createContact": "yes"}, ["campaignName", "createContact"]),
        ({"campaignName": "  ", "createContact": True}, ["campaignName"]),
        ({"campaignName": "a\r\nb", "createContact": True}, ["campaignName"]),
        ({"campaignName": "a" * 201, "createContact": True}, ["campaignName"]),
        ([], ["body"]),
    ],
)
def test_a_wrong_body_names_the_fields(api: Api, body: Any, where: list[str]) -> None:
    answer = api("POST", TOKENS, body)
    assert answer.status_code == 400
    assert answer.json()["category"] == "VALIDATION_ERROR"
    assert [one["in"] for one in answer.json()["errors"]] == where
    assert not SmtpCredential.objects.exists()


def test_a_token_outlives_its_maker(api: Api, alice: User) -> None:
    made = make(api)
    alice.delete()
    assert auth.authenticate_smtp(made["id"], made["password"])
    shown = api("GET", f"{TOKENS}/{quote(made['id'], safe='')}").json()
    assert shown["createdBy"] == "alice@shop.example"


def test_an_expired_token_is_not_listed(api: Api, account: Account) -> None:
    make(api)
    SmtpCredential.objects.of(account).update(expires_at=timezone.now())
    assert api("GET", TOKENS).json() == {"results": []}


def test_a_stranger_gets_404_and_changes_nothing(api: Api, foreign: Api, account: Account) -> None:
    made = make(api)
    path = f"{TOKENS}/{quote(made['id'], safe='')}"
    for method, tail in (("GET", ""), ("DELETE", ""), ("POST", "/password-reset")):
        assert foreign(method, path + tail).status_code == 404
    assert foreign("GET", TOKENS).json() == {"results": []}
    campaign = f"{TOKENS}?emailCampaignId={made['emailCampaignId']}"
    assert foreign("GET", campaign).json() == {"results": []}
    assert auth.authenticate_smtp(made["id"], made["password"]).account_id == account.pk


def test_the_scope_is_asked_for(account: Account) -> None:
    _, key = credentials.create_api_key(account, name="m", scopes=["marketing-email"], by="a")
    api = Api(key)
    one = f"{TOKENS}/x%40{account.pk}.smtp"
    for method, path in (
        ("GET", TOKENS), ("POST", TOKENS), ("GET", one), ("DELETE", one),
        ("POST", f"{one}/password-reset"),
    ):  # fmt: skip
        answer = api(method, path)
        assert (answer.status_code, answer.json()["category"]) == (403, "MISSING_SCOPES")
