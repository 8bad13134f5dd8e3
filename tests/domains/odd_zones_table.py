"""Odd but right zones: name → how the zone differs from what is asked for. None is a fault."""

from tests.domains.zones import Change, beside, both, moved, mx, only, txt

ODD: dict[str, Change] = {
    "key without a version": txt("dkim", lambda v: (v.replace("v=DKIM1; ", ""),)),
    "key with blanks and a final semicolon": txt(
        "dkim", lambda v: (v.replace("; ", ";").replace("p=", "t=s; p = ") + ";",)
    ),
    "blank inside the key": txt("dkim", lambda v: (v[:100] + " " + v[100:],)),
    "key in many strings": txt("dkim", lambda v: (v,), piece=17),
    "key with notes, hashes and services": txt(
        "dkim", lambda v: (f"{v}; n=ours; h=sha1:sha256; s=email; t=y",)
    ),
    "key behind an alias": both(
        moved("dkim", "{selector}.keys.test"),
        lambda server, wanted: only(
            "dkim", "CNAME", f"{wanted['dkim'].short_host.partition('.')[0]}.keys.test."
        )(server, wanted),
    ),
    "delegated _domainkey that answers": beside("_domainkey.shop.example", "NS", "ns.keys.test."),
    "policy that softly fails, beside other text": txt(
        "spf", lambda v: ("v=spf1 ip4:127.0.0.0/24 ~all", "other text")
    ),
    "policy in capitals": txt(
        "spf", lambda v: (v.replace("v=spf1", "V=SPF1").replace("ip4", "+IP4"),)
    ),
    "policy with includes, blanks and an unknown modifier": both(
        txt("spf", lambda v: ("v=spf1  include:one.test   x-note=ours  -all ",)),
        beside("one.test", "TXT", '"v=spf1 a:two.test ?all"'),
        beside("two.test", "A", "127.0.0.10"),
    ),
    "policy elsewhere by redirect": both(
        txt("spf", lambda v: ("v=spf1 redirect=one.test",)),
        beside("one.test", "TXT", '"v=spf1 exists:%{{i}}.ips.test -all"'),
        beside("127.0.0.10.ips.test", "A", "127.0.0.2"),
    ),
    "policy with ten look-ups": both(
        txt("spf", lambda v: ("v=spf1 " + "a:one.test " * 10 + "ip4:127.0.0.10 -all",)),
        beside("one.test", "A", "192.0.2.1"),
    ),
    "strict DMARC with reports": txt(
        "dmarc", lambda v: ("v=DMARC1; p=reject; sp=none; adkim=s; rua=mailto:d@shop.example",)
    ),
    "DMARC beside unrelated text": txt("dmarc", lambda v: ("v=DMARC1;p=Quarantine", "unrelated")),
    "DMARC with blanks": txt("dmarc", lambda v: ("v = DMARC1 ; p = none ; ",)),
    "MX in capitals, of another preference": lambda server, wanted: mx(
        f"0 {wanted['return_path'].value.split()[1].upper()}."
    )(server, wanted),
    "return path behind an alias": lambda server, wanted: both(
        beside("bounces.test", "MX", f"{wanted['return_path'].value}."),
        beside("bounces.test", "TXT", f'"{wanted["spf"].value}"'),
        only("return_path", "CNAME", "bounces.test."),
    )(server, wanted),
    "wildcards beside the records": both(
        beside("*.shop.example", "TXT", '"v=spf1 -all"'),
        beside("*._domainkey.shop.example", "TXT", '"v=DKIM1; p="'),
    ),
}
