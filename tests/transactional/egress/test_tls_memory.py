"""What is learnt of TLS reaches the database, whatever a receiver calls its servers."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import DataError
from django.utils import timezone

from transactional.egress import tls_memory
from transactional.egress.tls_memory import NAME, Counted, TlsMemory
from transactional.models import BrokenTls, StsPolicy, TlsCount

pytestmark = pytest.mark.django_db(transaction=True)
LONG = r"\000" * 100 + ".example"  # as DNS texts octets that are no letters


def counted(mx: str) -> Counted:
    return Counted(date(2026, 1, 1), "x.example", "sts", mx, "127.0.0.10", "")


def test_names_longer_than_names_are_keep_nothing_from_being_stored() -> None:
    async def main() -> None:
        memory = TlsMemory()
        await memory.ready()
        for mx in (LONG, LONG, "mx.x.example"):
            memory.count(counted(mx))
        memory.remember(LONG, "192.0.2.1", 25, "e" * 1000)
        memory.remember("mx.x.example", "192.0.2.2", 25, "closed")
        await memory.close()

    asyncio.run(main())
    assert dict(TlsCount.objects.values_list("mx", "count")) == {LONG[:NAME]: 2, "mx.x.example": 1}
    assert BrokenTls.objects.count() == 2


def test_what_can_never_be_stored_does_not_stand_before_what_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = tls_memory.exchange

    def refused(new: Any, counts: Any, mended: Any) -> Any:
        if any("odd" in one.mx for one in counts):
            raise DataError("value too long")
        return real(new, counts, mended)

    async def main() -> None:
        memory = TlsMemory()
        await memory.ready()
        monkeypatch.setattr(tls_memory, "exchange", refused)
        memory.count(counted("odd.example"))
        await memory._exchange()
        memory.count(counted("mx.x.example"))
        await memory.close()

    asyncio.run(main())
    assert [row.mx for row in TlsCount.objects.all()] == ["mx.x.example"]


@pytest.mark.parametrize("apart", [True, False])
def test_a_lost_handshake_counts_the_second_time_apart_from_the_first(
    apart: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_memory, "AGAIN_AFTER", 0.0 if apart else 1e6)
    memory, at = TlsMemory(), ("192.0.2.1", 25)

    def fails(*, certainly: bool = False) -> bool:
        memory.failed("mx.x.example", *at, "connection lost", certainly=certainly)
        return bool(memory.broken(*at))

    assert not fails()
    memory.works(*at)  # a connection under TLS in between: it was the network
    assert not fails()
    assert fails() is apart
    assert fails(certainly=True)


def test_what_an_operator_has_removed_or_a_server_has_mended_is_known_no_more() -> None:
    async def main() -> None:
        memory = TlsMemory()
        await memory.ready()
        for n in (1, 2, 3):
            memory.remember("mx.x.example", f"192.0.2.{n}", 25, "closed")
        await memory._exchange()
        await BrokenTls.objects.filter(address="192.0.2.1").adelete()
        memory.forget("192.0.2.2", 25)
        assert not memory.broken("192.0.2.2", 25)
        memory.remember("mx.x.example", "192.0.2.4", 25, "closed")
        await memory._exchange()
        found = [n for n in range(1, 5) if memory.broken(f"192.0.2.{n}", 25)]
        assert found == [3, 4]
        await memory.close()

    asyncio.run(main())
    kept = BrokenTls.objects.order_by("address").values_list("address", flat=True)
    assert list(kept) == ["192.0.2.3", "192.0.2.4"]


def test_what_ended_long_ago_is_forgotten_and_what_holds_is_not() -> None:
    now = timezone.now()
    old, lately = now - timedelta(days=31), now - timedelta(days=29)
    for name, expires, failed in (
        ("holds", now + timedelta(days=1), None),
        ("ended", old, None),
        ("ended-lately", lately, None),
        ("failed", None, old),
        ("failed-lately", None, lately),
        ("tried-lately", old, lately),
    ):
        StsPolicy.objects.create(domain=f"{name}.example", expires_at=expires, failed_at=failed)
    for place, until in enumerate((old, lately, now + timedelta(hours=1))):
        BrokenTls.objects.create(
            address=f"192.0.2.{place}", port=25, host="mx.a.example", error="x", until=until
        )
    assert tls_memory.forget(now) == 3
    kept = {name.partition(".")[0] for name in StsPolicy.objects.values_list("domain", flat=True)}
    assert kept == {"holds", "ended-lately", "failed-lately", "tried-lately"}
    assert BrokenTls.objects.count() == 2
