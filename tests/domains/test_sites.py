"""What counts as one site."""

import pytest

from domains.sites import LONGEST, NOWHERE, Site, site


@pytest.mark.parametrize(
    ("hosts", "key", "provider"),
    [
        (["gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com"], "google", "google"),
        (["aspmx.l.google.com", "aspmx2.googlemail.com"], "google", "google"),
        (["smtp.google.com"], "google", "google"),
        (["mta5.am0.yahoodns.net"], "yahoo", "yahoo"),
        (["outlook-com.olc.protection.outlook.com"], "microsoft", "microsoft"),
        (["shop-example.mail.protection.outlook.com"], "microsoft-365", "microsoft-365"),
        (["mx01.mail.icloud.com", "mx02.mail.icloud.com."], "apple", "apple"),
        (["mx.shop.test"], "mx.shop.test", ""),
        (["MX2.shop.test", "mx1.shop.test"], "(mx1|mx2).shop.test", ""),
        (["shop.test", "mx.shop.test"], "(mx.shop|shop).test", ""),
        (["a.one.test", "b.two.example"], "(a.one.test|b.two.example)", ""),
        # One exchanger of a provider among others is no provider's site
        (["mx.shop.test", "aspmx.l.google.com"], "(aspmx.l.google.com|mx.shop.test)", ""),
        (["notgoogle.com"], "notgoogle.com", ""),
    ],
)
def test_the_key_of_a_set(hosts: list[str], key: str, provider: str) -> None:
    assert site(hosts) == site(list(reversed(hosts))) == Site(key, provider)


def test_a_large_set_keeps_its_key_short_and_its_own() -> None:
    many = [f"mx{i}.mail-servers.test" for i in range(100)]
    one, other = site(many), site(many[1:])
    assert one.key != other.key and max(len(one.key), len(other.key)) <= LONGEST
    assert one.key.endswith(".mail-servers.test")


def test_no_hosts_are_no_site() -> None:
    assert site([]) == NOWHERE
