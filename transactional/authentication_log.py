"""What our own log says of how receivers take a domain's authentication."""

from datetime import datetime

from config.ids import uuid7_floor
from domains.coach import OwnLog
from transactional import classify
from transactional.models import Message, Recipient, Status

SAMPLE = 5_000  # newest messages of an account looked at: bounds what the coach's page costs
REPLIES = 500  # refusals of these that are read


def own_log(account_id: int, from_domain: str, *, since: datetime) -> OwnLog:
    """How much of the account's newest mail is a domain's, and how many of its copies a receiver
    refused for want of authentication.
    """
    floor = uuid7_floor(since)
    newest = Message.objects.of(account_id).filter(pk__gte=floor, refusal="").order_by("-pk")
    found = newest.values_list("pk", "from_domain")[:SAMPLE]
    ids = [pk for pk, domain in found if domain == from_domain]
    replies = (
        Recipient.objects.of(account_id)
        .filter(pk__gte=floor, message_id__in=ids, status=Status.BOUNCED)
        .values_list("reply", flat=True)[:REPLIES]
    )
    reasons = [classify.report(diagnostic=reply).reason for reply in replies]
    return OwnLog(len(ids), reasons.count(classify.Reason.AUTH_FAILURE))
