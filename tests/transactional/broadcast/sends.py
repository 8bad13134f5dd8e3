"""Sends of the tests: an email that is published, and an audience."""

from typing import Any

from tests.cast import Cast, make_email
from tokens.auth import Principal
from transactional.broadcast import audience, control, run
from transactional.compose import versions
from transactional.models import Audience, Broadcast, BroadcastRow, Email, Recipient

HTML = (
    "<html><body><p>Hello {{ contact.firstname }}, order {{ custom.order_id }}</p>"
    '<a href="{{ unsubscribe_link }}">Leave</a>'
    "<p>Shop Ltd, 1 High Street, London W1A 1AA</p></body></html>"
)


def make_published(cast: Cast, **fields: Any) -> Email:
    email = make_email(cast.account, html=HTML, **fields)
    versions.publish(email, by="alice@shop.example")
    return email


def who(cast: Cast) -> Principal:
    return Principal(cast.account.pk, "user", cast.alice.pk, cast.alice.email)


def csv_file(count: int, prefix: str = "r") -> bytes:
    lines = [f"{prefix}{n}@far.example,A-{n},Name {n}" for n in range(count)]
    return "\n".join(["Email,Order,First name", *lines]).encode()


COLUMNS = ["@", "custom.order_id", "contact.firstname"]


def from_csv(cast: Cast, content: bytes, email: Email | None = None) -> Broadcast:
    made = control.begin(
        email or make_published(cast),
        who(cast),
        audience_kind=Audience.CSV,
        file_name="people.csv",
        content=content,
    )
    audience.write_file(made, COLUMNS)
    return made


def steps(broadcast: Broadcast, most: int = 100) -> int:
    """Take turns until there is nothing to do at once; how many did something."""
    for number in range(most):
        if not run.step(broadcast.pk):
            return number
    raise AssertionError("no end")


def outcome(broadcast: Broadcast, status: str, count: int = 10_000) -> None:
    """What became of messages that were queued until now, the first handed over first."""
    rows = BroadcastRow.objects.filter(broadcast=broadcast, state="queued").order_by("pk")
    messages = list(rows.values_list("message_id", flat=True)[:count])
    Recipient.objects.filter(message_id__in=messages).update(status=status)
