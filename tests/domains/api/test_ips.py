"""The API of IPs beyond connecting them: pause, resume, warm-up, history."""

from datetime import timedelta
from typing import Any

import pytest

from domains import hosts, warmup
from domains.models import EgressSource, SourceChange, SourceState, WarmupDay
from tests.cast import Cast
from tests.dns_server import DnsServer
from tests.domains.api.test_calls import IPS, Call, api, stranger
from tests.domains.publish import publish_source, publish_spf

__all__ = ["api", "stranger"]


@pytest.fixture
def source(cast: Cast, settings: Any) -> EgressSource:
    settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8"]
    return EgressSource.objects.of(cast.account).get()


def test_an_ip_is_paused_and_resumed(
    api: Call, cast: Cast, source: EgressSource, dns_server: DnsServer
) -> None:
    paused = api("POST", f"{IPS}/{source.pk}/pause").json()
    assert (paused["state"], paused["usable"]) == ("paused", False)
    again = api("POST", f"{IPS}/{source.pk}/pause")
    assert (again.status_code, again.json()["category"]) == (409, "CONFLICT")
    publish_source(dns_server, source)
    publish_spf(dns_server, cast.account.domains.get())
    resumed = api("POST", f"{IPS}/{source.pk}/resume").json()
    assert (resumed["state"], resumed["usable"]) == ("ready", True)
    told = api("GET", f"{IPS}/{source.pk}/history?limit=2").json()
    assert [one["event"] for one in told["results"]] == ["dns_right", "resumed"]
    assert told["results"][1]["by"].startswith("api:")
    rest = api("GET", told["paging"]["next"]["link"]).json()["results"]
    assert [(one["event"], one["was"], one["state"]) for one in rest] == [
        ("paused", "ready", "paused")
    ]


def test_a_warm_up_is_started_shown_and_skipped(api: Call, source: EgressSource) -> None:
    assert api("POST", f"{IPS}/{source.pk}/warm-up").json()["warmUp"] is True
    assert api("POST", f"{IPS}/{source.pk}/warm-up").status_code == 409
    WarmupDay.objects.create(
        source=source,
        provider="google",
        day=warmup.today(),
        cap=98,
        taken=40,
        sent=38,
        code="grown",
    )
    (day,) = api("GET", f"{IPS}/{source.pk}").json()["warmUpDays"]
    assert (day["provider"], day["budget"], day["used"], day["sent"]) == ("google", 98, 40, 38)
    assert day["warmExpectedOn"] > (warmup.today() + timedelta(days=10)).isoformat()
    skipped = api("POST", f"{IPS}/{source.pk}/skip-warm-up").json()
    assert (skipped["warmUp"], skipped["warmUpDays"]) == (False, [])


def test_a_new_ip_may_name_its_host_and_warm_up(api: Call, cast: Cast, settings: Any) -> None:
    settings.SANDBOX = True
    hosts.report()
    hosts.forget()
    body = {"address": "127.0.0.77", "ehloName": "n.shop.example", "warmUp": True}
    made = api("POST", IPS, {**body, "host": hosts.name()}).json()
    assert (made["host"], made["warmUp"], made["state"]) == (hosts.name(), True, "pending")
    change = SourceChange.objects.get(source_id=made["id"])
    assert (change.event, change.state) == ("connected", SourceState.PENDING)
    for wrong, pointer in (
        ({"host": "nowhere"}, "host"),
        ({"host": 7}, "host"),
        ({"warmUp": 1}, "warmUp"),
    ):
        answer = api("POST", IPS, {**body, "address": "127.0.0.78", **wrong})
        assert (answer.status_code, answer.json()["errors"][0]["in"]) == (400, pointer)
    assert not EgressSource.objects.of(cast.account).filter(address="127.0.0.78").exists()


@pytest.mark.parametrize("act", ["pause", "resume", "warm-up", "skip-warm-up"])
def test_a_stranger_moves_nothing(stranger: Call, source: EgressSource, act: str) -> None:
    assert stranger("POST", f"{IPS}/{source.pk}/{act}").status_code == 404
    assert stranger("GET", f"{IPS}/{source.pk}/history").status_code == 404
    source.refresh_from_db()
    assert source.state == SourceState.READY and not SourceChange.objects.exists()
