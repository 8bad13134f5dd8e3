"""Where a message was that is past its time, pages and API say so, to a stranger as to its owner."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.test import Client
from django.utils import timezone

from config.ids import uuid7, uuid7_floor
from tests.cast import Cast
from tests.transactional.api.conftest import STATUSES, Api, make_key
from tests.transactional.retention.aged import all_read, later, mail
from tests.transactional.test_contact_changes import make_contact
from tokens.models import User
from transactional import privacy, retention
from transactional.models import Message

pytestmark = pytest.mark.django_db


def gone() -> str:
    text = uuid7_floor(timezone.now() - timedelta(days=401)).hex[:12]
    return f"{text[:8]}-{text[8:]}-7000-8000-000000000001"


def test_a_message_past_its_time_is_told_apart_from_one_that_never_was(
    cast: Cast, signed_in: Callable[[User], Client]
) -> None:
    for user, account in ((cast.alice, cast.account), (cast.charlie, cast.other_account)):
        page = signed_in(user).get(f"/a/{account.pk}/messages/{gone()}/")
        assert page.status_code == 404
        assert "Messages are kept for 400 days" in page.content.decode()
        page = signed_in(user).get(f"/a/{account.pk}/messages/{uuid7()}/")
        assert page.status_code == 404
        assert "kept for" not in page.content.decode()
    page = signed_in(cast.charlie).get(f"/a/{cast.account.pk}/messages/{gone()}/")
    assert page.status_code == 404
    assert "kept for" not in page.content.decode()


def test_a_timeline_that_lost_its_beginning_says_so(
    cast: Cast, signed_in: Callable[[User], Client], settings: Any
) -> None:
    row = mail(cast.account)
    all_read()
    client = signed_in(cast.alice)
    address = f"/a/{cast.account.pk}/messages/{row.message_id}/"
    assert "no longer kept" not in client.get(address).content.decode()
    settings.KEEP_EVENTS_DAYS = 30
    retention.drop_old(later(70))
    assert Message.objects.filter(pk=row.message_id).exists()
    page = client.get(address)
    assert page.status_code == 200
    assert "are no longer kept." in page.content.decode()


def test_the_api_says_for_how_long_messages_are_kept(cast: Cast) -> None:
    api = Api(make_key(cast.account, "transactional-email"))
    old = gone()
    for address in (f"/api/v1/messages/{old}/explain", f"{STATUSES}/{old}"):
        answer = api("GET", address)
        assert answer.status_code == 404
        told = orjson.loads(answer.content)
        assert told["category"] == "OBJECT_NOT_FOUND"
        assert told["message"] == "Messages are kept for 400 days; this id is older."
        unknown = api("GET", address.replace(old, str(uuid7())))
        assert unknown.status_code == 404
        assert b"kept for" not in unknown.content


def test_a_person_is_told_and_erased_when_their_mail_is_past_its_time(cast: Cast) -> None:
    contact = make_contact(cast, "reader@far.example")
    mail(cast.account)
    all_read()
    assert len(orjson.loads(b"".join(privacy.told(contact)))["messages"]) == 1
    retention.run(later())
    told = orjson.loads(b"".join(privacy.told(contact)))
    assert told["contact"]["email"] == "reader@far.example"
    assert told["messages"] == []
    assert privacy.erase(cast.account.pk, contact.pk) == 0
