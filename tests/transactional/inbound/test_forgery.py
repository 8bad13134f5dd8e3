"""Forged, altered and replayed reports, and programs that answer programs: rows A16 and A17 of the
security list, through the inbound server's own handler.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import shared
from config.ids import uuid7
from tests.transactional.inbound.test_intake import ORIGINAL, arf, dsn, reported, types
from tests.transactional.inbound.test_worn import NOW, mailed
from tests.transactional.mail import delivered_mail
from tokens.models import Account
from transactional import classify, metrics, signing
from transactional.classify import CATEGORY, WEARING, Category, Reason
from transactional.inbound import effects, intake, server, worn
from transactional.inbound.server import Intake
from transactional.models import Event, Message, QueueRow, Recipient, Status, Suppression
from transactional.wire.handler import Envelope

HOST = "b1.shop.example"
IN_REPLY_TO = {"rcpt": "RCPT TO command", "mail": "MAIL FROM command", "dot": "end of DATA"}
BOUNCES = Path(__file__).parents[2] / "fixtures" / "bounces"


def asked(*addresses: str) -> tuple[list[int], dict[str, int]]:
    """What RCPT is answered for each address, and what was counted."""

    async def main() -> tuple[list[int], dict[str, int]]:
        handler = Intake()
        envelope = Envelope("127.0.0.1", "a", False, None, None, (), b"")
        try:
            replies = [await handler.rcpt(envelope, address) for address in addresses]
        finally:
            await handler.close()
        return [reply.code if reply else 250 for reply in replies], dict(handler.counted)

    return asyncio.run(main())


def handed_over(data: bytes, to: Sequence[str], *, sender: str | None = None) -> dict[str, int]:
    """What became of a mail whose DATA was taken."""

    async def main() -> dict[str, int]:
        handler = Intake()
        envelope = Envelope("127.0.0.1", "a", False, None, sender, tuple(to), data)
        try:
            assert (await handler.message(envelope)).code == 250
        finally:
            await handler.close()
        return dict(handler.counted)

    return asyncio.run(main())


def test_a_tag_that_was_altered_is_nobody_and_counted(account: Account) -> None:
    good = signing.verp(delivered_mail(account).pk, HOST)
    altered = [good[:n] + ("a" if good[n] != "a" else "b") + good[n + 1 :] for n in range(1, 49)]
    codes, counted = asked(good, good.upper(), *altered)
    assert codes[:2] == [250, 250]
    assert codes[2:] == [550] * 48 and counted == {"false return-path": 48}


def test_a_tag_of_another_installation_is_nobody(account: Account) -> None:
    foreign = "b" + "a" * 48
    assert asked(f"{foreign}@{HOST}", f"postmaster@{HOST}", f"{foreign[:-1]}@{HOST}", "x") == (
        [550] * 4,
        {"false return-path": 1, "unknown address": 3},
    )


@pytest.mark.django_db(transaction=True)
def test_forged_tags_are_on_the_metrics() -> None:
    shared.ask(lambda redis: redis.delete(server.COUNTED), otherwise=None)
    handler = Intake()
    handler.counted.update({"false return-path": 3, "bounce": 2})
    handler.share()
    handler.share()  # tells only what is new
    handler.counted["false return-path"] += 1
    handler.share()
    [found] = [one for one in metrics.what_came_back() if one.name == "inbound_total"]
    told = {labels["what"]: number for labels, number in found.samples}
    assert (found.kind, told) == ("counter", {"false return-path": 4, "bounce": 2})
    shared.ask(lambda redis: redis.delete(server.COUNTED), otherwise=None)


def test_whatever_is_written_the_words_stay_few(account: Account) -> None:
    words = {intake.take(arf(b"Subject: x\r\n\r\nx", kind=f"t{n}"), None) for n in range(50)}
    assert words == {"feedback of another type"}
    assert intake.take(arf(b"Subject: x\r\n\r\nx", kind="fraud"), None) == "feedback 'fraud'"
    handler = Intake()
    for n in range(1000):
        handler._count(f"word {n}")
    assert len(handler.counted) == server.WORDS + 1 and handler.counted.total() == 1000


@pytest.mark.parametrize("token", [b"b" + b"a" * 48 + b"@x.example ", b"/c/" + b"A" * 60 + b" "])
def test_a_report_full_of_false_tokens_costs_a_bounded_number_of_tries(
    token: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    for name in ("read_verp", "read_click"):
        monkeypatch.setattr(signing, name, tried.append)  # None: none of ours
    body = b"\r\n".join([token * 12] * 1000)
    report = arf(b"Subject: x\r\nContent-Type: text/plain\r\n\r\n" + body)
    assert intake.take(report, None) == "complaint without our token"
    assert len(tried) == intake.TOKENS_TRIED


@pytest.mark.django_db(transaction=True)
def test_a_report_past_the_door_that_names_nobody_of_ours_is_counted_only() -> None:
    gone = signing.verp(uuid7(), HOST)
    assert handed_over(dsn(), [gone]) == {"bounce again": 1}
    forged = "b" + "a" * 48 + f"@{HOST}"
    assert handed_over(dsn(), [forged]) == {"no report": 1}
    assert not Event.objects.exists() and not Suppression.objects.exists()


def test_a_thousand_replays_are_one_event_and_one_suppression(account: Account) -> None:
    one = delivered_mail(account)
    words = [intake.take(dsn(), one.pk) for _ in range(1000)]
    assert words == ["bounce"] + ["bounce again"] * 999
    assert types(one) == ["bounced"] and Suppression.objects.of(account).count() == 1


def test_a_report_about_somebody_else_touches_only_whom_it_was_sent_to(account: Account) -> None:
    ours, stranger = delivered_mail(account, "a@far.example"), "victim@other.example"
    bystander = delivered_mail(account, stranger)
    assert intake.take(dsn(final=stranger), ours.pk) == "bounce"
    assert set(Suppression.objects.values_list("address", flat=True)) == {"a@far.example"}
    bystander.refresh_from_db()
    assert bystander.status == Status.DELIVERED and types(bystander) == []


def test_a_complaint_is_about_the_token_and_not_about_whom_it_names(account: Account) -> None:
    ours, bystander = (
        delivered_mail(account, "a@far.example"),
        delivered_mail(account, "victim@other.example"),
    )
    report = arf(reported(ours, "return-path"), rcpt="victim@other.example")
    assert intake.take(report, None) == "complaint"
    assert types(ours) == ["complained", "unsubscribed"] and types(bystander) == []
    assert Suppression.objects.of(account).get().address == "a@far.example"


def test_a_complaint_at_the_return_path_of_another_mail_is_about_that_one(account: Account) -> None:
    ours, named = delivered_mail(account, "a@far.example"), delivered_mail(account, "b@far.example")
    assert intake.take(arf(reported(named, "click")), ours.pk) == "complaint"
    assert types(named) == [] and types(ours) == ["complained", "unsubscribed"]


PROGRAMS = {
    "auto-replied": "From: a@far.example\r\nSubject: Re: your order\r\nAuto-Submitted: auto-replied\r\n\r\nI am away.\r\n",
    "generated": "From: desk@far.example\r\nSubject: [#77] Ticket opened\r\nAuto-Submitted: auto-generated\r\n\r\nWe got it.\r\n",
    "old mark": "From: a@far.example\r\nSubject: Away\r\nX-Autoreply: yes\r\nPrecedence: auto_reply\r\n\r\n550 5.1.1 no such user\r\n",
    "null sender": "From: a@far.example\r\nReturn-Path: <>\r\nSubject: Fuori ufficio\r\nAuto-Submitted: auto-replied\r\n\r\nSono assente.\r\n",
    "receipt": "From: a@far.example\r\nSubject: Read\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=disposition-notification; boundary=x\r\n\r\n--x\r\n\r\nread\r\n--x--\r\n",
    "challenge": "From: a@far.example\r\nSubject: Re: your order\r\n\r\nTo release your message for delivery, reply to this message.\r\n",
}  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_answers_is_counted_and_never_a_bounce(
    account: Account, program: str
) -> None:
    one = delivered_mail(account)
    assert intake.take(PROGRAMS[program].encode(), one.pk) == "auto-reply"
    one.refresh_from_db()
    assert one.status == Status.DELIVERED and types(one) == []
    assert not Suppression.objects.of(account).exists()


@pytest.mark.django_db(transaction=True)
def test_nothing_that_comes_back_is_ever_answered(account: Account) -> None:
    """A bounce of a bounce (MAIL FROM:<>), one with a sender, and a vacation make no mail."""
    one = delivered_mail(account)
    before = Message.objects.count()
    path = signing.verp(one.pk, HOST)
    double = dsn().replace(
        ORIGINAL, b"From: mailer-daemon@shop.example\r\nSubject: Undelivered\r\n"
    )
    for data, sender in (
        (double, None),
        (dsn(), "angry@far.example"),
        (PROGRAMS["auto-replied"].encode(), "a@far.example"),
        (arf(ORIGINAL, rcpt="a@far.example"), "fbl@far.example"),
    ):
        handed_over(data, [path], sender=sender)
    assert Message.objects.count() == before and not QueueRow.objects.exists()


def known(*categories: str) -> list[tuple[str, str]]:
    """Replies of the fixtures that have these categories."""
    lines = [
        line.split("\t", 2)
        for name in ("replies.tsv", "documented.tsv")
        for line in (BOUNCES / name).read_text("utf-8").splitlines()
        if not line.startswith("#")
    ]
    return [
        (category, f"{text} (in reply to {IN_REPLY_TO[stage]})" if stage in IN_REPLY_TO else text)
        for category, stage, text in lines
        if category in categories
    ]


def test_only_a_hard_bounce_suppresses_whatever_was_said(account: Account) -> None:
    one = delivered_mail(account)
    wanted = set()
    for number, (category, text) in enumerate(known("hard", "soft", "block")):
        address = f"r{number}@far.example"
        recipient = Recipient.objects.create(
            message=one.message, account=account, address=address, kind="to", status="delivered"
        )
        assert effects.bounced(recipient.pk, status="", diagnostic=text)
        if category == "hard":
            wanted.add(address)
    assert len(wanted) > 100
    assert set(Suppression.objects.of(account).values_list("address", flat=True)) == wanted


@pytest.mark.parametrize("reason", [r for r in Reason if CATEGORY[r] is Category.BLOCK])
def test_no_number_of_refusals_of_the_sender_wears_an_address_out(
    account: Account, reason: Reason
) -> None:
    assert reason not in WEARING
    for days_ago in (20, 12, 6, 0):
        mailed(account, days_ago, reason=str(reason))
    assert worn.suppress(NOW) == 0 and not Suppression.objects.of(account).exists()


@given(
    st.sampled_from([text for _, text in known("block")]),
    st.text(st.characters(codec="ascii", categories=["L", "Zs"]), max_size=40),
)
def test_a_refusal_of_the_sender_with_other_words_around_it_is_never_hard(
    said: str, around: str
) -> None:
    for text in (f"{said} {around}", f"{around}: {said}"):
        assert classify.report(diagnostic=text).category is not Category.HARD
