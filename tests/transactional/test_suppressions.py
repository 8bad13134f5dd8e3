"""Who must not be mailed: the widest reason counts, and reporting twice changes nothing."""

from typing import Any

import pytest

from config.ids import uuid7
from tests.cast import Cast
from tokens.models import Scope
from transactional import suppressions
from transactional.models import Kind, Suppression, SuppressionReason

pytestmark = pytest.mark.django_db
BOUNCE, COMPLAINT, MANUAL = (
    SuppressionReason.HARD_BOUNCE,
    SuppressionReason.COMPLAINT,
    SuppressionReason.MANUAL,
)


def test_the_accounts_settings_decide_how_far_a_reason_reaches(cast: Cast) -> None:
    account = cast.account
    for reason in (BOUNCE, COMPLAINT, MANUAL):
        assert suppressions.add(account.pk, f"{reason}@a.example", reason=reason)
    found = suppressions.find([(account.pk, f"{reason}@a.example") for reason in SuppressionReason])
    scopes = {facts.reason: facts.scope for facts in found.values()}
    assert scopes == {BOUNCE: Scope.ALL, COMPLAINT: Scope.MARKETING, MANUAL: Scope.ALL}
    complaint = found[account.pk, "complaint@a.example"]
    assert complaint.stops(Kind.MARKETING) and not complaint.stops(Kind.TRANSACTIONAL)
    bounce = found[account.pk, "hard_bounce@a.example"]
    assert bounce.stops(Kind.MARKETING) and bounce.stops(Kind.TRANSACTIONAL)
    account.complaint_scope, account.hard_bounce_scope = Scope.ALL, Scope.MARKETING
    account.save()
    suppressions.add(account.pk, "x@a.example", reason=COMPLAINT)
    suppressions.add(account.pk, "y@a.example", reason=BOUNCE)
    found = suppressions.find([(account.pk, "x@a.example"), (account.pk, "y@a.example")])
    assert found[account.pk, "x@a.example"].scope == Scope.ALL
    assert found[account.pk, "y@a.example"].scope == Scope.MARKETING


def test_adding_again_changes_nothing_but_may_widen(cast: Cast) -> None:
    cause = uuid7()
    add: Any = lambda **more: suppressions.add(  # noqa: E731
        cast.account.pk, "Ann@A.example", reason=COMPLAINT, **more
    )
    assert add(evidence="first\x00", recipient_id=cause) is True
    assert add(evidence="second") is False
    row = Suppression.objects.of(cast.account).get()
    assert (row.address, row.evidence, row.recipient_id) == ("ann@a.example", "first", cause)
    assert add(scope=Scope.ALL) is False
    assert add(scope=Scope.MARKETING) is False
    assert Suppression.objects.of(cast.account).get().scope == Scope.ALL


def test_of_several_reasons_the_widest_counts(cast: Cast) -> None:
    key = (cast.account.pk, "ann@a.example")
    suppressions.add(*key, reason=COMPLAINT)
    assert suppressions.find([key])[key].reason == COMPLAINT
    suppressions.add(*key, reason=MANUAL)
    suppressions.add(*key, reason=BOUNCE)
    assert suppressions.find([key])[key].reason == MANUAL


def test_suppressions_are_an_accounts_own(cast: Cast) -> None:
    suppressions.add(cast.account.pk, "ann@a.example", reason=BOUNCE)
    assert suppressions.find([(cast.other_account.pk, "ann@a.example")]) == {}
    assert suppressions.find([]) == {}
    assert suppressions.add(2**40, "ann@a.example", reason=BOUNCE) is False
