"""A click becomes a number: from the door to the performance page, by the real parts."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from analytics import engagement, machines
from analytics.tasks import fold, record_engagement
from tests.cast import PASSWORD, make_account, make_email, make_user
from tokens.auth import Principal
from transactional import events
from transactional.compose import versions
from transactional.compose.build import instrument
from transactional.compose.render import render
from transactional.events import NewEvent
from transactional.models import Event, Recipient, Source
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, TemplateSubmission

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0"


@pytest.mark.django_db(transaction=True)
def test_an_open_and_a_click_are_a_hundred_percent(spool_dir: Path) -> None:
    account = make_account("Shop", domain="shop.example", address="127.0.0.30")
    alice = make_user("alice@shop.example", account)
    email = make_email(account)
    version = versions.publish(email, by=alice.email)
    who = Principal(account.pk, "user", alice.pk, alice.email)
    custom: dict[str, Any] = {"order_id": "A-7?x=1&y=ü"}
    (answer,) = accept_many(
        [
            TemplateSubmission(
                principal=who, source=Source.APP, email_id=email.pk, to="ann@reader.example",
                contact_properties={"firstname": "Ann"}, custom=custom,
            )
        ]
    )  # fmt: skip
    assert isinstance(answer, Accepted)
    recipient = Recipient.objects.of(account).get()
    events.append(
        [
            NewEvent(
                account_id=account.pk, message_id=answer.message_id, recipient_id=recipient.pk,
                campaign_id=email.campaign_id, type="delivered", at=answer.created_at,
            )
        ]
    )  # fmt: skip
    context = {"contact": {"firstname": "Ann"}, "custom": custom}
    html = instrument(render(version, context).html, recipient.pk, "https://t1.shop.example")

    reader = Client(HTTP_HOST="t1.shop.example", HTTP_USER_AGENT=CHROME)
    (pixel,) = re.findall(r'src="https://t1\.shop\.example(/o/[^"]+\.gif)"', html)
    (link,) = re.findall(r'href="https://t1\.shop\.example(/c/[^"]+)"', html)
    for _ in range(3):
        assert reader.get(pixel).status_code == 200
    assert reader.get(link)["Location"] == "https://shop.example/o/A-7?x=1&y=%C3%BC"
    record_engagement()
    assert not Event.objects.filter(type="opened").exists()  # judged when the moment is over
    engagement.ingest(datetime.now(UTC) + 2 * machines.SETTLED)
    fold()

    member = Client()
    member.login(username=alice.email, password=PASSWORD)
    page = member.get(f"/a/{account.pk}/emails/{email.pk}/performance/").content.decode()
    shown = dict(re.findall(r'data-metric="(\w+)">([^<]*)<', page))
    assert {name: shown[name] for name in ("sent", "delivered", "opens", "clicks")} == {
        "sent": "1", "delivered": "1", "opens": "1", "clicks": "1",
    }  # fmt: skip
    assert shown["openratio"] == shown["clickratio"] == shown["deliveredratio"] == "100 %"
    told = member.get(f"/a/{account.pk}/messages/{answer.message_id}/").content.decode()
    assert told.count("Opened") == 3 and told.count("Clicked") == 1
