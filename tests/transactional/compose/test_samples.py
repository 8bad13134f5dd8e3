"""Sample data under a name, and data made from other data."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import PostinoError
from tests.cast import Cast, make_email
from tests.transactional.mail import delivered_mail
from transactional.compose import samples
from transactional.models import Contact, SampleSet

DATA: dict[str, Any] = {
    "contact": {"firstname": "Anna"},
    "custom": {"a/b": 1, "items": [{"n": 1.5, "ok": True}, {"n": None}], "none": []},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=12,
)


def test_sets_have_names_of_their_own(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    email, other = make_email(cast.account), make_email(cast.account)
    one = samples.create(email, name=" Empty\n cart", data={}, by="alice")
    assert one.name == "Empty cart"
    samples.create(other, name="Empty cart", data={}, by="alice")
    two = samples.create(email, name="20 items", data=DATA, by="alice")
    assert samples.listed(email) == [two, one]
    for act in (
        lambda: samples.create(email, name="20 items", data={}, by="a"),
        lambda: samples.save(one, name="20 items", data={}, by="a"),
        lambda: samples.create(email, name="", data={}, by="a"),
        lambda: samples.create(email, name="x" * 101, data={}, by="a"),
    ):
        with pytest.raises(PostinoError):
            act()
    monkeypatch.setattr(samples, "MOST", 2)
    with pytest.raises(PostinoError, match="delete some first"):
        samples.create(email, name="Third", data={}, by="a")
    assert SampleSet.objects.count() == 3


def test_lists_are_emptied_and_filled() -> None:
    assert samples.emptied(DATA)["custom"] == {"a/b": 1, "items": [], "none": []}
    many = samples.multiplied(DATA, 20)["custom"]
    assert len(many["items"]) == 20 and many["none"] == []
    assert many["items"][0] == many["items"][2] and many["items"][0] is not many["items"][2]


def test_fields_keep_what_a_value_is() -> None:
    typed = {
        "/custom/a~1b": "7", "/custom/items/0/n": "a lot", "/custom/items/0/ok": "false",
        "/contact/firstname": "5", "/custom/items/1/n": "", "/nowhere": "x",
    }  # fmt: skip
    made = samples.with_texts(DATA, typed)
    assert made["contact"] == {"firstname": "5"}
    assert made["custom"]["items"] == [{"n": "a lot", "ok": False}, {"n": None}]
    assert made["custom"]["a/b"] == 7


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_unchanged_fields_change_nothing(data: dict[str, Any]) -> None:
    texts = {at: samples.shown(value) for at, value in samples.leaves(data)}
    assert samples.with_texts(data, texts) == data


def test_a_contacts_and_a_past_messages_data(cast: Cast) -> None:
    email = make_email(cast.account, sample={"custom": {"order_id": "S"}})
    Contact.objects.create(account=cast.account, email="x@y.example", properties={"city": "Rome"})
    data = samples.of_contact(email, " X@y.example ")
    assert data == {
        "custom": {"order_id": "S"}, "contact": {"city": "Rome", "email": "x@y.example"},
    }  # fmt: skip
    assert samples.of_contact(make_email(cast.other_account), "x@y.example") is None
    delivered = delivered_mail(cast.account)
    assert samples.of_message(email, delivered.message_id) is None  # another email's
    assert samples.recent(email) == []
