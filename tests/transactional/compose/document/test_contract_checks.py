"""The composer says what the contract leaves out, and which sample data does not keep it."""

import pytest

from tests.cast import Cast, make_email
from transactional.compose import samples
from transactional.compose.document import checks

pytestmark = pytest.mark.django_db
ORDER = {"name": "order_id", "type": "string", "required": True, "secret": False}
GONE = {"name": "gone", "type": "number", "required": False, "secret": False}


def told(cast: Cast, **fields: object) -> dict[str, str]:
    email = make_email(cast.account, sample={"custom": {"order_id": "A"}, "contact": {}}, **fields)
    samples.create(email, name="Empty", data={"custom": {"order_id": 7}}, by="a")
    return {one.code: one.message for one in checks.run(email)}


def test_without_a_contract_nothing_is_said(cast: Cast) -> None:
    assert not {"UNDECLARED", "UNUSED_VARIABLE", "SAMPLE_CONTRACT"} & told(cast).keys()


def test_what_is_missing_unused_or_wrong_is_named(cast: Cast) -> None:
    found = told(cast, contract=[ORDER, GONE], subject="{{ custom.order_id }} {{ custom.extra }}")
    assert "extra" in found["UNDECLARED"] and "gone" in found["UNUSED_VARIABLE"]
    assert "“Empty”" in found["SAMPLE_CONTRACT"] and "/order_id" in found["SAMPLE_CONTRACT"]


def test_what_is_optional_and_missing_renders_in_the_preview_too(cast: Cast) -> None:
    found = told(
        cast, contract=[ORDER, GONE], html="<p>{{ custom.gone }} {{ custom.order_id }}</p>"
    )
    assert "MISSING_TEMPLATE_PROPERTIES" not in found
