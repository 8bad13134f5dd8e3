"""Addresses: one meaning each, or a refusal (RFC 5321, 5322, 6531)."""

from email.headerregistry import Address as StdlibAddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.wire.address import (
    ROLES,
    Address,
    AddressError,
    is_role,
    parse_address,
    parse_address_list,
    parse_path,
)


@pytest.mark.parametrize(
    ("text", "local", "domain", "name"),
    [
        ("alice@shop.example", "alice", "shop.example", ""),
        ("  alice@shop.example ", "alice", "shop.example", ""),
        ("Alice Doe <alice@shop.example>", "alice", "shop.example", "Alice Doe"),
        ("John Q. Public <j@x.example>", "j", "x.example", "John Q. Public"),
        ('"Doe, Jane" <j@x.example>', "j", "x.example", "Doe, Jane"),
        ('"say \\"hi\\"" <j@x.example>', "j", "x.example", 'say "hi"'),
        ('"x@ok.example" <y@x.example>', "y", "x.example", "x@ok.example"),
        ("<alice@shop.example>", "alice", "shop.example", ""),
        ('"a b"@x.example', "a b", "x.example", ""),
        ('"alice"@x.example', "alice", "x.example", ""),
        ("Zoë <zoe@münchen.example>", "zoe", "münchen.example", "Zoë"),
        ("δοκιμή@παράδειγμα.δοκιμή", "δοκιμή", "παράδειγμα.δοκιμή", ""),
        ("a@xn--mnchen-3ya.example", "a", "xn--mnchen-3ya.example", ""),
        ("a@my--shop.example", "a", "my--shop.example", ""),
        ("👨‍👩‍👧 Family <f@x.example>", "f", "x.example", "👨‍👩‍👧 Family"),
        ("=?utf-8?q?Zo=C3=AB?= =?utf-8?q?_M?= <z@x.example>", "z", "x.example", "Zoë M"),
        ("user%dom@us.example", "user%dom", "us.example", ""),
    ],
)
def test_reads_one_mailbox(text: str, local: str, domain: str, name: str) -> None:
    assert parse_address(text) == Address(local, domain, name)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("alice", "syntax"),
        ("alice@", "domain"),
        ("@x.example", "ambiguous"),
        ("a@b", "domain"),
        ("a@x.example.", "domain"),
        ("a@-x.example", "domain"),
        ("a@x..example", "domain"),
        ("a@b_c.example", "domain"),
        ("a@192.0.2.1", "domain"),
        ("a@[192.0.2.1]", "literal"),
        ("a@[IPv6:::1]", "literal"),
        ("a@xn--zzzzzz.example", "domain"),
        ("a@ｆull.example", "domain"),
        ("a@x。example", "domain"),
        ("a＠x.example", "syntax"),
        ("a..b@x.example", "local"),
        (".a@x.example", "local"),
        ("a.@x.example", "local"),
        ('"user@dom"@us.example', "local"),
        ('""@x.example', "local"),
        ("a" * 65 + "@x.example", "too-long"),
        ("é" * 33 + "@x.example", "too-long"),
        ("a@" + ("b" * 62 + ".") * 4 + "example", "too-long"),
        ("N" * 2001 + " <a@x.example>", "too-long"),
        ("a@x.example, b@x.example", "multiple"),
        ("a@x.example,", "multiple"),
        ('"a" <x@ok.example>, <y@evil.example>', "multiple"),
        ("Doe, Jane <j@x.example>", "multiple"),
        ("alice@ok.example)bob@evil.example", "ambiguous"),
        ("x@ok.example <y@evil.example>", "ambiguous"),
        ("a@x.example b", "ambiguous"),
        ("a b@x.example", "ambiguous"),
        ("<a@x.example> b", "ambiguous"),
        ('"a"b@x.example', "ambiguous"),
        ("=?utf-8?q?x=40ok=2Eexample?= <y@evil.example>", "ambiguous"),
        ('"=?utf-8?q?x=40ok=2Eexample?=" <y@evil.example>', "ambiguous"),
        ("=?utf-8?q?x=40?= =?utf-8?q?ok?= <y@evil.example>", "ambiguous"),
        ("=?utf-8?q?a=40x=2Eexample?=", "syntax"),
        ("=?utf-8?q?A=0D=0ABcc=3A?= <y@x.example>", "control"),
        ("a@=?utf-8?q?x=2Eexample?=", "domain"),
        ("Friends: a@x.example;", "group"),
        ("x@a.example (y@b.example)", "comment"),
        ("<@us.example:user@x.example>", "route"),
        ("<user@x.example@us.example>", "syntax"),
        ("<a@x.example", "syntax"),
        ('"open <a@x.example>', "syntax"),
        ("a\x00@x.example", "control"),
        ("A\r\nBcc: b@x.example <a@x.example>", "control"),
        ("A\u2028 <a@x.example>", "control"),
        ("a\u202e@x.example", "control"),
        ("N\u202egro <a@x.example>", "control"),
        ("pay\u200bpal <a@x.example>", "control"),
        ("pay\u200dpal <a@x.example>", "control"),
        ("a\u00a0b@x.example", "local"),
        ("A \ud800 <a@x.example>", "control"),
    ],
)
def test_refuses_what_has_no_single_meaning(text: str, code: str) -> None:
    with pytest.raises(AddressError) as refused:
        parse_address(text)
    assert refused.value.code == code
    assert refused.value.message


def test_longest_address_is_accepted() -> None:
    text = "a" * 64 + "@" + ("b" * 61 + ".") * 3 + "xx"
    assert len(text) == 253
    assert parse_address(text).spec == text
    assert parse_address("b" + text[1:].replace("@", "@c.", 1).replace(".xx", "")).local[0] == "b"


def test_domain_ascii_is_lower_case_a_labels() -> None:
    assert parse_address("a@Shop.EXAMPLE").domain_ascii == "shop.example"
    assert parse_address("a@München.example").domain_ascii == "xn--mnchen-3ya.example"
    # a Cyrillic letter shows itself as punycode
    assert parse_address("a@раypal.example").domain_ascii.startswith("xn--")


def test_spec_quotes_only_where_needed() -> None:
    assert parse_address('"alice"@x.example').spec == "alice@x.example"
    assert parse_address('"a b"@x.example').spec == '"a b"@x.example'
    assert parse_address('"a\\"b"@x.example').spec == '"a\\"b"@x.example'


def test_needs_smtputf8_by_local_part_only() -> None:
    assert parse_address("ü@x.example").needs_smtputf8
    assert not parse_address("u@münchen.example").needs_smtputf8


@pytest.mark.parametrize("text", ["", "<>"])
def test_null_path_is_none(text: str) -> None:
    assert parse_path(text) is None


@pytest.mark.parametrize("text", ["a@x.example", "<a@x.example>", '<"a b"@x.example>'])
def test_path_has_no_name(text: str) -> None:
    path = parse_path(text)
    assert path is not None
    assert path.name == ""


@pytest.mark.parametrize(
    "text",
    [
        "Alice <a@x.example>",
        "<a@x.example> ",
        " a@x.example",
        "a@x.example>",
        "<<a@x.example>>",
        "@us.example:user@x.example",
        "<@us.example:user@x.example>",
        "<a@[127.0.0.1]>",
        "<user@x.example@us.example>",
        '<"user@x.example"@us.example>',
        "a@x.example\r\nRCPT TO:<c@d.example>",
        "us.example!user",
        "postmaster",
        "<",
    ],
)
def test_path_refuses(text: str) -> None:
    with pytest.raises(AddressError):
        parse_path(text)


def test_list_reads_names_commas_comments_and_groups() -> None:
    text = (
        '"Doe, Jane" <j@x.example>, =?utf-8?b?Wm/Dqw==?= <z@x.example>,, (old style) p@x.example (Pat (B)),'
        " Team: a@x.example, B <b@x.example>;, last@x.example"
    )
    found = parse_address_list(text, groups=True)
    assert [(a.name, a.spec) for a in found] == [
        ("Doe, Jane", "j@x.example"),
        ("Zoë", "z@x.example"),
        ("", "p@x.example"),
        ("", "a@x.example"),
        ("B", "b@x.example"),
        ("", "last@x.example"),
    ]
    assert parse_address_list("undisclosed-recipients:;", groups=True) == []


@pytest.mark.parametrize(
    "text",
    [
        "Team: a@x.example;",
        "a@x.example (b@y.example)",
        "a@x.example (=?utf-8?q?b=40y?=)",
        "",
        ", ,",
    ],
)
def test_from_list_refuses(text: str) -> None:
    with pytest.raises(AddressError):
        parse_address_list(text)


@pytest.mark.parametrize("text", ["Team: a@x.example", "A: B: c@x.example;;", "a@x.example;", ":;"])
def test_broken_groups_are_refused(text: str) -> None:
    with pytest.raises(AddressError):
        parse_address_list(text, groups=True)


@pytest.mark.parametrize("local", sorted(ROLES))
def test_roles(local: str) -> None:
    assert is_role(f"{local.upper()}@x.example")
    assert is_role(parse_address(f"{local}@x.example"))
    assert not is_role(f"{local}x@x.example")


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        "(" * 50_000,
        "(" * 50_000 + ")" * 50_000,
        "a," * 50_000,
        '"' * 50_001,
        "\\" * 50_000,
        "a." * 50_000 + "@x.example",
        "a@" + "a." * 50_000,
        "=?utf-8?q?" * 10_000,
        "=?a?b?c?= " * 10_000,
        "<" * 50_000,
        "G:" * 50_000,
        "xn--" * 20_000 + "@xn--" + "a" * 60_000,
    ],
)
def test_hostile_lists_end_quickly_in_a_refusal(text: str) -> None:
    with pytest.raises(AddressError):
        parse_address_list(text, groups=True)


def test_twenty_thousand_recipients() -> None:
    text = ", ".join(f'"P, {i}" <p{i}@x.example>' for i in range(20_000))
    assert len(parse_address_list(text)) == 20_000


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_address, parse_path, parse_address_list):
        try:
            result = parse(text)
        except AddressError:
            continue
        for address in result if isinstance(result, list) else [result] if result else []:
            again = parse_address(address.spec)
            assert (again.local, again.domain) == (address.local, address.domain)


@given(st.text('ab.@"\\ ()<>,:;[]é', max_size=30))
def test_what_is_accepted_the_standard_library_reads_alike(text: str) -> None:
    try:
        address = parse_address(text)
    except AddressError:
        return
    other = StdlibAddress(addr_spec=address.spec)
    assert (other.username, other.domain) == (address.local, address.domain)
