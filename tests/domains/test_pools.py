"""Pools: shares, families, health; and that no marketing mail can leave from a dedicated IP."""

from collections import Counter

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from domains import pools
from domains.models import EgressSource, Pool, PoolMember
from domains.pools import UsableSource, choose
from tests.cast import Cast
from transactional.models import Stream

A = UsableSource(1, "203.0.113.1", "a.example", 1, owner=7)
B = UsableSource(2, "203.0.113.2", "b.example", 3, owner=7)
SIX = UsableSource(3, "2001:db8::1", "c.example", 1, owner=7)
SHARED = UsableSource(4, "203.0.113.4", "d.example", 1)
TRANSACTIONAL = {"ipv6": False, "kind": "transactional"}


def shares(n: int = 4000, **asked: object) -> dict[int, float]:
    chosen = [choose((A, B, SIX), **{**TRANSACTIONAL, **asked}).source for _ in range(n)]  # type: ignore[arg-type]
    assert all(chosen)
    return {pk: count / n for pk, count in Counter(s.id for s in chosen if s).items()}


def test_shares_follow_the_weights() -> None:
    assert shares() == pytest.approx({1: 0.25, 2: 0.75}, abs=0.05)
    assert shares(ipv6=True) == {3: 1.0}


def test_an_ip_that_receivers_put_off_gets_less() -> None:
    found = shares(health=lambda source: 0.1 if source.id == 2 else 1.0)
    assert found == pytest.approx({1: 1 / 1.3, 2: 0.3 / 1.3}, abs=0.05)


def test_a_choice_says_why() -> None:
    assert choose((A,), **TRANSACTIONAL).code == "only"
    many = choose((A, B), **TRANSACTIONAL)
    assert (many.code, many.data["shares"]) == ("weighted", {A.address: 1.0, B.address: 3.0})
    assert choose((), **TRANSACTIONAL).code == "no_source"
    assert choose((SIX,), **TRANSACTIONAL).code == "no_family"
    spilled = choose((A, B), within_budget=lambda source: source.id == 1, **TRANSACTIONAL)
    assert (spilled.code, spilled.source) == ("spilled", A)
    assert spilled.data["used_up"] == [B.address]
    spent = choose((A, B), within_budget=lambda source: False, **TRANSACTIONAL)
    assert (spent.code, spent.data) == ("no_budget", {"addresses": [A.address, B.address]})


def test_marketing_is_never_given_a_dedicated_ip() -> None:
    assert choose((A, B), ipv6=False, kind="marketing").code == "marketing_on_dedicated"
    for _ in range(200):
        assert choose((A, B, SHARED), ipv6=False, kind="marketing").source == SHARED


def refused_by_the_database(statement: str, *values: object) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except IntegrityError:
        return True
    return False


def test_the_database_refuses_what_would_let_marketing_onto_a_dedicated_ip(cast: Cast) -> None:
    source = EgressSource.objects.of(cast.account).get()
    own, shared = pools.dedicated_pool(cast.account), pools.shared_pool()
    theirs = pools.dedicated_pool(cast.other_account)
    streams = {
        kind: Stream.objects.default(cast.account, kind) for kind in ("transactional", "marketing")
    }
    join = (
        "INSERT INTO domains_poolmember (pool_id, source_id, owner, weight) VALUES (%s, %s, %s, 1)"
    )
    for pool in (shared, theirs):
        for owner in (0, cast.account.pk, cast.other_account.pk):
            assert refused_by_the_database(join, pool.pk, source.pk, owner)
    point = "UPDATE transactional_stream SET pool_id = %s WHERE id = %s"
    assert refused_by_the_database(point, own.pk, streams["marketing"].pk)
    assert refused_by_the_database(point, theirs.pk, streams["marketing"].pk)
    assert refused_by_the_database(point, theirs.pk, streams["transactional"].pk)
    assert refused_by_the_database(point, shared.pk, streams["transactional"].pk)
    kind = "UPDATE transactional_stream SET kind = 'marketing' WHERE id = %s"
    assert refused_by_the_database(kind, streams["transactional"].pk)
    give = "UPDATE domains_egresssource SET account_id = NULL WHERE id = %s"
    assert refused_by_the_database(give, source.pk)
    assert refused_by_the_database(
        "UPDATE domains_pool SET dedicated = false WHERE id = %s", own.pk
    )


def test_forms_of_the_admin_refuse_it_with_a_sentence(cast: Cast) -> None:
    source = EgressSource.objects.of(cast.account).get()
    with pytest.raises(ValidationError, match="only pools of its own account"):
        PoolMember(pool=pools.shared_pool(), source=source).full_clean()
    with pytest.raises(ValidationError, match="never leaves from dedicated IPs"):
        Stream(
            account=cast.account,
            name="x",
            kind="marketing",
            pool=pools.dedicated_pool(cast.account),
        ).full_clean()
    with pytest.raises(ValidationError, match="dedicated pool of its own account"):
        Stream(
            account=cast.account, name="x", kind="transactional", pool=pools.shared_pool()
        ).full_clean()
    with pytest.raises(ValidationError, match="A pool of an account is dedicated"):
        Pool(account=cast.account, name="x").full_clean()
    with pytest.raises(ValueError, match="own account"):
        pools.add(pools.shared_pool(), source)
