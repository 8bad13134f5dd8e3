"""Domains and IPs over HTTP: connect, list, look, check, disconnect; strangers, scopes, bad input."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from django.test import Client

from domains.models import Domain, DomainState, EgressSource, PoolMember, SourceState
from tests.cast import Cast
from tests.dns_server import DnsServer
from tests.domains.dkim.test_importing import ED, pem
from tests.domains.publish import publish_domain, publish_source, publish_spf
from tests.domains.reported import make_reports
from tokens import credentials
from tokens.models import Account

DOMAINS, IPS = "/api/v1/domains", "/api/v1/ips"
Call = Callable[..., Any]


@pytest.fixture(autouse=True)
def _loopback(settings: object) -> None:
    settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8"]  # type: ignore[attr-defined]


def caller(account: Account, *scopes: str) -> Call:
    _, key = credentials.create_api_key(account, name="IaC", scopes=scopes, by="a@shop.example")

    def call(method: str, path: str, body: Any = None) -> Any:
        client = Client(headers={"authorization": f"Bearer {key}"})
        return client.generic(
            method, path, b"" if body is None else _json(body), content_type="application/json"
        )

    return call


def _json(body: Any) -> bytes:
    return body if isinstance(body, bytes) else orjson.dumps(body)


@pytest.fixture
def api(cast: Cast) -> Call:
    return caller(cast.account, "domains")


@pytest.fixture
def stranger(cast: Cast) -> Call:
    return caller(cast.other_account, "domains")


def test_what_receivers_report(api: Call, stranger: Call, cast: Cast) -> None:
    domain = Domain.objects.of(cast.account).get()
    path = f"{DOMAINS}/{domain.pk}/reports"
    empty = api("GET", path).json()
    assert (empty["advice"]["code"], empty["dmarc"]["messages"]) == ("start", 0)
    make_reports(domain)
    told = api("GET", path).json()
    assert (told["advice"]["policy"], told["advice"]["next"]) == ("none", "quarantine")
    missing = {c["code"] for c in told["advice"]["conditions"] if not c["met"]}
    assert missing == {"strangers"}
    unknown = [one["ip"] for one in told["dmarc"]["sources"] if one["kind"] == "unknown"]
    assert unknown == ["203.0.113.77"] and len(told["dmarc"]["days"]) == 5
    assert told["tls"]["details"][0]["result"] == "certificate-expired"
    assert stranger("GET", path).status_code == 404


def test_a_domain_is_connected_checked_and_disconnected(
    api: Call, cast: Cast, dns_server: DnsServer
) -> None:
    made = api("POST", DOMAINS, {"name": " News.Example.ORG "})
    assert made.status_code == 201
    body = made.json()
    assert (body["name"], body["state"], body["verifiedAt"]) == (
        "news.example.org",
        "pending",
        None,
    )
    assert {r["purpose"] for r in body["records"]} == {
        "dkim", "return_path", "spf", "dmarc", "tracking", "tls_reports"
    }  # fmt: skip
    assert {r["status"] for r in body["records"]} == {"unchecked"}
    path = f"{DOMAINS}/{body['id']}"
    Domain.objects.of(cast.account).filter(name="shop.example").delete()
    row = Domain.objects.of(cast.account).get()
    publish_domain(dns_server, row)
    dns_server.publish(f"_dmarc.{row.name}", "TXT", '"v=DMARC1"')
    checked = api("POST", f"{path}/check").json()
    (dmarc,) = [r for r in checked["records"] if r["purpose"] == "dmarc"]
    assert (dmarc["status"], dmarc["code"], dmarc["found"]) == (
        "wrong", "dmarc_no_policy", ["v=DMARC1"]
    )  # fmt: skip
    assert dmarc["message"].endswith(".")
    dns_server.publish(f"_dmarc.{row.name}", "TXT", '"v=DMARC1; p=none"')
    Domain.objects.of(cast.account).update(checked_at=None)
    assert api("POST", f"{path}/check").json()["state"] == "verified"
    assert api("GET", path).json()["state"] == "verified"
    assert api("DELETE", path).status_code == 204
    assert api("GET", path).status_code == 404
    assert not Domain.objects.of(cast.account).exists()


def test_an_ip_is_connected_checked_and_disconnected(
    api: Call, cast: Cast, dns_server: DnsServer
) -> None:
    made = api("POST", IPS, {"address": "127.0.0.77", "ehloName": "Mail7.shop.example"})
    assert made.status_code == 201
    body = made.json()
    assert (body["state"], body["ehloName"], body["checks"]) == (
        "pending",
        "mail7.shop.example",
        [],
    )
    path = f"{IPS}/{body['id']}"
    found = api("POST", f"{path}/check").json()
    assert {c["purpose"]: c["code"] for c in found["checks"]}["ptr"] == "no_ptr"
    row = EgressSource.objects.of(cast.account).get(address="127.0.0.77")
    publish_source(dns_server, row)
    publish_spf(dns_server, Domain.objects.of(cast.account).get())
    EgressSource.objects.of(cast.account).update(checked_at=None)
    assert api("POST", f"{path}/check").json()["state"] == "ready"
    assert PoolMember.objects.filter(source=row).exists()
    assert api("DELETE", path).status_code == 204
    assert not PoolMember.objects.filter(source_id=row.pk).exists()
    assert api("GET", path).status_code == 404


@pytest.mark.parametrize("root", [DOMAINS, IPS])
def test_pages_go_from_the_newest_on(api: Call, cast: Cast, root: str) -> None:
    for i in range(4):
        Domain.objects.create(account=cast.account, name=f"d{i}.example")
        EgressSource.objects.create(
            account=cast.account, address=f"127.0.1.{i}", ehlo_name=f"m{i}.shop.example"
        )
    ids: list[str] = []
    path = f"{root}?limit=2"
    while path:
        answer = api("GET", path).json()
        assert len(answer["results"]) <= 2
        ids += [row["id"] for row in answer["results"]]
        path = answer.get("paging", {}).get("next", {}).get("link", "")
    assert len(ids) == 5 and ids == sorted(ids, key=int, reverse=True)
    for wrong in ("limit=0", "limit=501", "limit=x", "after=-1", "after=99999999999999999999"):
        answer = api("GET", f"{root}?{wrong}")
        assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("root", [DOMAINS, IPS])
def test_a_stranger_finds_and_changes_nothing(
    stranger: Call, cast: Cast, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Domain if root == DOMAINS else EgressSource
    row = model.objects.of(cast.account).get()
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/check")):
        answer = stranger(method, f"{root}/{row.pk}{path}")
        assert (answer.status_code, answer.json()["category"]) == (404, "OBJECT_NOT_FOUND")
    shown = stranger("GET", root).json()["results"]
    mine = model.objects.of(cast.other_account).get()
    assert [one["id"] for one in shown] == [str(mine.pk)]
    row.refresh_from_db()
    assert row.state in (DomainState.VERIFIED, SourceState.READY)


@pytest.mark.parametrize("path", [DOMAINS, IPS, f"{DOMAINS}/1", f"{IPS}/1", f"{DOMAINS}/1/check"])
def test_the_scope_is_needed(cast: Cast, path: str) -> None:
    method = "POST" if path.endswith("check") else "GET"
    other = caller(cast.account, "transactional-email", "marketing-email")
    answer = other(method, path)
    assert (answer.status_code, answer.json()["category"]) == (403, "MISSING_SCOPES")
    assert answer.json()["errors"][0]["context"]["requiredScopes"] == ["domains"]
    assert Client().generic(method, path).status_code == 401


@pytest.mark.parametrize(
    ("root", "body", "pointer", "code"),
    [
        (DOMAINS, {}, "name", "REQUIRED_FIELD"),
        (DOMAINS, {"name": 7}, "name", "INVALID_TYPE"),
        (DOMAINS, {"name": "x" * 301}, "name", "INVALID_TYPE"),
        (DOMAINS, {"name": "co.uk"}, "name", "INVALID_DOMAIN"),
        (DOMAINS, {"name": "gmail.com"}, "name", "INVALID_DOMAIN"),
        (DOMAINS, [], "body", "INVALID_TYPE"),
        (DOMAINS, b"{", "body", "INVALID_JSON"),
        (IPS, {"address": "127.0.0.9"}, "ehloName", "REQUIRED_FIELD"),
        (IPS, {"address": "300.1.1.1", "ehloName": "m.a.example"}, "address", "INVALID_ADDRESS"),
        (IPS, {"address": "fe80::1%lo", "ehloName": "m.a.example"}, "address", "INVALID_ADDRESS"),
        (IPS, {"address": "127.0.0.9", "ehloName": "localhost"}, "ehloName", "INVALID_DOMAIN"),
    ],
)
def test_what_is_wrong_is_named(
    api: Call, cast: Cast, root: str, body: Any, pointer: str, code: str
) -> None:
    answer = api("POST", root, body)
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
    assert (answer.json()["errors"][0]["in"], answer.json()["errors"][0]["code"]) == (pointer, code)
    assert Domain.objects.of(cast.account).count() == 1
    assert EgressSource.objects.of(cast.account).count() == 1


def test_a_private_ip_is_refused_outside_the_sandbox(api: Call, settings: object) -> None:
    settings.EGRESS_PRIVATE_NETS = []  # type: ignore[attr-defined]
    settings.SANDBOX, settings.EGRESS = False, "mx"  # type: ignore[attr-defined]
    answer = api("POST", IPS, {"address": "10.0.0.1", "ehloName": "m.shop.example"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "PRIVATE_ADDRESS")


def test_what_is_connected_already_is_a_conflict(api: Call, stranger: Call) -> None:
    answer = api("POST", DOMAINS, {"name": "SHOP.example"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "DOMAIN_EXISTS")
    # An IP is one account's, whoever asks; a domain may be connected by both, with its own records
    answer = stranger("POST", IPS, {"address": "127.0.0.10", "ehloName": "m.shop.example"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "IP_EXISTS")
    assert stranger("POST", DOMAINS, {"name": "shop.example"}).status_code == 201


def test_only_one_check_a_second_asks_dns(
    api: Call, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Domain] = []
    monkeypatch.setattr("domains.api.sending_domains.check_domain", asked.append)
    Domain.objects.of(cast.account).update(checked_at=None)
    row = Domain.objects.of(cast.account).get()
    for _ in range(3):
        assert api("POST", f"{DOMAINS}/{row.pk}/check").status_code == 200
    assert len(asked) == 1


@pytest.mark.parametrize("wrong", ["x", "0", "-1", "1" * 30, "%00", "1.0"])
def test_no_number_is_nobodys(api: Call, wrong: str) -> None:
    for root in (DOMAINS, IPS):
        assert api("GET", f"{root}/{wrong}").status_code == 404


def test_both_forms_of_an_address_answer_and_others_do_not(api: Call) -> None:
    assert api("GET", f"{DOMAINS}/").status_code == 200
    answer = api("GET", "/api/v1/nothing")
    assert (answer.status_code, answer.json()["category"]) == (404, "OBJECT_NOT_FOUND")
    assert api("PUT", DOMAINS, {}).status_code == 405


def test_keys_are_shown_rotated_and_imported(
    api: Call, stranger: Call, cast: Cast, dns_server: DnsServer, few_rsa_keys: None
) -> None:
    domain = Domain.objects.of(cast.account).get()
    publish_domain(dns_server, domain)
    path = f"{DOMAINS}/{domain.pk}"
    for method, rest in (("GET", "/keys"), ("POST", "/keys"), ("POST", "/keys/rotate")):
        assert stranger(method, path + rest, {}).status_code == 404
    assert stranger("PATCH", path, {"rotates": False}).status_code == 404
    keys = api("GET", f"{path}/keys").json()["results"]
    assert [(k["algorithm"], k["state"], k["signsNow"]) for k in keys] == [
        ("rsa", "active", True),
        ("ed25519", "active", True),
    ]
    turns = api("POST", f"{path}/keys/rotate").json()["turns"]
    assert {turn["code"] for turn in turns} == {"not_seen"}
    answer = api("POST", f"{path}/keys", {"selector": "mail", "privateKey": pem(ED)})
    assert answer.status_code == 201 and answer.json()["imported"] is True
    assert "private" not in answer.content.decode().lower()
    again = api("POST", f"{path}/keys", {"selector": "mail", "privateKey": pem(ED)})
    assert again.status_code == 409
    bad = api("POST", f"{path}/keys", {"selector": "other", "privateKey": "x"})
    assert bad.status_code == 400 and bad.json()["errors"][0]["in"] == "privateKey"


def test_the_mode_and_the_schedule_are_changed(
    api: Call, cast: Cast, settings: object, few_rsa_keys: None
) -> None:
    path = f"{DOMAINS}/{Domain.objects.of(cast.account).get().pk}"
    body = api("PATCH", path, {"rotates": False}).json()
    assert (body["rotates"], body["nextRotationAt"], body["dnsMode"]) == (False, None, "own")
    assert api("PATCH", path, {"dnsMode": "aliases"}).json()["errors"][0]["code"] == "NO_DNS"
    settings.DNSD_ZONE = "dns.platform.example"  # type: ignore[attr-defined]
    body = api("PATCH", path, {"dnsMode": "delegated"}).json()
    assert body["records"][0]["type"] == "NS" and body["records"][1]["publishedByUs"] is True
    for wrong in ({"dnsMode": 7}, {"rotates": "yes"}, {"dnsMode": None}):
        assert api("PATCH", path, wrong).status_code == 400
    assert api("PATCH", path, [1]).status_code == 200
