"""Publishing by two pairs of eyes: what is approved is what was asked for, and nothing gets around."""

from typing import Any

import pytest

from config.errors import PostinoError
from tests.cast import Cast, make_email
from tests.transactional.submission.senders import Send, code, email, key, send
from tokens import audit
from tokens.models import Account
from transactional.compose import approvals, restore, rollouts, versions
from transactional.models import Approval, ApprovalState, Email

__all__ = ["email", "key", "send"]
pytestmark = pytest.mark.django_db
ALICE, BOB = "alice@shop.example", "bob@shop.example"


@pytest.fixture
def strict(cast: Cast) -> Account:
    cast.account.approvers = "owner"
    cast.account.save()
    return cast.account


def refused(code: str) -> Any:
    return pytest.raises(PostinoError, match=code)


def test_nothing_is_published_around_it(strict: Account) -> None:
    draft = make_email(strict)
    with refused("APPROVAL_REQUIRED"):
        versions.publish(draft, by=ALICE)
    with refused("APPROVAL_REQUIRED"):
        rollouts.start(draft, by=ALICE)
    with refused("OWN_REQUEST"):
        approvals.approve(approvals.ask(draft, by=ALICE), by=ALICE)
    draft.refresh_from_db()
    assert draft.published is None


def test_a_program_cannot_send_what_nobody_approved(send: Send, strict: Account, key: Any) -> None:
    draft = make_email(strict)
    assert code(send(email_id=draft.pk)) == "MISSING_CONTENT"
    approvals.approve(approvals.ask(draft, by=ALICE), by=BOB)
    assert code(send(email_id=draft.pk)) == ""


def test_what_was_asked_for_is_what_goes_live(strict: Account) -> None:
    draft = make_email(strict)
    asked = approvals.ask(draft, by=ALICE, note="First words")
    with refused("ALREADY_ASKED"):
        approvals.ask(draft, by=BOB)
    approvals.comment(asked, " Looks good ", by=BOB)
    approvals.comment(asked, "  ", by=BOB)
    approvals.approve(asked, by=BOB)
    draft.refresh_from_db()
    assert draft.published_id == asked.version_id
    assert (draft.published.published_by, draft.published.note) == (BOB, "First words")
    assert [one.text for one in asked.comments.all()] == ["Looks good"]
    with refused("APPROVAL_CLOSED"):
        approvals.approve(asked, by=BOB)
    told = [entry.what for entry in audit.page(strict, audit.Filters())]
    assert told == ["email.published", "approval.approved", "approval.requested"]


def test_an_edit_voids_the_request(strict: Account) -> None:
    draft = make_email(strict)
    asked = approvals.ask(draft, by=ALICE)
    draft.subject = "Slipped in later"
    draft.save()
    with refused("APPROVAL_CLOSED"):
        approvals.approve(Approval.objects.select_related("email").get(pk=asked.pk), by=BOB)
    asked.refresh_from_db()
    draft.refresh_from_db()
    assert (asked.state, draft.published) == (ApprovalState.VOID, None)
    again = approvals.ask(draft, by=ALICE)
    assert again.version_id != asked.version_id


def test_declined_and_recalled_requests_publish_nothing(strict: Account) -> None:
    draft = make_email(strict)
    approvals.decline(approvals.ask(draft, by=ALICE), by=BOB, why="The price is wrong")
    approvals.recall(approvals.ask(draft, by=ALICE), by=ALICE)
    states = list(Approval.objects.of(strict).order_by("pk").values_list("state", flat=True))
    assert states == ["declined", "recalled"]
    draft.refresh_from_db()
    assert draft.published is None


def test_an_approved_roll_out_begins(strict: Account) -> None:
    draft = make_email(strict)
    approvals.approve(approvals.ask(draft, by=ALICE), by=BOB)
    draft = Email.objects.of(strict).get(pk=draft.pk)
    draft.subject = "Second"
    draft.save()
    approvals.approve(approvals.ask(draft, by=ALICE, share=5), by=BOB)
    one = rollouts.under_way(draft.pk)
    assert one is not None and (one.share, one.version.subject) == (5, "Second")


def test_a_restored_version_needs_approval_again(strict: Account) -> None:
    draft = make_email(strict)
    first = approvals.approve(approvals.ask(draft, by=ALICE), by=BOB).version
    restored = restore.restore(Email.objects.of(strict).get(pk=draft.pk), first, by=ALICE)
    with refused("APPROVAL_REQUIRED"):
        versions.publish(restored, by=ALICE)
