"""What a webhook says of an event."""

import orjson
import pytest

from analytics.webhooks import payload
from tests.analytics.conftest import make_sent
from tests.cast import Cast
from transactional import events
from transactional.models import Event

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("said", [{}, {"machine": "privacy"}])
def test_an_open_says_where_it_is_a_machine_s_and_why(cast: Cast, said: dict[str, str]) -> None:
    sent = make_sent(cast.account)
    data = {"ip": "192.0.2.7", "user_agent": "Mozilla/5.0", **said}
    events.append([sent.happened("opened", data=data)])
    pk = Event.objects.get().pk
    details = orjson.loads(payload.shown(cast.account.pk, pk))["data"]["details"]
    assert details == {"ip": "192.0.2.7", "userAgent": "Mozilla/5.0", **said}
    assert payload.shown(cast.other_account.pk, pk) == ""
