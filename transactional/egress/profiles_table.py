"""The limits and rules that Postino is shipped with; operators change their rows in the admin.

Figures are what receivers publish or are widely seen to take from one IP of good standing. A
profile: name, provider (`domains/sites.py`), endings of exchangers' names, connections, messages a
minute, messages per connection (0: no limit).
"""

Profile = tuple[str, str, tuple[str, ...], int, int, int]
#: name, provider, pattern, hits, within (s), action, value, minutes
Rule = tuple[str, str, str, int, int, str, int, int]

DEFAULT = "default"
RELAY = "relay"

PROFILES: tuple[Profile, ...] = (
    (DEFAULT, "", (), 20, 0, 100),
    (RELAY, "", (), 0, 0, 100),  # the operator's own relay, and the sandbox
    ("google", "google", (), 10, 1200, 50),
    ("yahoo", "yahoo", (), 5, 600, 20),
    ("microsoft", "microsoft", (), 10, 600, 50),
    ("microsoft-365", "microsoft-365", (), 15, 1200, 50),
    ("apple", "apple", (), 5, 300, 50),
    ("gmx-webde", "", (".gmx.net", ".web.de", ".emig.gmx.net"), 5, 300, 50),
    ("ionos", "", (".kundenserver.de", ".ionos.com", ".1and1.com"), 5, 300, 50),
    ("t-online", "", (".t-online.de",), 4, 240, 50),
    ("orange", "", (".orange.fr", ".wanadoo.fr"), 2, 120, 50),
    ("free", "", (".free.fr",), 3, 120, 20),
    ("sfr", "", (".sfr.fr",), 3, 120, 50),
    ("la-poste", "", (".laposte.net",), 3, 120, 50),
    ("ovh", "", (".ovh.net", ".ovh.ca"), 5, 300, 50),
    ("libero", "", (".libero.it", ".iol.it", ".virgilio.it", ".italiaonline.it"), 4, 200, 50),
    ("tim", "", (".tim.it", ".alice.it", ".tin.it", ".telecomitalia.it"), 3, 120, 50),
    ("aruba", "", (".aruba.it", ".arubabusiness.it", ".pec.it"), 5, 300, 50),
    ("seznam", "", (".seznam.cz",), 5, 300, 50),
    ("wp-onet", "", (".wp.pl", ".onet.pl", ".o2.pl", ".interia.pl"), 5, 300, 50),
    ("telenet-proximus", "", (".telenet.be", ".proximus.be", ".skynet.be"), 3, 120, 50),
    ("kpn-ziggo", "", (".kpnmail.nl", ".ziggo.nl", ".xs4all.nl"), 4, 200, 50),
    ("telefonica", "", (".movistar.es", ".telefonica.net"), 3, 120, 50),
    ("bt", "", (".btinternet.com", ".bt.com"), 5, 300, 50),
    ("proton", "", (".protonmail.ch",), 10, 600, 50),
    ("fastmail", "", (".messagingengine.com",), 10, 600, 100),
    ("zoho", "", (".zoho.com", ".zoho.eu"), 5, 300, 50),
    ("mail-ru", "", (".mail.ru",), 5, 300, 50),
    ("yandex", "", (".yandex.ru", ".yandex.net"), 5, 300, 20),
)

RULES: tuple[Rule, ...] = (
    # 4.7.28: an unusual rate of mail from this IP, domain or network
    ("google-unusual-rate", "google", r"4\.7\.28\b|unusual rate of", 2, 3600, "rate", 10, 30),
    ("google-reputation", "google", r"4\.7\.0\b.*(?:low|bad) reputation", 1, 3600, "rate", 1, 90),
    ("yahoo-volume-complaints", "yahoo", r"\[TSS?0[12]\]", 3, 3600, "rate", 1, 60),
    ("yahoo-complaints", "yahoo", r"\[TSS?04\]", 3, 3600, "suspend", 0, 60),
    ("yahoo-for-good", "yahoo", r"\[TSS?03\]|\[TSS?05\]|\[TSS?09\]", 1, 3600, "suspend", 0, 180),
    ("yahoo-connections", "yahoo", r"\[[TG]L0[12]\]|4\.16\.55", 1, 3600, "connections", 1, 30),
    ("microsoft-rate", "microsoft", r"\bRP-00[123]\b", 1, 3600, "rate", 10, 60),
    ("microsoft-reputation", "microsoft", r"\bS(?:C-00[1-4]|775)\b", 1, 3600, "suspend", 0, 60),
    ("m365-reputation", "microsoft-365", r"4\.7\.650\b|S775", 1, 3600, "rate", 1, 90),
    ("m365-busy", "microsoft-365", r"4\.7\.500\b|server busy", 2, 600, "rate", 20, 15),
    ("m365-per-hour", "microsoft-365", r"4\.7\.(?:506|5[12]\d)\b", 1, 3600, "rate", 10, 30),
    ("apple-rate", "apple", r"4\.2\.1\b.*rate|\[HM08\]|\[CS01\]", 2, 3600, "rate", 10, 30),
    ("orange-connections", "", r"OF[RU]_?(?:004_)?10[48]\b", 1, 3600, "connections", 1, 30),
    ("orange-volume", "", r"OF[RU]_?(?:004_)?(?:506|999)\b", 2, 3600, "rate", 10, 60),
    ("any-connections", "", r"too many (?:concurrent |simultaneous )?(?:smtp )?(?:connections|sessions)",
     1, 3600, "connections", 2, 15),
)  # fmt: skip
