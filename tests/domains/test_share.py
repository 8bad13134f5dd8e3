"""Links to a domain's records: what they open, for how long, and nothing that was altered."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains import share
from domains.models import Domain
from tests.cast import Cast

NOW = datetime(2026, 5, 4, 13, 30, tzinfo=UTC)
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture
def domain(cast: Cast) -> Domain:
    return Domain.objects.of(cast.account).get()


def test_a_link_opens_its_domain_for_two_weeks(domain: Domain) -> None:
    ends = share.ending(NOW)
    assert timedelta(days=14) <= ends - NOW <= timedelta(days=15)
    assert share.ending(NOW + timedelta(hours=3)) == ends
    text = share.token(domain, ends=ends)
    assert len(text) == share.LENGTH
    opened = share.read(text, now=NOW)
    assert opened == share.Shared(domain, ends, ended=False)
    assert share.read(text, now=ends - timedelta(seconds=1)).ended is False  # type: ignore[union-attr]
    assert share.read(text, now=ends).ended is True  # type: ignore[union-attr]


def test_a_disconnected_domain_ends_its_links(domain: Domain) -> None:
    text = share.token(domain, ends=share.ending(NOW))
    domain.delete()
    assert share.read(text, now=NOW) is None


def test_no_octet_may_be_changed(domain: Domain, cast: Cast) -> None:
    text = share.token(domain, ends=share.ending(NOW))
    octets = base64.urlsafe_b64decode(text)
    for at in range(len(octets)):
        altered = octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]
        assert share.read(base64.urlsafe_b64encode(altered).decode(), now=NOW) is None
    other = Domain.objects.of(cast.other_account).get()
    assert share.token(other, ends=share.ending(NOW)) != text


@given(st.one_of(st.text(max_size=80), st.text(BASE64URL, min_size=52, max_size=52)))
def test_nonsense_opens_nothing(text: str) -> None:
    assert share.read(text, now=NOW) is None
