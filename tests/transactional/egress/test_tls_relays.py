"""Relays and smarthosts, which are configured by name, and their own TLSA records (RFC 7672 §2.2.2)."""

from typing import Any

import pytest

from domains import dns
from tests.transactional.egress import test_tls
from tests.transactional.egress.test_tls import deliver
from tests.transactional.egress.tls_peers import Peers
from tokens.models import Account
from transactional.egress.route import over_smarthost
from transactional.egress.smarthost_check import check
from transactional.egress.tls import TlsRule, towards_smarthost
from transactional.models import DeliveryAttempt, Smarthost
from transactional.wire.outcome import TlsPolicy

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1 is deprecated"),
]
peers, world = test_tls.peers, test_tls.world  # its fixtures


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dane-ee", ("delivered", True, "DANE", "dane")),
        ("dane-unsigned", ("delivered", True, "TLSv1.3", "opportunistic")),
        ("dane-wrong", ("deferred", None, "", "dane")),
        ("dane-strip", ("deferred", None, "", "dane")),
        ("dane-lookup", ("deferred", None, "", "dane_lookup")),
        ("sts-mx", ("delivered", True, "TLSv1.3", "opportunistic")),  # its policy is about its mail
    ],
)
def test_a_relay_that_is_configured_by_name_is_held_to_its_own_tlsa_records(
    account: Account, world: Peers, settings: Any, name: str,
    expected: tuple[str, bool | None, str, str],
) -> None:  # fmt: skip
    settings.EGRESS = f"relay://mx.{name}.test:{world.port}"
    before = len(world.kept.mail)
    row = deliver(account, "elsewhere")["elsewhere"]
    arrived = dict(world.kept.mail[before:])
    attempt = DeliveryAttempt.objects.get()
    [rule] = [one["code"] for one in attempt.decisions if one["step"] == "tls"]
    status, tls, word, code = expected
    assert (row.status, arrived.get("a@elsewhere.test"), rule) == (status, tls, code)
    assert word in attempt.tls


@pytest.mark.parametrize(
    ("name", "policy", "expected"),
    [
        ("dane-ee", TlsPolicy.OPPORTUNISTIC, (TlsPolicy.DANE, "dane")),
        ("dane-ee", TlsPolicy.REQUIRED, (TlsPolicy.DANE, "dane")),
        ("dane-ee", TlsPolicy.VERIFIED, (TlsPolicy.VERIFIED, "smarthost")),
        ("dane-odd", TlsPolicy.OPPORTUNISTIC, (TlsPolicy.REQUIRED, "dane_unusable")),
        ("dane-lookup", TlsPolicy.OPPORTUNISTIC, (TlsPolicy.DANE, "dane_lookup")),
        ("dane-unsigned", TlsPolicy.OPPORTUNISTIC, (TlsPolicy.OPPORTUNISTIC, "smarthost")),
    ],
)
def test_a_smarthosts_tlsa_records_count_but_where_a_valid_certificate_is_wanted(
    world: Peers, name: str, policy: TlsPolicy, expected: tuple[TlsPolicy, str]
) -> None:
    host = f"mx.{name}.test"

    async def asked() -> TlsRule:
        route = await over_smarthost(host, world.port, operators=False)
        return await towards_smarthost(policy, route.targets[0])

    rule = dns.run(asked())
    assert (rule.policy, rule.code) == expected
    assert bool(rule.refusal) == (name == "dane-lookup")


def test_a_smarthost_is_tried_out_with_its_tlsa_records(account: Account, world: Peers) -> None:
    codes = {"dane-ee": "ok", "dane-wrong": "tlsa_failed", "dane-lookup": "tlsa_failed"}
    for name, code in codes.items():
        row = Smarthost.objects.create(
            account=account, name=name, host=f"mx.{name}.test", port=world.port, tls="opportunistic"
        )
        assert check(row).code == code
