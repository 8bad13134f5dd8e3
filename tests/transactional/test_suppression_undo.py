"""Undo by time window or rule: what fits is lifted once, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.cast import Cast
from tests.transactional.mail import delivered_mail
from tokens.models import Account, AuditEntry, Scope
from transactional import suppression_undo, suppressions
from transactional.models import (
    Event,
    EventType,
    Suppression,
    SuppressionChange,
    SuppressionReason,
)
from transactional.suppression_undo import RuleError, preview, rule, undo

NOW = datetime.now(UTC)
HARD, MANUAL = SuppressionReason.HARD_BOUNCE, SuppressionReason.MANUAL


def listed(
    account: Account,
    address: str,
    *,
    days_ago: float = 0,
    reason: SuppressionReason = HARD,
    said: str = "550 5.1.1 no such user",
) -> None:
    suppressions.add(account.pk, address, reason=reason, scope=Scope.ALL, evidence=said)
    rows = Suppression.objects.of(account).filter(address=address, reason=reason)
    rows.update(created_at=NOW - timedelta(days=days_ago))


def left(account: Account) -> set[str]:
    return set(Suppression.objects.of(account).values_list("address", flat=True))


@pytest.fixture
def rows(cast: Cast) -> Account:
    account = cast.account
    listed(account, "old@far.example", days_ago=9)
    listed(account, "a@far.example", days_ago=2, said="550 5.1.1 Directory OUTAGE 100%")
    listed(account, "b@near.example", days_ago=1)
    listed(account, "hand@far.example", reason=MANUAL, said="asked us")
    listed(cast.other_account, "a@far.example", days_ago=2)
    return account


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"since": NOW - timedelta(days=3)}, {"a@far.example", "b@near.example"}),
        (
            {"since": NOW - timedelta(days=3), "until": NOW - timedelta(days=1.5)},
            {"a@far.example"},
        ),
        ({"domain": "@FAR.example"}, {"a@far.example", "old@far.example"}),
        ({"said": "outage 100%"}, {"a@far.example"}),
        ({"said": "outage 100_"}, set()),
        ({"domain": "far.example", "reasons": ["manual"]}, {"hand@far.example"}),
        ({"domain": "r.example"}, set()),
    ],
)
def test_what_fits_is_counted_and_then_lifted_once(
    rows: Account, cast: Cast, asked: dict[str, object], wanted: set[str]
) -> None:
    before, one = left(rows), rule(**asked)  # type: ignore[arg-type]
    seen = preview(rows.pk, one)
    assert seen.count == len(wanted) and {row.address for row in seen.sample} == wanted
    assert left(rows) == before
    assert undo(rows.pk, one, why="their outage", by="alice@shop.example") == len(wanted)
    assert before - left(rows) == wanted
    assert undo(rows.pk, one, why="their outage", by="alice@shop.example") == 0
    changes = SuppressionChange.objects.of(rows)
    assert {(c.address, c.what, c.why) for c in changes} == {
        (address, "removed", "their outage") for address in wanted
    }
    assert AuditEntry.objects.of(rows).filter(what="suppressions.undone").count() == bool(wanted)
    assert left(cast.other_account) == {"a@far.example"}


def test_large_ones_go_in_batches(rows: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppression_undo, "STEP", 1)
    assert undo(rows.pk, rule(since=NOW - timedelta(days=30)), why="w", by="b") == 3
    entry = AuditEntry.objects.of(rows).get()
    assert entry.data["lifted"] == 3 and entry.data["reasons"] == "hard_bounce soft_bounce"


def test_the_story_of_the_mail_behind_it_tells_of_the_lift(account: Account) -> None:
    cause = delivered_mail(account, "a@far.example", status="bounced")
    suppressions.add(account.pk, "a@far.example", reason=HARD, recipient_id=cause.pk)
    undo(account.pk, rule(domain="far.example"), why="w", by="b")
    event = Event.objects.of(account).get()
    assert (event.type, event.recipient_id) == (EventType.UNBOUNCED, cause.pk)
    assert event.campaign_id == cause.message.campaign_id and event.data == {"how": "undo"}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "empty"),
        ({"until": NOW}, "empty"),
        ({"reasons": ["hard_bounce"]}, "empty"),
        ({"said": " \0 "}, "empty"),
        ({"since": NOW, "until": NOW}, "window"),
        ({"since": NOW, "reasons": ["rumour"]}, "reason"),
        ({"domain": "no domain"}, "domain"),
    ],
)
def test_a_rule_that_is_none_is_refused(asked: dict[str, object], code: str) -> None:
    with pytest.raises(RuleError, match=f"^{code}$"):
        rule(**asked)  # type: ignore[arg-type]
