"""What other people's servers write back, as the sandbox lets them: a DSN and a complaint."""

import secrets
from datetime import UTC, datetime

from transactional.sandbox.dns import SINK_HOST as HOST
from transactional.wire.arf import build_arf
from transactional.wire.dsn import DsnRecipient, build_dsn

DAEMON = f"mailer-daemon@{HOST}"
FEEDBACK = f"feedback@{HOST}"


def bounce(*, message: bytes, sender: str, recipient: str) -> bytes:
    """The report of a mailbox that does not exist, to the envelope sender.

    Raises HeaderError where an address is not ASCII, MimeError.
    """
    failed = DsnRecipient(
        final_recipient=recipient,
        action="failed",
        status="5.1.1",
        diagnostic=f"550 5.1.1 <{recipient}>: no such mailbox here",
    )
    return build_dsn(
        from_=DAEMON,
        to=sender,
        subject="Undelivered Mail Returned to Sender",
        date=datetime.now(UTC),
        message_id=f"<{secrets.token_hex(12)}@{HOST}>",
        boundary=f"report-{secrets.token_hex(12)}",
        reporting_mta=HOST,
        recipients=[failed],
        text=f"Your message could not be delivered.\n\n<{recipient}>: no such mailbox here\n",
        original=message,
    )


def complaint(*, message: bytes, sender: str, recipient: str, to: str) -> bytes:
    """The report of a reader who pressed "this is spam", as feedback loops send it.

    Raises HeaderError where an address is not ASCII, MimeError.
    """
    return build_arf(
        from_=FEEDBACK,
        to=to,
        subject="Abuse report",
        date=datetime.now(UTC),
        message_id=f"<{secrets.token_hex(12)}@{HOST}>",
        boundary=f"report-{secrets.token_hex(12)}",
        text="This is an abuse report about a message from your network.\n",
        original=message,
        user_agent="Sandbox-Feedback/1.0",
        original_mail_from=sender,
        original_rcpt_to=[recipient],
    )
