"""Worker hosts: each tells which IPs it has, serves those, and leaves the rest to the others."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from config import shared
from domains import hosts, pools, why
from domains.models import EgressSource, PoolMember, WorkerHost
from tests.cast import Cast

FOREIGN = "198.51.100.7"  # an address that no machine of the tests has


@pytest.fixture(autouse=True)
def _fresh(settings: Any) -> Iterator[None]:
    settings.WORKER_HOST = "here"
    hosts.forget()
    shared.forget()
    yield
    hosts.forget()
    shared.ask(lambda redis: redis.delete("egress:hosts"), otherwise=0)


@pytest.fixture
def source(cast: Cast) -> EgressSource:
    return EgressSource.objects.of(cast.account).get()


def tell(name: str, *addresses: str, ago: float = 0, **refused: str) -> None:
    WorkerHost.objects.update_or_create(
        name=name,
        defaults={
            "seen_at": timezone.now() - timedelta(seconds=ago),
            "bindable": list(addresses),
            "refused": refused,
        },
    )
    hosts.forget()


def put(source: EgressSource, **fields: object) -> int:
    EgressSource.objects.filter(pk=source.pk).update(**fields)
    source.refresh_from_db()
    hosts.forget()
    pools.forget()
    return pools.dedicated_pool(source.account).pk  # type: ignore[arg-type]


def test_a_host_reports_what_it_has_and_what_not(source: EgressSource) -> None:
    EgressSource.objects.create(address=FOREIGN, ehlo_name="m.far.example")
    EgressSource.objects.create(address="127.0.0.50", ehlo_name="m.x.example", host="there")
    assert hosts.report()
    row = WorkerHost.objects.get()
    assert (row.name, sorted(row.bindable)) == ("here", ["127.0.0.10", "127.0.0.11"])
    assert row.refused == {FOREIGN: ""}
    assert not hosts.report()  # another process of this machine has just done it
    WorkerHost.objects.update(seen_at=timezone.now() - timedelta(seconds=30))
    assert hosts.report()


def test_hosts_that_report_are_woken_and_silent_ones_forgotten(db: None, settings: Any) -> None:
    assert hosts.report()
    settings.WORKER_HOST = "there"
    tell("long-gone", ago=9 * 86400)
    assert hosts.report()
    hosts.forget()
    assert sorted(hosts.waking()) == ["here", "there"]
    assert not WorkerHost.objects.filter(name="long-gone").exists()


@pytest.mark.parametrize(
    ("address", "host", "others", "code", "status"),
    [
        ("127.0.0.10", "", {}, "ok", "ok"),
        (FOREIGN, "", {}, "not_bindable", "wrong"),
        (FOREIGN, "", {"there": (FOREIGN,)}, "ok", "ok"),
        (FOREIGN, "there", {"there": (FOREIGN,)}, "ok", "ok"),
        (FOREIGN, "there", {"there": ()}, "host_unasked", "unknown"),
        (FOREIGN, "there", {}, "host_silent", "unknown"),
        ("127.0.0.10", "there", {}, "host_silent", "unknown"),
        (FOREIGN, "here", {}, "not_on_host", "wrong"),
    ],
)
def test_the_check_asks_the_machine_that_has_the_ip(
    source: EgressSource,
    address: str,
    host: str,
    others: dict[str, tuple[str, ...]],
    code: str,
    status: str,
) -> None:
    for name, addresses in others.items():
        tell(name, *addresses)
    put(source, address=address, host=host)
    found = hosts.binding(source)
    assert (found.code, found.status) == (code, status)


def test_what_a_host_refuses_is_told_in_its_words(source: EgressSource) -> None:
    tell("there", **{FOREIGN: "Permission denied"})
    put(source, address=FOREIGN, host="there")
    found = hosts.binding(source)
    assert (found.code, found.params["error"]) == ("bind_refused", "Permission denied")


def test_a_pool_is_served_by_the_machines_of_its_ips(source: EgressSource) -> None:
    pool = put(source, host="there")
    assert pool not in hosts.pools_elsewhere()  # nobody has ever heard of `there`
    tell("there", "127.0.0.10")
    assert pool in hosts.pools_elsewhere()
    assert hosts.here(pools.usable(pool)) == ()
    tell("there", "127.0.0.10", ago=120)  # silent: somebody has to tell its mail
    assert pool not in hosts.pools_elsewhere()
    assert why.of_pool(pool) == "127.0.0.10 is on there, which does not report"
    put(source, host="here")
    tell("there", "127.0.0.10")
    assert pool not in hosts.pools_elsewhere()
    assert [one.address for one in hosts.here(pools.usable(pool))] == ["127.0.0.10"]


def test_a_pool_with_ips_on_two_machines_is_served_by_both(
    cast: Cast, source: EgressSource
) -> None:
    pool = put(source, host="there")
    mine = EgressSource.objects.create(
        account=cast.account, address="127.0.0.51", ehlo_name="n.shop.example", state="ready"
    )
    PoolMember.objects.create(pool_id=pool, source=mine)
    tell("there", "127.0.0.10")
    assert pool not in hosts.pools_elsewhere()
    assert [one.address for one in hosts.here(pools.usable(pool))] == ["127.0.0.51"]


def test_an_ip_of_any_host_that_only_another_has_is_left_to_it(source: EgressSource) -> None:
    pool = put(source, address=FOREIGN)
    assert pool not in hosts.pools_elsewhere()
    tell("there", FOREIGN)
    assert pool in hosts.pools_elsewhere()


def test_without_redis_nothing_is_known_to_wake_and_nothing_fails(db: None, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    shared.forget()
    assert hosts.report()
    assert hosts.waking() == ()


def test_a_report_from_times_to_come_is_from_before_the_clock_was_set_back(
    source: EgressSource,
) -> None:
    tell("here", ago=-3600)
    assert hosts.report()
    assert abs(WorkerHost.objects.get().seen_at - timezone.now()) < timedelta(minutes=1)
