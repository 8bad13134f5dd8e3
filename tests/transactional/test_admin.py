"""The admin of every model of ours opens, finds by id, and lets nobody rewrite the log."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

import config.urls  # noqa: F401 — which loads the pages of the admin
from tests.cast import Cast
from tests.transactional.views.test_messages import make_message
from tokens.models import User
from transactional import suppressions
from transactional.models import Suppression, SuppressionChange, SuppressionReason

MODELS = [*apps.get_app_config("transactional").get_models(),
          *apps.get_app_config("analytics").get_models()]  # fmt: skip
LOG = ("message", "recipient", "deliveryattempt", "event", "body", "queuerow")


@pytest.fixture
def operator(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("ops@postino.example", "x"))
    return client


def path(model: Any) -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_model_has_a_list_that_opens(model: Any, cast: Cast, operator: Client) -> None:
    make_message(cast.account, "ann@reader.example")
    assert admin.site.is_registered(model)
    assert operator.get(path(model)).status_code == 200
    assert (
        operator.get(path(model), {"q": "0192f3a4-0000-7000-8000-00000000002a"}).status_code == 200
    )
    assert operator.get(path(model), {"q": "'; x"}).status_code == 200


def test_a_list_of_the_log_counts_no_further_than_it_shows(cast: Cast, operator: Client) -> None:
    make_message(cast.account, "ann@reader.example")
    for name in LOG:
        with CaptureQueriesContext(connection) as queries:
            answer = operator.get(f"/admin/transactional/{name}/")
        assert answer.status_code == 200
        texts = [query["sql"] for query in queries if f"transactional_{name}" in query["sql"]]
        assert texts and "LIMIT 5000" in texts[0]
        assert not any("COUNT(" in text for text in texts)


@pytest.mark.parametrize("name", LOG)
def test_the_log_is_only_read(name: str, cast: Cast, operator: Client) -> None:
    make_message(cast.account, "ann@reader.example")
    assert operator.get(f"/admin/transactional/{name}/add/").status_code == 403
    row = apps.get_model("transactional", name).objects.first()
    if row is not None:
        page = f"/admin/transactional/{name}/{row.pk}/"
        assert operator.get(f"{page}change/").status_code == 200
        assert operator.post(f"{page}change/", {"status": "bounced"}).status_code == 403
        assert operator.post(f"{page}delete/", {"post": "yes"}).status_code == 403


def test_a_suppression_deleted_by_an_operator_is_kept_as_a_change(
    cast: Cast, operator: Client
) -> None:
    for address in ("a@far.example", "b@far.example", "c@far.example"):
        suppressions.add(cast.account.pk, address, reason=SuppressionReason.HARD_BOUNCE)
    ids = list(Suppression.objects.order_by("address").values_list("pk", flat=True))
    operator.post(
        path(Suppression),
        {"action": "delete_selected", "_selected_action": ids[:2], "post": "yes"},
    )
    operator.post(f"{path(Suppression)}{ids[2]}/delete/", {"post": "yes"})
    assert not Suppression.objects.exists()
    changes = SuppressionChange.objects.of(cast.account)
    assert {(c.address, c.what, c.by) for c in changes} == {
        (f"{name}@far.example", "removed", "ops@postino.example") for name in "abc"
    }
