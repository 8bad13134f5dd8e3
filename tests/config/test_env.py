"""Settings that would only fail later are refused with their name."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KEEP_BODIES_DAYS", "13"),
        ("KEEP_MESSAGES_DAYS", "-1"),
        ("KEEP_EVENTS_DAYS", "1"),
        ("KEEP_SEND_IDS_DAYS", "13"),
        ("KEEP_BODIES_DAYS", "500"),
        ("KEEP_BODIES_DAYS", "0"),
        ("LOG_PARTITIONS", "week"),
    ],
)
def test_mail_is_kept_long_enough_and_content_no_longer_than_its_message(
    name: str, value: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=name):
        env.read({name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COMPLAINT_PAUSE_PERCENT", "-0.1"),
        ("COMPLAINT_PAUSE_PERCENT", "101"),
        ("COMPLAINT_PAUSE_DELIVERED", "0"),
    ],
)
def test_a_rate_of_complaints_is_in_per_cent_and_of_something(name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=name):
        env.read({name: value})


def test_what_is_kept_for_ever_may_be() -> None:
    for_ever = {"KEEP_BODIES_DAYS": "0", "KEEP_MESSAGES_DAYS": "0", "KEEP_EVENTS_DAYS": "0"}
    assert env.read(for_ever)["KEEP_BODIES_DAYS"] == 0


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ({}, True),
        ({"EGRESS_TIMEOUT": "30"}, True),
        ({"EGRESS_DOT_TIMEOUT": "900"}, True),
        ({"EGRESS_DOT_TIMEOUT": "300"}, False),
        ({"EGRESS_DOT_TIMEOUT": "40", "RETRY_SCALE": "0.5"}, True),  # tests, whose waits are short
        ({"EGRESS_DOT_TIMEOUT": "0", "RETRY_SCALE": "0.5"}, False),
    ],
)
def test_the_answer_to_a_whole_message_is_waited_for_as_long_as_the_rfc_says(
    given: dict[str, str], fits: bool
) -> None:
    if not fits:
        with pytest.raises(ImproperlyConfigured, match="EGRESS_DOT_TIMEOUT"):
            env.read(given)
        return
    wanted = float(given.get("EGRESS_DOT_TIMEOUT", 600))
    assert env.read(given)["EGRESS_DOT_TIMEOUT"] == wanted


def test_where_inbound_is_reached_is_named_by_address() -> None:
    found = env.read({"INBOUND_ADDRESSES": "192.0.2.7,2001:db8::7"})
    assert found["INBOUND_ADDRESSES"] == ["192.0.2.7", "2001:db8::7"]
    with pytest.raises(ImproperlyConfigured, match="INBOUND_ADDRESSES"):
        env.read({"INBOUND_ADDRESSES": "mx.example.com"})
