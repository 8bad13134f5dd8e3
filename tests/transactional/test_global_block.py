"""The global rule: an address that bounces for good in three accounts within 60 days is mailed by none."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from config.ids import uuid7
from tests.transactional.inbound.test_intake import dsn
from tests.transactional.mail import delivered_mail
from tokens.models import Account, Scope
from transactional import suppression_list, suppression_undo, suppressions
from transactional.inbound import intake
from transactional.models import GlobalBlock, Suppression, SuppressionReason

ADDRESS = "gone@far.example"


@pytest.fixture
def accounts(account: Account) -> list[Account]:
    return [account, *(Account.objects.create(name=f"No {n}") for n in range(3))]


def bounce(account: Account) -> None:
    assert intake.take(dsn(), delivered_mail(account, ADDRESS).pk) == "bounce"


def facts(account: Account) -> suppressions.SuppressionFacts | None:
    return suppressions.find([(account.pk, ADDRESS)]).get((account.pk, ADDRESS))


def test_three_accounts_block_it_for_all(accounts: list[Account]) -> None:
    for one in accounts[:2]:
        bounce(one)
    assert facts(accounts[3]) is None and not GlobalBlock.objects.exists()
    bounce(accounts[2])
    block = GlobalBlock.objects.get()
    assert (block.address, block.accounts) == (ADDRESS, 3)
    found = facts(accounts[3])
    assert found is not None and found.everywhere and found.stops("transactional")
    own = facts(accounts[0])
    assert own is not None and not own.everywhere  # its own bounce says more


def test_it_follows_each_account_s_setting(accounts: list[Account]) -> None:
    for one in accounts[:3]:
        bounce(one)
    accounts[3].hard_bounce_scope = Scope.MARKETING
    accounts[3].save()
    found = facts(accounts[3])
    assert found is not None and found.stops("marketing") and not found.stops("transactional")


def test_it_ends_after_sixty_days_and_when_it_is_lifted(accounts: list[Account]) -> None:
    for one in accounts[:3]:
        bounce(one)
    block = GlobalBlock.objects.get()
    assert timedelta(days=59) < block.until - timezone.now() < timedelta(days=61)
    GlobalBlock.objects.update(until=timezone.now() - timedelta(hours=1))
    assert facts(accounts[3]) is None


def test_it_ends_where_a_receiver_s_fault_is_undone(accounts: list[Account]) -> None:
    for one in accounts[:3]:
        bounce(one)
    row = Suppression.objects.of(accounts[0]).get()
    assert suppression_list.remove(accounts[0].pk, row.pk, why="I know better", by="alice")
    assert facts(accounts[0]) is not None  # one member's word does not end it
    asked = suppression_undo.rule(domain="far.example")
    assert suppression_undo.undo(accounts[1].pk, asked, why="They were down", by="bob") == 1
    assert not GlobalBlock.objects.exists()
    assert facts(accounts[0]) is None and facts(accounts[1]) is None
    assert facts(accounts[2]) is not None  # its own bounce stands


def test_an_undo_leaves_what_enough_others_speak_for(accounts: list[Account]) -> None:
    for one in accounts:
        bounce(one)
    GlobalBlock.objects.update(accounts=3)
    asked = suppression_undo.rule(domain="far.example")
    suppression_undo.undo(accounts[0].pk, asked, why="They were down", by="bob")
    assert facts(accounts[0]) is not None


def test_old_bounces_and_lists_brought_along_do_not_count(accounts: list[Account]) -> None:
    bounce(accounts[0])
    Suppression.objects.update(created_at=timezone.now() - timedelta(days=61))
    suppressions.add_many(
        accounts[1].pk, [(ADDRESS, SuppressionReason.HARD_BOUNCE, None, "imported")]
    )
    bounce(accounts[2])
    bounce(accounts[3])
    assert not GlobalBlock.objects.exists()


@pytest.mark.parametrize("count", [0, 2])
def test_the_operator_sets_how_many(
    accounts: list[Account], settings: Settings, count: int
) -> None:
    settings.GLOBAL_BLOCK_ACCOUNTS = count
    for one in accounts[:3]:
        suppressions.add(
            one.pk, ADDRESS, reason=SuppressionReason.HARD_BOUNCE, recipient_id=uuid7()
        )
    assert GlobalBlock.objects.count() == bool(count)
