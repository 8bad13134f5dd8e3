"""Double opt-in asked for by a program."""

from typing import Any

import pytest

from domains.models import Domain
from tests.cast import Cast
from tests.transactional.api.conftest import Api
from tests.transactional.test_subscriptions import make_type
from transactional.models import Contact, Message, OptInRequest

pytestmark = pytest.mark.django_db
PATH = "/api/v1/double-opt-ins"
ANN = "Ann@reader.example"


@pytest.fixture
def preferences(with_scopes: Any) -> Api:
    found: Api = with_scopes("communication_preferences.write")
    return found


def test_a_program_asks_and_the_person_waits(preferences: Api, cast: Cast) -> None:
    offers = make_type(cast.account)
    body = {"email": ANN, "subscriptionId": offers.pk, "language": "it"}
    answer = preferences("POST", PATH, body)
    assert (answer.status_code, answer.json()["status"]) == (202, "PENDING")
    assert Contact.objects.get().opt_in == "pending"
    assert Message.objects.get().subject == "Conferma la tua iscrizione"
    again = preferences("POST", f"{PATH}/", body)
    assert (again.status_code, again.json()["category"]) == (429, "RATE_LIMITS")
    assert again["Retry-After"] == "300"
    assert Message.objects.count() == 1


def test_what_is_wrong_is_told_and_nobody_is_asked(preferences: Api, cast: Cast, api: Api) -> None:
    offers, theirs = make_type(cast.account), make_type(cast.other_account)
    for body in (
        [], {}, {"email": "nobody", "subscriptionId": offers.pk}, {"email": ANN},
        {"email": ANN, "subscriptionId": theirs.pk},
        {"email": ANN, "subscriptionId": offers.pk, "language": "de"},
    ):  # fmt: skip
        assert preferences("POST", PATH, body).status_code == 400, body
    good = {"email": ANN, "subscriptionId": offers.pk}
    assert api("POST", PATH, good).status_code == 403
    Domain.objects.of(cast.account).update(verified_at=None)
    refused = preferences("POST", PATH, good)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (
        409, "NO_VERIFIED_DOMAIN",
    )  # fmt: skip
    assert not OptInRequest.objects.exists() and not Message.objects.exists()
