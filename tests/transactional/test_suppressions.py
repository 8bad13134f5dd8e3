"""Who must not be mailed: the widest reason counts, and reporting twice changes nothing."""

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone

from config.ids import uuid7
from tests.cast import Cast
from tokens.models import Scope
from transactional import suppressions
from transactional.models import (
    GlobalBlock,
    Kind,
    Suppression,
    SuppressionChange,
    SuppressionReason,
)
from transactional.suppression_list import listing as page

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


UNICODE, A_LABELS = "Anna@παράδειγμα.δοκιμή", "anna@xn--hxajbheg2az3al.xn--jxalpdlp"


@pytest.mark.parametrize(("listed", "asked"), [(UNICODE, A_LABELS), (A_LABELS, UNICODE)])
def test_both_spellings_of_an_international_domain_are_one_entry(
    cast: Cast, listed: str, asked: str
) -> None:
    assert suppressions.add(cast.account.pk, listed, reason=MANUAL)
    assert not suppressions.add(cast.account.pk, asked, reason=MANUAL)
    assert not suppressions.add_many(cast.account.pk, [(asked, MANUAL, None, "")])
    assert Suppression.objects.of(cast.account).get().address == A_LABELS
    keys = [(cast.account.pk, listed), (cast.account.pk, asked)]
    assert {key: facts.reason for key, facts in suppressions.find(keys).items()} == dict.fromkeys(
        keys, MANUAL
    )
    assert [one.row.address for one in page(cast.account.pk, asked, before=None, limit=9)] == [
        A_LABELS
    ]
    suppressions.forget_evidence(cast.account.pk, asked)


def test_what_is_no_domain_is_looked_up_as_it_is(cast: Cast) -> None:
    odd = "anna@ｅｘａｍｐｌｅ.com"  # a full-width look-alike is no name of RFC 5891
    assert suppressions.keyed(odd) == odd and suppressions.keyed("Nobody") == "nobody"
    assert len(suppressions.keyed("a@" + "é" * 60 + ".example" * 40)) <= 254


def test_entries_of_before_are_brought_together(cast: Cast) -> None:
    def put(account: Any, address: str, **more: Any) -> None:
        Suppression.objects.create(account=account, address=address, **more)

    small = UNICODE.lower()
    put(cast.account, small, reason=MANUAL, scope=Scope.ALL)
    put(cast.account, A_LABELS, reason=MANUAL, scope=Scope.MARKETING)
    put(cast.account, small, reason=COMPLAINT, scope=Scope.MARKETING)
    put(cast.other_account, small, reason=BOUNCE, scope=Scope.ALL)
    put(cast.other_account, "ann@a.example", reason=BOUNCE, scope=Scope.ALL)
    put(cast.other_account, "ann@ｅ.example", reason=BOUNCE, scope=Scope.ALL)
    SuppressionChange.objects.create(
        account=cast.account, what="added", address=small, reason=MANUAL, by="x"
    )
    until = timezone.now() + timedelta(days=9)
    GlobalBlock.objects.create(address=small, accounts=3, until=until)
    import_module("transactional.migrations.0025_key_suppressions").rewrite(apps, None)
    rows = Suppression.objects.order_by("address", "reason", "scope")
    assert list(rows.values_list("account_id", "address", "reason", "scope")) == sorted(
        [
            (cast.account.pk, A_LABELS, "complaint", "marketing"),
            (cast.account.pk, A_LABELS, "manual", "all"),
            (cast.other_account.pk, A_LABELS, "hard_bounce", "all"),
            (cast.other_account.pk, "ann@a.example", "hard_bounce", "all"),
            (cast.other_account.pk, "ann@ｅ.example", "hard_bounce", "all"),
        ],
        key=lambda row: row[1:],
    )
    assert SuppressionChange.objects.get().address == A_LABELS
    assert GlobalBlock.objects.get().address == A_LABELS
