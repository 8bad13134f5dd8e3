"""Which addresses are of the public internet: the registries' special ones, and those with one inside."""

import ipaddress

import pytest

from config.addresses import in_nets, is_public

PRIVATE = (
    # IANA's IPv4 registry of special-purpose addresses, a host of each block
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.0.0.8", "192.0.0.9", "192.0.0.170", "192.0.2.1", "192.31.196.1",
    "192.52.193.1", "192.88.99.1", "192.168.0.1", "192.175.48.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    # and IPv6's
    "::", "::1", "64:ff9b:1::a00:1", "64:ff9b:1:ffff::808:808", "100::1", "100:0:0:1::1", "2001:1::1",
    "2001:2::1", "2001:3::1", "2001:4:112::1", "2001:10::1", "2001:20::1", "2001:30::1", "2001:db8::1",
    "2620:4f:8000::1", "3fff::1", "5f00::1", "fc00::1", "fd00::1", "fe80::1", "fec0::1", "feff::1",
    "ff02::1", "ff0e::1", "200::1", "4000::1", "fe80::1%eth0", "2606:4700::1111%eth0",
    # An IPv4 address inside: mapped, compatible, translated, NAT64, 6to4, Teredo (server and client)
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:192.0.0.8", "::127.0.0.1", "::10.0.0.1",
    "::8.8.8.8", "::ffff:0:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::a9fe:a9fe",
    "64:ff9b::c000:8", "2002:7f00:1::1", "2002:a00:1::", "2002:c0a8:1::1", "2001:0:7f00:1::",
    "2001:0:808:808:0:0:f5ff:fffe",
)  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8", "192.0.1.1", "192.88.98.1", "100.63.255.255", "2606:4700::1111", "2001:4860:4860::8888",
        "2001:200::1", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1",
    ],
)  # fmt: skip
def test_what_is_public(address: str) -> None:
    assert is_public(address)


def test_an_allowed_network_counts_for_what_leads_into_it() -> None:
    ten = (ipaddress.ip_network("10.0.0.0/8"),)
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "2002:a01:203::1"):
        assert in_nets(address, ten) and is_public(address, ten)
    assert not is_public("::10.1.2.3", ten) and not is_public("127.0.0.1", ten)
    six = (ipaddress.ip_network("fd00::/8"), ipaddress.ip_network("64:ff9b:1::/48"))
    assert is_public("fd00::1", six) and is_public("64:ff9b:1::a00:1", six)
    assert not is_public("fd00::1%eth0", six)


def test_what_is_no_address() -> None:
    with pytest.raises(ValueError, match="does not appear"):
        is_public("mx.example")
