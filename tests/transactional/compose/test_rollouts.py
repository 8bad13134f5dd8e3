"""A version rolled out through the real door: who gets it, how it grows, how harm ends it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from config.errors import PostinoError
from tests.cast import make_email
from tests.transactional.submission.senders import Send, email, key, send
from tokens import audit
from tokens.models import Account
from transactional.compose import rollouts, version_counts, versions
from transactional.models import Email, Message, RollOut, RollOutState
from transactional.submission.request import Accepted
from transactional.tasks import chores

__all__ = ["email", "key", "send"]
pytestmark = pytest.mark.django_db(transaction=True)


def changed(email: Email, **fields: Any) -> Email:
    Email.objects.filter(pk=email.pk).update(**{"subject": "New {{ custom.order_id }}", **fields})
    email.refresh_from_db()
    return email


def folded() -> None:
    while version_counts.fold():
        pass


def used(account: Account) -> dict[int, int]:
    found: dict[int, int] = {}
    for number in Message.objects.of(account).values_list("version__number", flat=True):
        found[number] = found.get(number, 0) + 1
    return found


def people(one: RollOut, taking_part: int, others: int) -> list[str]:
    """Addresses of so many who get the version on trial, and of so many who do not."""
    found: dict[bool, list[str]] = {True: [], False: []}
    for n in range(3000):
        found[rollouts.takes_part(one.pk, f"p{n}@x.example", one.share)].append(f"p{n}@x.example")
    assert len(found[True]) >= taking_part
    return [*found[True][:taking_part], *found[False][:others]]


def refused(code: str) -> Any:
    return pytest.raises(PostinoError, match=code)


def test_a_share_gets_it_and_always_the_same_people() -> None:
    people = [f"p{n}@x.example" for n in range(4000)]
    five = {one for one in people if rollouts.takes_part(7, one, 5)}
    more = {one for one in people if rollouts.takes_part(7, one, 25)}
    assert 140 < len(five) < 260 and 850 < len(more) < 1150
    assert five < more
    assert all(rollouts.takes_part(7, one.upper(), 5) for one in five)
    assert all(rollouts.takes_part(7, one, 100) for one in people)
    assert {one for one in people if rollouts.takes_part(8, one, 5)} != five


def test_sends_are_parted_and_a_finished_one_is_live(
    send: Send, email: Email, account: Account
) -> None:
    one = rollouts.start(changed(email), by="alice", share=25, note="Shorter subject")
    for n in range(60):
        assert isinstance(send(to=f"P{n} <p{n}@x.example>"), Accepted)
    wanted = sum(rollouts.takes_part(one.pk, f"p{n}@x.example", 25) for n in range(60))
    assert used(account) == {1: 60 - wanted, 2: wanted}
    folded()
    assert rollouts.verdict_of(one).code == "TOO_FEW"
    rollouts.finish(one, by="alice")
    email.refresh_from_db()
    assert email.published is not None and email.published.number == 2
    assert email.published.note == "Shorter subject"
    send(to="q@x.example")
    assert used(account)[2] == wanted + 1
    told = [entry.what for entry in audit.page(account, audit.Filters())]
    assert told == ["rollout.finished", "email.published", "rollout.started", "email.published"]


def test_it_grows_by_itself_after_its_time_with_enough_mail(
    send: Send, email: Email, account: Account
) -> None:
    one = rollouts.start(changed(email), by="alice", share=5)
    for address in people(one, rollouts.ENOUGH, 0):
        send(to=address)
    folded()
    assert rollouts.verdict_of(one).code == "HEALTHY"
    assert rollouts.watch() == 0
    RollOut.objects.filter(pk=one.pk).update(stage_at=timezone.now() - timedelta(hours=1))
    rollouts.hold(one, by="alice")
    RollOut.objects.filter(pk=one.pk).update(stage_at=timezone.now() - timedelta(hours=1))
    assert rollouts.watch() == 0  # on hold
    rollouts.resume(one, by="alice")
    assert rollouts.watch() == 0  # its stage begins anew
    for share, state in ((25, "running"), (100, "finished")):
        RollOut.objects.filter(pk=one.pk).update(stage_at=timezone.now() - timedelta(hours=1))
        assert rollouts.watch() == 1
        one.refresh_from_db()
        assert (one.share, one.state) == (share, state)
    assert one.ended_by == audit.SYSTEM


def test_a_breaking_change_cannot_reach_everybody(
    send: Send, email: Email, account: Account
) -> None:
    """The new version wants a variable that nobody sends."""
    contract = [{"name": "voucher", "type": "string", "required": True, "secret": False}]
    one = rollouts.start(changed(email, contract=contract), by="alice", share=25)
    for address in people(one, 10, 30):
        send(to=address)
    chores.watch_rollouts()
    one.refresh_from_db()
    assert (one.state, one.ended_by) == (RollOutState.ROLLED_BACK, "postino")
    assert one.verdict["code"] == "RENDER_ERRORS" and one.verdict["data"]["bad"] >= 3
    email.refresh_from_db()
    assert email.published is not None and email.published.number == 1
    assert all(isinstance(send(to=f"p{n}@x.example"), Accepted) for n in range(40))
    entry = audit.page(account, audit.Filters(what="rollout."))[0]
    assert entry.what == "rollout.rolled_back" and "RENDER_ERRORS" in entry.data["reason"]


def test_a_second_one_counts_from_nothing(send: Send, email: Email, account: Account) -> None:
    contract = [{"name": "voucher", "type": "string", "required": True, "secret": False}]
    one = rollouts.start(changed(email, contract=contract), by="alice", share=25)
    for address in people(one, 5, 15):
        send(to=address)
    folded()
    rollouts.roll_back(one, by="alice")
    again = rollouts.start(changed(email, contract=contract), by="alice", share=25)
    assert rollouts.verdict_of(again).data["seen"] == 0
    assert version_counts.of([again.version_id])[again.version_id]["failed"] > 0


def test_what_cannot_be_rolled_out(email: Email, account: Account) -> None:
    with refused("NOTHING_CHANGED"):
        rollouts.start(email, by="a")
    with refused("NOTHING_LIVE"):
        rollouts.start(make_email(account), by="a")
    with refused("VALIDATION_ERROR"):
        rollouts.start(changed(email), by="a", share=60)
    one = rollouts.start(changed(email), by="a")
    with refused("ROLLOUT_UNDER_WAY"):
        rollouts.start(changed(email, subject="Third"), by="a")
    with refused("ROLLOUT_UNDER_WAY"):
        versions.publish(email, by="a")
    rollouts.roll_back(one, by="a")
    for act in (rollouts.advance, rollouts.finish, rollouts.hold, rollouts.roll_back):
        with refused("ROLLOUT_ENDED"):
            act(one, by="a")
    assert versions.publish(email, by="a").number == 3
