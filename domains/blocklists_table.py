"""The DNS blocklists that IPs and domains are looked up in: zones, answers, who stops a sender.

Answers are those that each list documents. A list without `codes` and `bits` lists what it answers
with any 127.0.0.2 or above. `probe` is a name that the list always has (RFC 5782 §5).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

PROBE_4 = "2.0.0.127"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blocklist:
    """One list. `zone`, `zone6` and `names` are where IPv4, IPv6 and domain names are asked for.

    `stops`: so many receivers follow it that an IP on it is not used; else it is only told.
    `errors` are answers that are no listing: the list declines to answer this resolver.
    """

    code: str
    name: str
    zone: str = ""
    zone6: str = ""
    names: str = ""
    stops: bool = False
    codes: Mapping[str, str] = field(default_factory=dict)
    bits: Mapping[int, str] = field(default_factory=dict)
    errors: frozenset[str] = frozenset()
    probe: str = ""
    removal: str = ""

    def zone_of(self, kind: str) -> str:
        """Where this kind of subject is asked for: `4`, `6` or `name`; empty: nowhere."""
        return {"4": self.zone, "6": self.zone6, "name": self.names}[kind]


BLOCKLISTS: tuple[Blocklist, ...] = (
    Blocklist(
        code="spamhaus_zen",
        name="Spamhaus ZEN",
        zone="zen.spamhaus.org",
        zone6="zen.spamhaus.org",
        stops=True,
        codes={
            "127.0.0.2": "SBL",
            "127.0.0.3": "CSS",
            "127.0.0.4": "XBL",
            "127.0.0.5": "XBL",
            "127.0.0.6": "XBL",
            "127.0.0.7": "XBL",
            "127.0.0.9": "DROP",
            "127.0.0.10": "PBL",
            "127.0.0.11": "PBL",
            "127.0.0.30": "BCL",
        },
        probe=PROBE_4,
        removal="https://check.spamhaus.org/",
    ),
    Blocklist(
        code="spamcop",
        name="SpamCop",
        zone="bl.spamcop.net",
        stops=True,
        codes={"127.0.0.2": "SpamCop"},
        probe=PROBE_4,
        removal="https://www.spamcop.net/bl.shtml",
    ),
    Blocklist(
        code="barracuda",
        name="Barracuda",
        zone="b.barracudacentral.org",
        stops=True,
        codes={"127.0.0.2": "BRBL"},
        probe=PROBE_4,
        removal="https://www.barracudacentral.org/rbl/removal-request",
    ),
    Blocklist(
        code="psbl",
        name="PSBL",
        zone="psbl.surriel.com",
        codes={"127.0.0.2": "PSBL"},
        probe=PROBE_4,
        removal="https://psbl.org/remove",
    ),
    Blocklist(
        code="mailspike",
        name="Mailspike",
        zone="bl.mailspike.net",
        codes={
            "127.0.0.2": "spam wave",
            "127.0.0.10": "worst reputation",
            "127.0.0.11": "very bad reputation",
            "127.0.0.12": "bad reputation",
        },
        removal="https://mailspike.io/ip_verify",
    ),
    Blocklist(
        code="uceprotect_1",
        name="UCEPROTECT level 1",
        zone="dnsbl-1.uceprotect.net",
        codes={"127.0.0.2": "level 1"},
        probe=PROBE_4,
        removal="https://www.uceprotect.net/en/rblcheck.php",
    ),
    Blocklist(
        code="uceprotect_2",
        name="UCEPROTECT level 2",
        zone="dnsbl-2.uceprotect.net",
        codes={"127.0.0.2": "level 2: its network"},
        removal="https://www.uceprotect.net/en/rblcheck.php",
    ),
    Blocklist(
        code="uceprotect_3",
        name="UCEPROTECT level 3",
        zone="dnsbl-3.uceprotect.net",
        codes={"127.0.0.2": "level 3: its provider"},
        removal="https://www.uceprotect.net/en/rblcheck.php",
    ),
    Blocklist(
        code="dronebl",
        name="DroneBL",
        zone="dnsbl.dronebl.org",
        zone6="dnsbl.dronebl.org",
        removal="https://dronebl.org/lookup",
    ),
    Blocklist(
        code="s5h",
        name="s5h.net",
        zone="all.s5h.net",
        zone6="all.s5h.net",
        codes={"127.0.0.2": "spam source"},
        removal="https://www.usenix.org.uk/content/rbl.html",
    ),
    Blocklist(
        code="blocklist_de",
        name="blocklist.de",
        zone="bl.blocklist.de",
        removal="https://www.blocklist.de/en/delist.html",
    ),
    Blocklist(
        code="sem_black",
        name="Spam Eating Monkey",
        zone="bl.spameatingmonkey.net",
        zone6="bl.ipv6.spameatingmonkey.net",
        removal="https://spameatingmonkey.com/services",
    ),
    Blocklist(
        code="hostkarma",
        name="Hostkarma",
        zone="hostkarma.junkemailfilter.com",
        codes={"127.0.0.2": "black"},
        removal="https://ipadmin.junkemailfilter.com/remove.php",
    ),
    Blocklist(
        code="truncate",
        name="GBUdb Truncate",
        zone="truncate.gbudb.net",
        codes={"127.0.0.2": "truncate"},
        removal="https://www.gbudb.com/truncate/",
    ),
    Blocklist(
        code="spamrats",
        name="SpamRATS",
        zone="all.spamrats.com",
        codes={
            "127.0.0.36": "Dyna: a dial-up name",
            "127.0.0.37": "NoPtr: no reverse record",
            "127.0.0.38": "Spam",
        },
        removal="https://www.spamrats.com/removal.php",
    ),
    Blocklist(
        code="spamhaus_dbl",
        name="Spamhaus DBL",
        names="dbl.spamhaus.org",
        codes={
            "127.0.1.2": "low reputation",
            "127.0.1.4": "phishing",
            "127.0.1.5": "malware",
            "127.0.1.6": "botnet",
            "127.0.1.102": "abused",
            "127.0.1.103": "abused redirector",
            "127.0.1.104": "abused for phishing",
            "127.0.1.105": "abused for malware",
            "127.0.1.106": "abused for a botnet",
        },
        errors=frozenset({"127.0.1.255"}),
        probe="dbltest.com",
        removal="https://check.spamhaus.org/",
    ),
    Blocklist(
        code="surbl",
        name="SURBL",
        names="multi.surbl.org",
        bits={8: "phishing", 16: "malware", 64: "abuse", 128: "cracked"},
        errors=frozenset({"127.0.0.1"}),
        probe="test.surbl.org",
        removal="https://surbl.org/surbl-analysis",
    ),
    Blocklist(
        code="uribl",
        name="URIBL",
        names="multi.uribl.com",
        bits={2: "black", 4: "grey", 8: "red"},
        errors=frozenset({"127.0.0.1"}),
        probe="test.uribl.com",
        removal="https://admin.uribl.com/",
    ),
    Blocklist(
        code="sem_uri",
        name="Spam Eating Monkey URI",
        names="uribl.spameatingmonkey.net",
        removal="https://spameatingmonkey.com/services",
    ),
    Blocklist(
        code="nordspam_dbl",
        name="NordSpam DBL",
        names="dbl.nordspam.com",
        removal="https://www.nordspam.com/",
    ),
)
BY_CODE: Mapping[str, Blocklist] = {one.code: one for one in BLOCKLISTS}
