"""The share of TLS towards the large providers: counted, told on the dashboard and in the metrics."""

from datetime import UTC, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config import attention, metrics, urls
from tests.cast import Cast
from transactional import tls_share
from transactional.models import TlsCount

pytestmark = pytest.mark.django_db
assert urls.urlpatterns  # which sources are registered with


def count(mx: str, number: int, *, result: str = "", days: int = 0, domain: str = "x.test") -> None:
    day = timezone.now().astimezone(UTC).date() - timedelta(days=days)
    TlsCount.objects.create(
        day=day, domain=domain, policy="sts", mx=mx, source="1.1.1.1", result=result, count=number
    )


def told(account_id: int) -> list[str]:
    return [str(one.text) for one in attention.items(account_id) if one.code == "TLS_SHARE_LOW"]


def ratios() -> dict[str, float]:
    [found] = [one for one in metrics.collect() if one.name == "provider_tls_ratio"]
    return {labels["provider"]: value for labels, value in found.samples}


def test_below_ninety_nine_of_a_hundred_it_is_told(cast: Cast) -> None:
    count("gmail-smtp-in.l.google.com", 600, domain="gmail.com")
    count("aspmx.l.google.com", 390, days=1)
    count("aspmx.l.google.com", 10, result="starttls-not-supported")
    assert told(cast.account.pk) == [] and ratios() == {"google": 0.99}
    count("ASPMX.L.GOOGLE.COM", 1, result="certificate-expired")
    [text] = told(cast.account.pk)
    assert "98.9" in text and "Google" in text
    assert 0.98 < ratios()["google"] < 0.99


def test_few_tries_old_days_and_other_receivers_say_nothing(cast: Cast) -> None:
    count("mx-aol.mail.gm0.yahoodns.net", 99, result="starttls-not-supported")
    count("mx01.mail.icloud.com", 500, result="starttls-not-supported", days=2)
    count("mx.google.com.evil.test", 500, result="starttls-not-supported")
    assert told(cast.account.pk) == [] and ratios() == {}
    count("mta5.am0.yahoodns.net", 1, result="starttls-not-supported")
    [text] = told(cast.account.pk)
    assert "Yahoo" in text and ratios() == {"yahoo": 0.0}


def test_each_provider_is_told_once_by_one_query(cast: Cast) -> None:
    hosts = (
        "a.olc.protection.outlook.com",
        "b.mail.protection.outlook.com",
        "mx01.mail.icloud.com",
    )
    for number in range(5):
        for mx in hosts:
            count(mx, 100, result="validation-failure", domain=f"d{number}.test")
    assert len(told(cast.account.pk)) == 3
    with CaptureQueriesContext(
        connection,
    ) as asked:
        shares = tls_share.lately()
    assert len(asked) == 1
    assert [one.provider for one in shares] == ["apple", "microsoft", "microsoft-365"]
