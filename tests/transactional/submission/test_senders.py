"""From addresses of other domains: asked by mail, confirmed once, used as what answers go to."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from config.errors import PostinoError
from domains.models import Domain
from tests.cast import Cast
from tests.transactional.submission.senders import Send, code, raw
from tokens.auth import Principal
from tokens.models import Account, AuditEntry
from transactional.models import (
    Body,
    Event,
    Message,
    QueueRow,
    SenderAddress,
    SenderMail,
    SenderState,
)
from transactional.submission import facts, senders
from transactional.submission.request import Accepted, Refused

OUTSIDE, SEEN = "anna@gmail.com", "hello@shop.example"


def ask(account: Account, address: str = OUTSIDE, sends_as: str = SEEN) -> SenderAddress:
    return senders.ask(account, address, sends_as, by="alice@shop.example")


def later(minutes: int = 3) -> None:
    """As if the mails of before had gone out so much earlier."""
    for mail in SenderMail.objects.all():
        mail.at -= timedelta(minutes=minutes)
        mail.save()


def link_in_the_mail() -> str:
    text = bytes(Body.objects.latest("pk").raw or b"").decode()
    found = re.search(r"/confirm/([\w\-=]+)/", text.replace("=\r\n", "").replace("=3D", "="))
    assert found is not None
    return found[1]


def refused(account: Account, *given: str) -> str:
    with pytest.raises(PostinoError) as caught:
        ask(account, *given)
    return caught.value.refusal.code


def test_a_link_is_mailed_and_works_once(account: Account) -> None:
    row = ask(account, " Anna@GMAIL.com ")
    assert (row.address, row.state) == (OUTSIDE, SenderState.PENDING)
    message = Message.objects.of(account).get()
    assert message.from_address == "no-reply@shop.example" and QueueRow.objects.count() == 1
    token, now = link_in_the_mail(), timezone.now()
    asked = senders.read(token, now=now)
    assert asked is not None and asked.state == "ask"
    row.refresh_from_db()
    assert row.state == SenderState.PENDING  # reading changes nothing
    done = senders.confirm(token, now=now)
    assert done is not None and done.state == "done"
    row.refresh_from_db()
    first = row.confirmed_at
    again = senders.confirm(token, now=now + timedelta(hours=1))
    row.refresh_from_db()
    assert again is not None and again.state == "done" and row.confirmed_at == first
    acts = list(AuditEntry.objects.of(account).order_by("pk").values_list("what", flat=True))
    assert acts == ["sender.asked", "sender.confirmed"]


def test_links_end_and_only_the_newest_works(account: Account) -> None:
    row = ask(account)
    old, now = link_in_the_mail(), timezone.now()
    ended = senders.confirm(old, now=now + senders.LASTS + timedelta(minutes=1))
    assert ended is not None and ended.state == "ended"
    later()
    senders.ask_again(row)
    new = link_in_the_mail()
    assert senders.read(old, now=now) is None
    for wrong in (new[:-1] + ("A" if new[-1] != "A" else "B"), new + "A", "", "x" * 40, "é" * 40):
        assert senders.confirm(wrong, now=now) is None
    row.refresh_from_db()
    assert row.state == SenderState.PENDING
    other = Account.objects.exclude(pk=account.pk).first()
    assert other is not None
    senders.forget(row, by="a")
    assert senders.confirm(new, now=now) is None


@pytest.mark.parametrize(
    ("address", "sends_as", "expected"),
    [
        ("anna@shop.example", SEEN, "ON_OWN_DOMAIN"),
        ("no address", SEEN, "INVALID_ADDRESS"),
        ("a@x.test, b@x.test", SEEN, "INVALID_ADDRESS"),
        ("a@x.test\r\nBcc: b@x.test", SEEN, "INVALID_ADDRESS"),
        (OUTSIDE, "hello@stranger.example", "NOT_ON_OWN_DOMAIN"),
        (OUTSIDE, OUTSIDE, "NOT_ON_OWN_DOMAIN"),
        (OUTSIDE, "x", "INVALID_ADDRESS"),
    ],
)
def test_what_may_not_be_asked(
    account: Account, address: str, sends_as: str, expected: str
) -> None:
    assert refused(account, address, sends_as) == expected
    assert not SenderAddress.objects.exists() and not Message.objects.exists()


def test_a_mailbox_is_not_filled_with_confirmations(cast: Cast) -> None:
    row = ask(cast.account)
    assert refused(cast.account, OUTSIDE) == "SENDER_EXISTS"
    with pytest.raises(PostinoError, match="TOO_SOON"):
        senders.ask_again(row)
    # Nor by forgetting it and asking anew, nor from another account
    senders.forget(row, by="a")
    assert refused(cast.account) == "TOO_SOON"
    with pytest.raises(PostinoError, match="TOO_SOON"):
        senders.ask(cast.other_account, OUTSIDE, "a@stranger.example", by="charlie")
    for _ in range(senders.PER_ADDRESS - 1):
        later()
        row = ask(cast.account)
        senders.forget(row, by="a")
    later()
    assert refused(cast.account) == "TOO_MANY_MAILS"
    assert Message.objects.count() == senders.PER_ADDRESS
    later(24 * 60)
    ask(cast.account)
    assert senders.forget_mails(timezone.now() + timedelta(days=1)) == senders.PER_ADDRESS


def test_an_account_does_not_mail_the_world(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(senders, "PER_ACCOUNT", 2)
    for number in range(2):
        ask(account, f"a{number}@x.test")
    assert refused(account, "a3@x.test") == "TOO_MANY_MAILS"


def test_without_an_address_to_write_from(account: Account, settings: object) -> None:
    Domain.objects.of(account).update(verified_at=None)
    with pytest.raises(PostinoError, match=r"NOT_ON_OWN_DOMAIN"):
        ask(account)
    settings.PLATFORM_FROM = "Postino <ops@nowhere.test>"  # type: ignore[attr-defined]
    Domain.objects.of(account).update(verified_at=timezone.now())
    assert refused(account) == "NO_PLATFORM_SENDER"


def test_the_platform_writes_in_its_own_name(cast: Cast, settings: object) -> None:
    settings.PLATFORM_FROM = "Postino <ops@stranger.example>"  # type: ignore[attr-defined]
    ask(cast.account)
    message = Message.objects.of(cast.other_account).get()
    assert message.from_address == "ops@stranger.example"


def confirmed(account: Account) -> None:
    SenderAddress.objects.create(
        account=account, address=OUTSIDE, sends_as=SEEN, state=SenderState.CONFIRMED, asked_by="a"
    )
    facts.forget()


def test_mail_from_it_leaves_as_the_own_address(send: Send, account: Account) -> None:
    confirmed(account)
    answer = send(from_="Anna <Anna@Gmail.com>")
    assert isinstance(answer, Accepted)
    message = Message.objects.of(account).get()
    assert (message.from_address, message.from_domain) == (SEEN, "shop.example")
    assert message.message_id.endswith("@shop.example")
    context = bytes(Body.objects.get(pk=message.pk).context or b"").decode()
    assert '"from":["Anna","hello@shop.example"]' in context
    assert '"reply_to":[["Anna","Anna@gmail.com"]]' in context or "Anna@Gmail.com" in context
    told = Event.objects.get(type="accepted").data
    assert told["asked_from"].lower() == OUTSIDE and told["dmarc"]["code"] == "aligned"


def test_a_reply_to_that_is_named_stays(send: Send, account: Account) -> None:
    confirmed(account)
    send(from_=OUTSIDE, reply_to=("desk@x.example",))
    context = bytes(Body.objects.latest("pk").context or b"").decode()
    assert '"reply_to":[["","desk@x.example"]]' in context


def test_before_it_is_confirmed_and_after_its_domain_left_it_is_refused(
    send: Send, cast: Cast
) -> None:
    row = ask(cast.account)
    facts.forget()
    answer = send(from_=OUTSIDE)
    assert code(answer) == "INVALID_FROM_ADDRESS" and isinstance(answer, Refused)
    assert "not confirmed yet" in answer.refusal.message
    SenderAddress.objects.filter(pk=row.pk).update(
        state=SenderState.CONFIRMED, sends_as="a@stranger.example"
    )
    facts.forget()
    assert code(send(from_=OUTSIDE)) == "INVALID_FROM_ADDRESS"


def test_smtp_mail_is_never_rewritten(account: Account, smtp_principal: Principal) -> None:
    confirmed(account)
    data = b"From: anna@gmail.com\r\nTo: b@x.test\r\nSubject: x\r\n\r\nx\r\n"
    answer = raw(smtp_principal, data)
    assert code(answer) == "INVALID_FROM_ADDRESS" and isinstance(answer, Refused)
    assert "Reply-To" in answer.refusal.message
