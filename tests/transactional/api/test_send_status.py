import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.transactional.api.conftest import STATUSES, Api
from tokens.models import Account
from transactional import suppressions
from transactional.models import DeliveryAttempt, Email, Recipient, Status, SuppressionReason


@pytest.fixture
def status_id(api: Api, email: Email) -> str:
    return str(api.send(email, message={"cc": ["carl@x.example"]}).json()["statusId"])


def tried(account: Account, status_id: str, *statuses: Status) -> None:
    """One attempt was made, and these are the recipients' statuses since."""
    rows = list(Recipient.objects.of(account).filter(message_id=status_id).order_by("id"))
    now = timezone.now()
    for row, status in zip(rows, statuses, strict=True):
        DeliveryAttempt.objects.create(
            message_id=row.message_id, recipient=row, account=account, number=1, at=now,
            duration_ms=5, stage="data",
        )  # fmt: skip
        Recipient.objects.filter(pk=row.pk).update(
            status=status, status_at=now + timedelta(seconds=1), reply="452 4.2.2 Full"
        )


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_fresh_send_is_pending(api: Api, status_id: str, slash: str) -> None:
    answer = api("GET", f"{STATUSES}/{status_id}{slash}")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["statusId"], body["status"]) == (status_id, "PENDING")
    assert uuid.UUID(body["eventId"]["id"])
    assert "completedAt" not in body
    assert "sendResult" not in body


def test_a_deferred_one_is_being_processed(api: Api, account: Account, status_id: str) -> None:
    tried(account, status_id, Status.DEFERRED, Status.DELIVERED)
    body = api("GET", f"{STATUSES}/{status_id}").json()
    assert (body["status"], body["sendResult"]) == ("PROCESSING", "QUEUED")
    assert body["message"] == "452 4.2.2 Full"
    assert "startedAt" in body
    assert "completedAt" not in body


@pytest.mark.parametrize(
    ("status", "word", "result"),
    [
        (Status.DELIVERED, "COMPLETE", "SENT"),
        (Status.BOUNCED, "COMPLETE", "UNDELIVERABLE"),
        (Status.EXPIRED, "COMPLETE", "UNDELIVERABLE"),
        (Status.UNCERTAIN, "PROCESSING", "QUEUED"),
        (Status.HELD, "PROCESSING", "QUEUED"),
    ],
)
def test_the_end_is_told(
    api: Api, account: Account, status_id: str, status: Status, word: str, result: str
) -> None:
    tried(account, status_id, status, Status.DELIVERED)
    body = api("GET", f"{STATUSES}/{status_id}").json()
    assert (body["status"], body["sendResult"]) == (word, result)
    assert ("completedAt" in body) is (word == "COMPLETE")
    assert ("message" in body) is (status != Status.DELIVERED)


def test_a_cancelled_one_says_so(api: Api, account: Account, status_id: str) -> None:
    rows = Recipient.objects.of(account).filter(message_id=status_id)
    rows.update(status=Status.CANCELLED)
    body = api("GET", f"{STATUSES}/{status_id}").json()
    assert (body["status"], body["sendResult"]) == ("CANCELED", "CAMPAIGN_CANCELLED")


def test_a_refused_one_is_complete_with_its_reason(api: Api, email: Email) -> None:
    sent = api.send(email, customProperties={}).json()
    body = api("GET", f"{STATUSES}/{sent['statusId']}").json()
    assert (body["status"], body["sendResult"]) == ("COMPLETE", "MISSING_TEMPLATE_PROPERTIES")
    assert body["message"] == sent["message"]
    assert body["eventId"].keys() == {"id", "created"}


def test_a_suppressed_recipient_is_told_by_its_reason(
    api: Api, email: Email, account: Account
) -> None:
    suppressions.add(account.pk, "anna@x.example", reason=SuppressionReason.HARD_BOUNCE)
    alone = api.send(email).json()
    assert alone["sendResult"] == "PREVIOUSLY_BOUNCED"
    sent = api.send(email, message={"cc": ["carl@x.example"]}).json()
    body = api("GET", f"{STATUSES}/{sent['statusId']}").json()
    assert (body["status"], body["sendResult"]) == ("PENDING", "PREVIOUSLY_BOUNCED")


@pytest.mark.parametrize(
    "wanted", ["cc359044-e71c-4f68-8c0f-393fe79e3185", "nonsense", "0", "%00", "é"]
)
def test_an_unknown_one_is_not_found(api: Api, wanted: str) -> None:
    answer = api("GET", f"{STATUSES}/{wanted}")
    assert (answer.status_code, answer.json()["category"]) == (404, "OBJECT_NOT_FOUND")


def test_a_stranger_gets_404(foreign: Api, status_id: str) -> None:
    answer = foreign("GET", f"{STATUSES}/{status_id}")
    assert answer.status_code == 404
    unknown = foreign("GET", f"{STATUSES}/{uuid.uuid4()}")
    assert answer.json()["message"] == unknown.json()["message"]
