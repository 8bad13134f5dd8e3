"""DMARC and TLS reports: as they come, and as nobody should be able to make them hurt."""

import gzip
import json
import struct
import zipfile
import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transactional.wire.reports import (
    BEGIN,
    dmarc_xml,
    gzipped,
    record,
    tls_json,
    zipped,
)
from transactional.wire import dmarc_report
from transactional.wire.dmarc_report import ReportError, Row, read_dmarc_report
from transactional.wire.tls_report import read_tls_report, write_tls_report
from transactional.wire.unpack import MOST, UnpackError, unpack


def test_a_report_is_read() -> None:
    found = read_dmarc_report(dmarc_xml(record(), record("2001:DB8::1", 3, dkim="fail")))
    assert (found.reporter, found.report_id, found.domain) == (
        "Big Mail & Co",
        "r-1",
        "shop.example",
    )
    assert found.begin == datetime.fromtimestamp(BEGIN, UTC) and found.policy == "none"
    assert found.rows == (
        Row(
            "127.0.0.10", 12, "none", True, True, "shop.example", "shop.example", "b1.shop.example"
        ),
        Row(
            "2001:db8::1",
            3,
            "none",
            False,
            True,
            "shop.example",
            "other.example",
            "b1.shop.example",
        ),
    )


def test_the_newer_namespace_makes_no_difference() -> None:
    newer = dmarc_xml(namespace=' xmlns="urn:ietf:params:xml:ns:dmarc-2.0"')
    assert read_dmarc_report(newer) == read_dmarc_report(dmarc_xml())


@pytest.mark.parametrize("pack", [gzipped, lambda data: zipped(("r.xml", data)), bytes])
def test_packed_and_plain(pack: object) -> None:
    assert unpack(pack(dmarc_xml())) == dmarc_xml()  # type: ignore[operator]


BILLION = (
    '<?xml version="1.0"?><!DOCTYPE f [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;">]>'
)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (dmarc_xml(head=BILLION), "doctype"),
        (dmarc_xml(head='<!DOCTYPE f SYSTEM "file:///etc/passwd">'), "doctype"),
        (dmarc_xml(head='<!DOCTYPE f PUBLIC "x" "http://127.0.0.1/x">'), "doctype"),
        (dmarc_xml(record("&a;")), "xml"),
        (b"", "xml"),
        (b"\0" * 100, "xml"),
        (b"<html></html>", "not-a-report"),
        (b"<feedback/>", "incomplete"),
        (dmarc_xml()[:-20], "xml"),
        (dmarc_xml(begin="x"), "dates"),
        (dmarc_xml(begin=10**30), "dates"),
        (dmarc_xml(begin=0), "dates"),
        (dmarc_xml(end=BEGIN - 1), "dates"),
        (dmarc_xml(domain=""), "incomplete"),
        (b"<feedback>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</feedback>", "deep"),
        (dmarc_xml(head='<?xml version="1.0" encoding="utf-7"?>'), "xml"),
        (dmarc_xml(head='<?xml version="1.0" encoding="nonsense"?>'), "xml"),
    ],
    ids=range(17),
)
def test_what_is_no_report_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(ReportError) as caught:
        read_dmarc_report(data)
    assert caught.value.code == code


def test_rows_that_tell_nothing_are_left_out() -> None:
    rows = [record("not-an-ip"), record(count=-5), record(count="9" * 30), record(count="١٢")]
    found = read_dmarc_report(dmarc_xml(*rows, record(header_from="\u202eshop.example\x85")))
    (row,) = found.rows
    assert row.header_from == "shop.example"


def test_a_report_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dmarc_report, "ROWS", 10)
    found = read_dmarc_report(dmarc_xml(*[record()] * 30))
    assert len(found.rows) == 10 and found.cut


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (gzipped(b"\0" * (MOST + 1)), "bomb"),
        (zipped(("r", b"\0" * (MOST + 1))), "bomb"),
        (gzipped(dmarc_xml())[:-9], "broken"),
        (b"\x1f\x8b" + b"x" * 30, "broken"),
        (b"PK\x03\x04" + b"x" * 30, "broken"),
        (zipped(("a", b"1"), ("b", b"2")), "entries"),
        (zipped(*((f"d{i}/", b"") for i in range(9)), ("r", b"x")), "entries"),
        (zipped(("r", b"x" * 99), method=zipfile.ZIP_BZIP2), "method"),
        (zipped(("r", b"x" * 99), method=zipfile.ZIP_LZMA), "method"),
        (b"x" * (MOST + 1), "too-large"),
    ],
    ids=range(10),
)
def test_bombs_and_broken_archives_are_refused(data: bytes, code: str) -> None:
    with pytest.raises(UnpackError) as caught:
        unpack(data)
    assert caught.value.code == code


def test_an_archive_that_lies_about_its_size_is_refused() -> None:
    """Its directory says 10 octets; it unpacks to more than the limit."""
    whole = bytearray(zipped(("r", b"\0" * (MOST + 1000))))
    at = whole.rindex(b"PK\x01\x02")
    whole[at + 24 : at + 28] = struct.pack("<I", 10)
    with pytest.raises(UnpackError):
        unpack(bytes(whole))


def test_a_packed_bomb_inside_is_not_unpacked_again() -> None:
    inner = gzip.compress(b"\0" * (MOST + 1))
    assert unpack(gzipped(inner)) == inner


@given(st.binary(max_size=400))
def test_any_octets_are_refused_or_read(data: bytes) -> None:
    for packed in (data, b"\x1f\x8b" + data, b"PK\x03\x04" + data, zlib.compress(data)):
        try:
            read_dmarc_report(unpack(packed))
        except (UnpackError, ReportError):
            pass
        try:
            read_tls_report(unpack(packed))
        except (UnpackError, ReportError):
            pass


@given(st.data())
def test_a_report_with_octets_changed_is_refused_or_read(data: st.DataObject) -> None:
    whole = bytearray(dmarc_xml())
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    try:
        found = read_dmarc_report(bytes(whole))
    except ReportError:
        return
    assert len(found.rows) <= 1 and found.reporter and found.begin <= found.end


def test_a_tls_report_is_read_and_written_again() -> None:
    found = read_tls_report(json.dumps(tls_json()).encode())
    (policy,) = found.policies
    assert (policy.type, policy.successes, policy.failures) == ("sts", 5326, 303)
    assert policy.details[0].result_type == "certificate-expired"
    assert policy.details[0].mx == "mx1.shop.example"
    assert read_tls_report(write_tls_report(found)) == found


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.sampled_from([*tls_json()]), json_values)
def test_a_tls_report_of_nonsense_is_refused_or_read(key: str, value: object) -> None:
    try:
        found = read_tls_report(json.dumps(tls_json(**{key: value})).encode())
    except ReportError:
        return
    assert found.report_id and found.reporter
    assert all(one.successes >= 0 and one.failures >= 0 for one in found.policies)


@pytest.mark.parametrize(
    "data",
    [b"[" * 100_000, b"{}", b"[]", b'"x"', b"1e999", b"\xff\xfe", b'{"policies": [1, null, "x"]}'],
)
def test_what_is_no_tls_report_is_refused(data: bytes) -> None:
    with pytest.raises(ReportError):
        read_tls_report(data)
