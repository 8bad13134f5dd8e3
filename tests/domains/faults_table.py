"""Broken zones: name → which record, the code it must be given, and how the zone is broken."""

import base64

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.domains.zones import (
    Change,
    beside,
    bogus,
    both,
    failing,
    gone,
    moved,
    mx,
    one,
    only,
    txt,
)


def _key(bits: int) -> str:
    public = rsa.generate_private_key(public_exponent=65537, key_size=bits).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "v=DKIM1; k=rsa; p=" + base64.b64encode(der).decode()


OTHER, SHORT = _key(2048), _key(1024)
MANY = "".join(f"a:h{i}.test " for i in range(11))

FAULTS: dict[str, tuple[str, str, Change]] = {
    # How a value was pasted
    "pasted twice": ("dkim", "pasted_twice", txt("dkim", lambda v: (v + v,))),
    "pasted twice with a blank": ("dkim", "pasted_twice", txt("dkim", lambda v: (f"{v} {v}",))),
    "policy pasted twice": ("spf", "pasted_twice", txt("spf", lambda v: (f"{v} {v}",))),
    "quotes included": ("dkim", "quotes_included", txt("dkim", lambda v: (f'"{v}"',))),
    "quotes around the policy": ("spf", "quotes_included", txt("spf", lambda v: (f'"{v}"',))),
    "split wrong": (
        "dkim",
        "split_wrong",
        txt("dkim", lambda v: (f'"{v[:200]}" "{v[200:]}"',)),
    ),
    "split into records": (
        "dkim",
        "split_in_records",
        txt("dkim", lambda v: (v[200:], v[:200])),
    ),
    "backslashes": ("dkim", "backslashes", txt("dkim", lambda v: (v.replace(";", "\\;"),))),
    "typographic quotes": ("dmarc", "odd_characters", txt("dmarc", lambda v: (f"“{v}”",))),
    "invisible blank": (
        "dkim",
        "odd_characters",
        txt("dkim", lambda v: (v[:60] + "\u200b" + v[60:],)),
    ),
    "small letters": ("dkim", "case_changed", txt("dkim", lambda v: (v.lower(),))),
    "line of a zone file": (
        "dkim",
        "extra_text",
        txt("dkim", lambda v: (f"x._domainkey IN TXT {v}",)),
    ),
    "policy behind a word": ("spf", "extra_text", txt("spf", lambda v: (f"TXT {v}",))),
    "values exchanged": (
        "dmarc",
        "value_of_other",
        lambda server, wanted: one("dmarc", wanted["spf"].value)(server, wanted),
    ),
    # Where a record is
    "suffix doubled": ("dkim", "suffix_doubled", moved("dkim", "{host}.shop.example")),
    "suffix doubled for MX": (
        "return_path",
        "suffix_doubled",
        moved("return_path", "{host}.shop.example"),
    ),
    "no _domainkey": ("dkim", "wrong_place", moved("dkim", "{selector}.shop.example")),
    "domainkey without underscore": (
        "dkim",
        "wrong_place",
        moved("dkim", "{selector}.domainkey.shop.example"),
    ),
    "wrong selector": ("dkim", "missing", moved("dkim", "default._domainkey.shop.example")),
    "DMARC at the domain itself": ("dmarc", "wrong_place", moved("dmarc", "shop.example")),
    "dmarc without underscore": ("dmarc", "wrong_place", moved("dmarc", "dmarc.shop.example")),
    "delegated _domainkey without the record": (
        "dkim",
        "delegated",
        both(gone("dkim"), beside("_domainkey.shop.example", "NS", "ns.keys.test.")),
    ),
    "a wildcard answers": (
        "dkim",
        "wildcard",
        both(gone("dkim"), beside("*._domainkey.shop.example", "TXT", '"x"')),
    ),
    # Aliases and name servers
    "alias to a name without it": (
        "return_path",
        "cname_instead",
        both(only("return_path", "CNAME", "web.test."), beside("web.test", "A", "192.0.2.1")),
    ),
    "alias to nowhere": ("dkim", "alias_dangling", only("dkim", "CNAME", "nowhere.test.")),
    "alias beside the record": ("dkim", "cname_beside", beside("{dkim}", "CNAME", "web.test.")),
    "aliases in a circle": (
        "dkim",
        "alias_loop",
        both(only("dkim", "CNAME", "round.test."), beside("round.test", "CNAME", "{dkim}.")),
    ),
    "name servers fail": ("dkim", "servfail", failing("dkim")),
    "DNSSEC does not hold": ("spf", "dnssec", bogus("spf")),
    # DKIM
    "revoked": ("dkim", "revoked", one("dkim", "v=DKIM1; k=rsa; p=")),
    "another key": ("dkim", "other_key", one("dkim", OTHER)),
    "1024 bits": ("dkim", "short_key", one("dkim", SHORT)),
    "cut off": ("dkim", "cut_off", txt("dkim", lambda v: (v[:255],))),
    "no key in it": ("dkim", "bad_key", one("dkim", "v=DKIM1; k=rsa; p=AAAABBBBCCCC")),
    "no p": ("dkim", "no_p", one("dkim", "v=DKIM1; k=rsa;")),
    "other text": ("dkim", "not_a_key", one("dkim", "hello")),
    "two keys": ("dkim", "several_records", txt("dkim", lambda v: (v, OTHER))),
    "wrong algorithm": (
        "dkim",
        "wrong_key_type",
        txt("dkim", lambda v: (v.replace("k=rsa", "k=ed25519"),)),
    ),
    "wrong version": (
        "dkim",
        "wrong_version",
        txt("dkim", lambda v: (v.replace("DKIM1", "DKIM2"),)),
    ),
    "SHA-1 only": ("dkim", "no_sha256", txt("dkim", lambda v: (f"{v}; h=sha1",))),
    "not for mail": ("dkim", "not_for_mail", txt("dkim", lambda v: (f"{v}; s=tlsrpt",))),
    # SPF
    "two policies": ("spf", "two_spf", txt("spf", lambda v: (v, "v=spf1 a -all"))),
    "no policy": ("spf", "no_spf", one("spf", "google-site-verification=1")),
    "version 2": ("spf", "spf_version", one("spf", "spf2.0/pra ip4:127.0.0.10 -all")),
    "no blank after the version": ("spf", "spf_version", one("spf", "v=spf1,a -all")),
    "IP not named": ("spf", "ip_not_covered", one("spf", "v=spf1 ip4:192.0.2.0/24 -all")),
    "IP refused before": (
        "spf",
        "ip_not_covered",
        one("spf", "v=spf1 -ip4:127.0.0.10 ip4:127.0.0.0/8 -all"),
    ),
    "open to all": ("spf", "open_spf", txt("spf", lambda v: (v.replace("-all", "+all"),))),
    "too many look-ups": (
        "spf",
        "too_many_lookups",
        both(
            one("spf", f"v=spf1 {MANY}ip4:127.0.0.10 -all"),
            *(beside(f"h{i}.test", "A", "192.0.2.1") for i in range(11)),
        ),
    ),
    "void look-ups": (
        "spf",
        "void_lookups",
        one("spf", "v=spf1 a:x.test a:y.test a:z.test ip4:127.0.0.10 -all"),
    ),
    "include without a policy": (
        "spf",
        "include_missing",
        one("spf", "v=spf1 include:x.test ip4:127.0.0.10 -all"),
    ),
    "redirect without a policy": ("spf", "redirect_missing", one("spf", "v=spf1 redirect=x.test")),
    "two policies in an include": (
        "spf",
        "two_spf_below",
        both(
            one("spf", "v=spf1 include:x.test ip4:127.0.0.10 -all"),
            beside("x.test", "TXT", '"v=spf1 a -all"', '"v=spf1 mx -all"'),
        ),
    ),
    "includes itself": (
        "spf",
        "spf_loop",
        lambda server, wanted: one("spf", f"v=spf1 include:{wanted['spf'].host} -all")(
            server, wanted
        ),
    ),
    "misspelt term": ("spf", "spf_syntax", one("spf", "v=spf1 ipv4:127.0.0.10 -all")),
    "an include that fails": (
        "spf",
        "spf_unanswered",
        both(
            one("spf", "v=spf1 include:x.test -all"),
            lambda server, _: server.fail("x.test", "TXT"),
        ),
    ),
    # DMARC
    "two DMARC records": ("dmarc", "two_dmarc", txt("dmarc", lambda v: (v, "v=DMARC1; p=reject"))),
    "comma": ("dmarc", "dmarc_syntax", one("dmarc", "v=DMARC1, p none")),
    "version not first": ("dmarc", "dmarc_syntax", one("dmarc", "p=none; v=DMARC1")),
    "tag twice": ("dmarc", "dmarc_syntax", one("dmarc", "v=DMARC1; p=none; p=reject")),
    "unknown policy": ("dmarc", "dmarc_policy", one("dmarc", "v=DMARC1; p=monitor")),
    "no policy in DMARC": (
        "dmarc",
        "dmarc_no_policy",
        one("dmarc", "v=DMARC1; rua=mailto:a@b.test"),
    ),
    "unknown subdomain policy": ("dmarc", "dmarc_sp", one("dmarc", "v=DMARC1; p=none; sp=off")),
    "version in small letters": ("dmarc", "dmarc_version", one("dmarc", "v=dmarc1; p=none")),
    "no DMARC at all": ("dmarc", "not_dmarc", one("dmarc", "verification=1")),
    # Reports about TLS
    "two TLS reporting records": (
        "tls_reports",
        "two_tls_reports",
        txt("tls_reports", lambda v: (v, "v=TLSRPTv1; rua=mailto:a@b.test")),
    ),
    "no address for TLS reports": (
        "tls_reports",
        "not_tls_reports",
        one("tls_reports", "v=TLSRPTv1"),
    ),
    # Return path
    "MX missing": ("return_path", "mx_missing", gone("return_path")),
    "nothing at the return path": ("return_path", "missing", gone("return_path", "spf")),
    "wrong MX": ("return_path", "wrong_mx", mx("10 mx.elsewhere.test.")),
    "more MX": ("return_path", "more_mx", mx("10 {host}.", "20 mx.elsewhere.test.")),
    "null MX": ("return_path", "null_mx", mx("0 .")),
    "MX with the domain added": ("return_path", "mx_suffix", mx("10 {host}.shop.example.")),
    "MX with the host added": ("return_path", "mx_suffix", mx("10 {host}.{own}.")),
    "MX is an address": ("return_path", "mx_is_address", mx("10 192.0.2.1.")),
    "MX to an alias": (
        "return_path",
        "mx_alias",
        lambda server, wanted: both(
            mx("10 alias.test."),
            beside("alias.test", "CNAME", f"{wanted['return_path'].value.split()[1]}."),
        )(server, wanted),
    ),
    # Tracking
    "tracking proxied": ("tracking", "proxied", only("tracking", "A", "192.0.2.1")),
    "tracking elsewhere": ("tracking", "wrong_cname", only("tracking", "CNAME", "web.test.")),
    "tracking with the domain added": (
        "tracking",
        "cname_suffix",
        only("tracking", "CNAME", "{value}.shop.example."),
    ),
}
