"""Mail that was sent, refused, bounced, opened and counted: what the pages of numbers show."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from analytics.models import CampaignDay
from config.ids import uuid7
from tests.cast import Cast
from tokens.models import SmtpCredential
from transactional import events
from transactional.events import NewEvent
from transactional.models import Campaign, DeliveryAttempt, Email, Message, Recipient

TRANSCRIPT = (
    "S: 220 mx.cliente.example ESMTP\nC: EHLO mail.shop.example\nS: 250-mx.cliente.example\n"
    "S: 250 PIPELINING\nC: MAIL FROM:<bagpmdsw3tspu4j4jori5vki4gtdah2f3h3qhkyp4p5ncghtl@b1.shop."
    "example>\nS: 250 2.1.0 OK\nC: RCPT TO:<anna@cliente.example>\nS: 451 4.7.1 Try again later"
)
DECISIONS = [
    {
        "step": "route",
        "code": "mx",
        "data": {"site": "cliente.example", "hosts": ["mx.cliente.example"]},
    },
    {"step": "shaping", "code": "waited", "data": {"why": "site_busy cliente.example"}},
    {
        "step": "source",
        "code": "spilled",
        "data": {
            "address": "192.0.2.7",
            "used_up": ["192.0.2.8"],
            "others": [
                {"address": "192.0.2.8", "code": "used_up"},
                {"address": "192.0.2.9", "code": "paused"},
                {"address": "2001:db8:85a3:8d3:1319:8a2e:370:7348", "code": "other_family"},
                {
                    "address": "192.0.2.10",
                    "code": "waits_for_dns",
                    "data": {"finding": {"code": "timeout", "host": "m10.shop.example"}},
                },
            ],
        },
    },
    {"step": "tls", "code": "opportunistic", "data": {"host": "mx.cliente.example"}},
    {
        "step": "retry",
        "code": "greylisted",
        "data": {"due": "2026-11-25T20:10:00+00:00", "tries": 1},
    },
]


@dataclass(frozen=True)
class Mail:
    sent: Message
    refused: Message
    recipient: Recipient
    token: SmtpCredential


def make_mail(cast: Cast, email: Email) -> Mail:
    sent = _message(cast, email.campaign, "Your order A-1042")
    anna = _recipient(cast, sent, "anna@cliente.example", "delivered", "250 2.0.0 OK queued")
    _recipient(cast, sent, "a.very.long.mailbox.name@a-long-host-name.cliente.example", "deferred")
    _recipient(cast, sent, "ben@cliente.example", "bounced", "550 5.1.1 No such user")
    _recipient(cast, sent, "cem@cliente.example", "queued")
    for number, reply in ((1, "451 4.7.1 Try again later"), (2, "250 2.0.0 OK queued")):
        DeliveryAttempt.objects.create(
            message=sent, recipient=anna, account=cast.account, number=number, at=timezone.now(),
            duration_ms=84, host="mx.cliente.example", address="192.0.2.1:25", tls="TLSv1.3",
            stage="rcpt", code=int(reply[:3]), reply=reply, transcript=TRANSCRIPT,
            decisions=DECISIONS,
        )  # fmt: skip
    for kind, data in (
        ("accepted", {}),
        ("deferred", {"response": "451 4.7.1 Try again later"}),
        ("delivered", {"response": "250 2.0.0 OK queued"}),
        ("opened", {"ip": "2001:db8::7", "user_agent": "Mozilla/5.0 (X11; Linux x86_64)"}),
        ("opened", {"ip": "192.0.2.7", "user_agent": "Mozilla/5.0", "machine": "privacy"}),
        ("clicked", {"url": "https://shop.example/o/A-1042?" + "utm=1&" * 30}),
        ("clicked", {"url": "https://shop.example/o/A-1042", "machine": "burst"}),
    ):
        _happened(sent, kind, data, anna)
    Message.objects.filter(pk=sent.pk).update(
        labels={"sendId": "order-1042", "metadata": {"order": "1042", "a" * 40: "b" * 500}}
    )
    refused = _message(cast, email.campaign, "", refusal="PREVIOUSLY_BOUNCED")
    _happened(refused, "dropped", {"to": ["dan@cliente.example"]}, None)
    for day in range(9):
        CampaignDay.objects.create(
            account=cast.account, campaign=email.campaign,
            day=timezone.now().date() - timedelta(days=day * 2), sent=1200 - 90 * day,
            delivered=1100 - 90 * day, opens=700 - 50 * day, clicks=200 - 20 * day, bounced=12,
        )  # fmt: skip
    token = SmtpCredential.objects.create(
        account=cast.account, username="x7k2@1.smtp", secret_hash=b"-", campaign_name="Web shop",
        created_by="alice@shop.example", deleted_at=timezone.now(),
    )  # fmt: skip
    Campaign.objects.create(account=cast.account, name="Web shop", smtp_credential=token)
    return Mail(sent, refused, anna, token)


def _message(cast: Cast, campaign: Campaign, subject: str, *, refusal: str = "") -> Message:
    message: Message = Message.objects.create(
        id=uuid7(), account=cast.account, campaign=campaign, kind="transactional", source="api",
        credential="api:1", from_address="orders@shop.example", from_domain="shop.example",
        subject=subject, message_id=f"{uuid7().hex}@shop.example", refusal=refusal,
        refusal_text="dan@cliente.example is suppressed." if refusal else "",
    )  # fmt: skip
    return message


def _recipient(
    cast: Cast, message: Message, address: str, status: str, reply: str = ""
) -> Recipient:
    recipient: Recipient = Recipient.objects.create(
        id=uuid7(), message=message, account=cast.account, address=address, kind="to",
        status=status, reply=reply, attempts=1,
    )  # fmt: skip
    return recipient


def _happened(
    message: Message, kind: str, data: dict[str, object], recipient: Recipient | None
) -> None:
    event = NewEvent(
        account_id=message.account_id, message_id=message.pk,
        recipient_id=recipient.pk if recipient else None, campaign_id=message.campaign_id,
        type=kind, at=timezone.now(), data=data,
    )  # fmt: skip
    events.append([event])
