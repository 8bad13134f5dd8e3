"""What other people's servers write back, as the sandbox writes it: a DSN and an ARF report.

RFC 3464 (delivery status notification), RFC 5965 (abuse report). Built plainly and apart from
`wire`, so that what reads reports is tried on bytes it did not make itself.
"""

import secrets
from datetime import UTC, datetime
from email.utils import format_datetime

HOST = "mx.sandbox.test"
_HEAD_LIMIT = 65_536


def bounce(*, message: bytes, sender: str, recipient: str) -> bytes:
    """The DSN of a mailbox that does not exist, to the envelope sender."""
    status = (
        f"Reporting-MTA: dns; {HOST}\r\n"
        f"Arrival-Date: {_now()}\r\n"
        "\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\n"
        "Action: failed\r\n"
        "Status: 5.1.1\r\n"
        f"Diagnostic-Code: smtp; 550 5.1.1 <{recipient}>: no such mailbox here\r\n"
    )
    text = (
        "Your message could not be delivered.\r\n\r\n"
        f"<{recipient}>: 550 5.1.1 no such mailbox here\r\n"
    )
    return _report(
        kind="delivery-status",
        headers=(
            f"From: Mail Delivery System <mailer-daemon@{HOST}>\r\n"
            f"To: <{sender}>\r\n"
            "Subject: Undelivered Mail Returned to Sender\r\n"
            "Auto-Submitted: auto-replied\r\n"
        ),
        text=text,
        machine=status.encode(),
        last=("text/rfc822-headers", _headers_of(message)),
    )


def complaint(*, message: bytes, sender: str, recipient: str, to: str) -> bytes:
    """The ARF report of a reader who pressed "this is spam", as feedback loops send it."""
    feedback = (
        "Feedback-Type: abuse\r\n"
        "User-Agent: Sandbox-Feedback/1.0\r\n"
        "Version: 1\r\n"
        f"Original-Mail-From: <{sender}>\r\n"
        f"Original-Rcpt-To: <{recipient}>\r\n"
        f"Arrival-Date: {_now()}\r\n"
    )
    return _report(
        kind="feedback-report",
        headers=(
            f"From: Sandbox feedback loop <feedback@{HOST}>\r\n"
            f"To: <{to}>\r\n"
            "Subject: Abuse report\r\n"
        ),
        text="This is an abuse report about a message from your network.\r\n",
        machine=feedback.encode(),
        last=("message/rfc822", message),
    )


def _report(
    *, kind: str, headers: str, text: str, machine: bytes, last: tuple[str, bytes]
) -> bytes:
    boundary = f"sandbox-{secrets.token_hex(12)}"
    head = (
        f"{headers}"
        f"Date: {_now()}\r\n"
        f"Message-ID: <{secrets.token_hex(12)}@{HOST}>\r\n"
        "MIME-Version: 1.0\r\n"
        f"Content-Type: multipart/report; report-type={kind};\r\n"
        f'\tboundary="{boundary}"\r\n'
        "\r\n"
    )
    content_type, content = last
    parts = (
        ("text/plain; charset=utf-8", text.encode()),
        (f"message/{kind}", machine),
        (content_type, content),
    )
    body = b"".join(
        f"--{boundary}\r\nContent-Type: {name}\r\n\r\n".encode() + part + b"\r\n"
        for name, part in parts
    )
    return head.encode() + body + f"--{boundary}--\r\n".encode()


def _headers_of(message: bytes) -> bytes:
    end = message.find(b"\r\n\r\n", 0, _HEAD_LIMIT)
    return message[: end + 2] if end >= 0 else message[:_HEAD_LIMIT]


def _now() -> str:
    return format_datetime(datetime.now(UTC))
