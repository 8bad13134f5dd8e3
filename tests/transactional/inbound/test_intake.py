import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from config.ids import uuid7_floor
from domains.models import EgressSource, WarmupDay
from tests.transactional.mail import delivered_mail
from tokens.models import Account, Scope
from transactional import signing, suppressions
from transactional.inbound import effects, intake
from transactional.models import (
    Contact,
    DeliveryAttempt,
    Event,
    EventType,
    Kind,
    Recipient,
    Status,
    Suppression,
)
from transactional.wire.arf import build_arf
from transactional.wire.dsn import DsnRecipient, build_dsn

ORIGINAL = b"From: a@shop.example\r\nTo: reader@far.example\r\n\r\nhello\r\n"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def dsn(
    action: str = "failed", status: str = "5.1.1", diagnostic: str = "550 5.1.1 no", **more: str
) -> bytes:
    return build_dsn(
        from_="mailer-daemon@far.example",
        to="x@b1.shop.example",
        subject="Undelivered",
        date=NOW,
        message_id=more.pop("message_id", "<r1@far.example>"),
        boundary="bound",
        reporting_mta="far.example",
        recipients=[
            DsnRecipient(
                final_recipient=more.pop("final", "reader@far.example"),
                action=action,
                status=status,
                diagnostic=diagnostic,
            )
        ],
        text="It failed.",
        original=ORIGINAL,
    )


def arf(original: bytes, *, mail_from: str = "", kind: str = "abuse", rcpt: str = "") -> bytes:
    return build_arf(
        from_="fbl@far.example",
        to="fbl@mx.example",
        subject="Abuse",
        date=NOW,
        message_id="<f1@far.example>",
        boundary="bound",
        text="A complaint.",
        original=original,
        feedback_type=kind,
        original_mail_from=mail_from,
        original_rcpt_to=[rcpt] if rcpt else [],
    )


def types(recipient: Recipient) -> list[str]:
    events = Event.objects.filter(recipient_id=recipient.pk).order_by("id")
    return sorted(events.values_list("type", flat=True))


def test_a_hard_bounce_ends_the_recipient_and_suppresses_its_address(account: Account) -> None:
    one = delivered_mail(account, "Reader@far.example")
    assert intake.take(dsn(), one.pk) == "bounce"
    one.refresh_from_db()
    assert one.status == Status.BOUNCED
    assert "550 5.1.1 no" in one.reply
    event = Event.objects.get(recipient_id=one.pk)
    assert (event.type, event.data["category"]) == (EventType.BOUNCED, "hard")
    assert event.campaign_id == one.message.campaign_id
    row = Suppression.objects.of(account).get()
    assert (row.address, row.scope, row.recipient_id) == ("reader@far.example", Scope.ALL, one.pk)


def test_the_account_decides_how_far_a_hard_bounce_reaches(account: Account) -> None:
    account.hard_bounce_scope = Scope.MARKETING
    account.save()
    intake.take(dsn(), delivered_mail(account).pk)
    assert Suppression.objects.of(account).get().scope == Scope.MARKETING


@pytest.mark.parametrize(
    ("status", "diagnostic", "category"),
    [("5.2.2", "552 5.2.2 full", "soft"), ("5.7.1", "550 5.7.1 spam", "block")],
)
def test_a_soft_or_blocked_bounce_suppresses_nothing(
    account: Account, status: str, diagnostic: str, category: str
) -> None:
    one = delivered_mail(account)
    assert intake.take(dsn(status=status, diagnostic=diagnostic), one.pk) == "bounce"
    assert Event.objects.get(recipient_id=one.pk).data["category"] == category
    assert not Suppression.objects.of(account).exists()


@pytest.mark.parametrize(
    ("said", "category", "suppressed"),
    [
        ("550 5.1.1 <reader@far.example>... User unknown", "hard", True),
        ("The recipient's mailbox is full", "soft", False),
        ("554 5.7.1 Client host [192.0.2.9] blocked using a list", "block", False),
    ],
)
def test_a_bounce_of_no_standard_form_counts_the_same(
    account: Account, said: str, category: str, suppressed: bool
) -> None:
    one = delivered_mail(account)
    raw = (
        "From: MAILER-DAEMON@far.example\r\nSubject: failure notice\r\n\r\n"
        "I wasn't able to deliver your message.\r\n\r\n<reader@far.example>:\r\n"
        f"{said}\r\n\r\n--- Below this line is a copy of the message.\r\n"
    )
    assert intake.take(raw.encode(), one.pk) == "bounce"
    assert Event.objects.get(recipient_id=one.pk).data["category"] == category
    assert Suppression.objects.of(account).exists() is suppressed


def test_the_same_bounce_a_thousand_times_is_one_event(account: Account) -> None:
    one = delivered_mail(account)
    words = [intake.take(dsn(), one.pk) for _ in range(20)]
    assert words == ["bounce"] + ["bounce again"] * 19
    assert types(one) == ["bounced"]
    assert Suppression.objects.of(account).count() == 1


def test_a_bounce_may_overtake_our_own_record_of_the_delivery(account: Account) -> None:
    one = delivered_mail(account, status=Status.QUEUED)
    assert intake.take(dsn(), one.pk) == "bounce"
    one.refresh_from_db()
    assert one.status == Status.BOUNCED


def test_whom_a_bounce_is_about_is_told_by_its_return_path_alone(account: Account) -> None:
    one, other = (
        delivered_mail(account, "one@far.example"),
        delivered_mail(account, "two@far.example"),
    )
    intake.take(dsn(final="two@far.example"), one.pk)
    other.refresh_from_db()
    assert other.status == Status.DELIVERED
    assert Suppression.objects.of(account).get().address == "one@far.example"


def test_a_delay_is_told_once_per_report_and_changes_nothing(account: Account) -> None:
    one = delivered_mail(account)
    late = dsn("delayed", "4.4.1", "no answer")
    assert [intake.take(late, one.pk) for _ in range(3)] == ["delay", "delay again", "delay again"]
    assert (
        intake.take(dsn("delayed", "4.4.1", "x", message_id="<r2@far.example>"), one.pk) == "delay"
    )
    assert types(one) == ["deferred", "deferred"]
    one.refresh_from_db()
    assert one.status == Status.DELIVERED


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_good_news_changes_nothing(account: Account, action: str) -> None:
    one = delivered_mail(account)
    assert intake.take(dsn(action, "2.0.0", ""), one.pk) == "notice of success"
    assert types(one) == []


def test_an_auto_reply_is_no_bounce(account: Account) -> None:
    one = delivered_mail(account)
    vacation = (
        b"From: r@far.example\r\nSubject: Away\r\nAuto-Submitted: auto-replied\r\n\r\n550 5.1.1\r\n"
    )
    assert intake.take(vacation, one.pk) == "auto-reply"
    assert intake.take(b"Subject: hi\r\n\r\nthanks\r\n", one.pk) == "no report"
    assert types(one) == []


def test_a_report_older_than_a_month_is_not_acted_on(account: Account) -> None:
    old = uuid.UUID(int=uuid7_floor(datetime.now(UTC) - timedelta(days=31)).int | 7 << 76 | 2 << 62)
    assert intake.take(dsn(), old) == "stale"
    assert not Suppression.objects.of(account).exists()


def test_a_bounce_of_mail_we_do_not_have_changes_nothing(account: Account) -> None:
    gone = delivered_mail(account)
    gone_id = gone.pk
    gone.delete()
    assert intake.take(dsn(), gone_id) == "bounce again"
    assert not Event.objects.exists() and not Suppression.objects.exists()


def reported(recipient: Recipient, how: str) -> bytes:
    """The mail complained about, as a feedback loop may have left it: one token of ours in it."""
    base = "https://t1.shop.example"
    link = {
        "return-path": "",
        "click": signing.click_url(base, recipient.pk, 0, "https://shop.example/"),
        "open": signing.pixel_url(base, recipient.pk),
        "unsubscribe": signing.unsubscribe_url(base, recipient.pk),
    }[how]
    path = signing.verp(recipient.pk, "b1.shop.example") if how == "return-path" else "redacted@x"
    soft = f'<a href=3D"{link}">x</a>'.replace("/", "/=\r\n", 3)  # quoted-printable, lines broken
    return (
        f"Return-Path: <{path}>\r\nFrom: a@shop.example\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n"
        f"\r\n{soft}\r\n"
    ).encode()


@pytest.mark.parametrize("how", ["return-path", "click", "open", "unsubscribe"])
def test_a_complaint_writes_a_spam_report_and_an_unsubscribe(account: Account, how: str) -> None:
    one = delivered_mail(account)
    assert intake.take(arf(reported(one, how)), None) == "complaint"
    assert types(one) == ["complained", "unsubscribed"]
    contact = Contact.objects.of(account).get(email="reader@far.example")
    assert contact.unsubscribed_at is not None
    row = Suppression.objects.of(account).get()
    assert (row.reason, row.scope) == ("complaint", Scope.MARKETING)
    found = suppressions.find([(account.pk, "reader@far.example")])[
        account.pk, "reader@far.example"
    ]
    assert found.stops(Kind.MARKETING) and not found.stops(Kind.TRANSACTIONAL)
    one.refresh_from_db()
    assert one.status == Status.DELIVERED
    assert intake.take(arf(reported(one, how)), None) == "again"
    assert types(one) == ["complained", "unsubscribed"]


def test_the_account_decides_how_far_a_complaint_reaches(account: Account) -> None:
    account.complaint_scope = Scope.ALL
    account.save()
    one = delivered_mail(account)
    intake.take(arf(ORIGINAL, mail_from=signing.verp(one.pk, "b1.shop.example")), None)
    assert Suppression.objects.of(account).get().scope == Scope.ALL


def test_a_complaint_that_only_names_an_address_is_counted_and_no_more(account: Account) -> None:
    one = delivered_mail(account)
    forged = signing.verp(one.pk, "b1.shop.example")
    forged = ("ba" if forged[1] != "a" else "bb") + forged[2:]
    for report in (
        arf(ORIGINAL, rcpt="reader@far.example"),
        arf(ORIGINAL, mail_from=forged, rcpt="reader@far.example"),
    ):
        assert intake.take(report, None) == "complaint without our token"
    assert not Contact.objects.exists() and not Suppression.objects.exists()
    assert types(one) == []


def test_an_opt_out_unsubscribes_and_is_no_complaint(account: Account) -> None:
    one = delivered_mail(account)
    report = arf(reported(one, "return-path"), kind="opt-out")
    assert [intake.take(report, None) for _ in range(2)] == ["opt-out", "again"]
    assert types(one) == ["unsubscribed"]
    assert Contact.objects.of(account).get().unsubscribed_at is not None
    assert not Suppression.objects.of(account).exists()
    other = delivered_mail(account, "other@far.example")
    for kind in ("auth-failure", "fraud", "virus"):
        assert intake.take(arf(reported(other, "open"), kind=kind), None) == f"feedback {kind!r}"
    assert types(other) == []


def test_only_abuse_is_a_complaint(account: Account) -> None:
    one = delivered_mail(account)
    praise = arf(reported(one, "return-path"), kind="not-spam")
    assert intake.take(praise, None) == "feedback 'not-spam'"
    assert types(one) == []


def test_an_event_that_is_told_once_has_an_id_of_the_recipients_own_month(account: Account) -> None:
    one = delivered_mail(account)
    made = {effects.told_once(one.pk, what) for what in ("a", "a", "b")}
    assert len(made) == 2
    for event_id in made:
        assert event_id.version == 7 and event_id.variant == uuid.RFC_4122
        assert event_id.int >> 80 == one.pk.int >> 80


@pytest.mark.parametrize(
    "junk", [b"", b"\0", b"\r\n\r\n", b"Content-Type: multipart/report\r\n\r\n--", b"\xff" * 9000]
)
def test_junk_is_counted(account: Account, junk: bytes) -> None:
    assert intake.take(junk, delivered_mail(account).pk) == "no report"
    assert intake.take(junk, None) == "no report"


def test_a_complaint_is_told_to_the_warm_up_of_the_ip_it_left_from(account: Account) -> None:
    source = EgressSource.objects.of(account).get()
    EgressSource.objects.filter(pk=source.pk).update(warm_up=True)
    one = delivered_mail(account)
    Recipient.objects.filter(pk=one.pk).update(source_id=source.pk)
    DeliveryAttempt.objects.create(
        message_id=one.message_id,
        recipient_id=one.pk,
        account=account,
        number=1,
        at=timezone.now(),
        duration_ms=5,
        host="mx-eu.mail.am0.yahoodns.net",
        stage="dot",
    )
    for _ in range(2):  # the same report twice is one complaint
        intake.take(arf(reported(one, "click")), None)
    day = WarmupDay.objects.get()
    assert (day.provider, day.complaints) == ("yahoo", 1)
