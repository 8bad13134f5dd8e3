"""Whatever a zone holds, the judges give a finding with a sentence, and never fail."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domains import dns, spf
from domains.diagnose import judge
from domains.findings import OK, Seen
from domains.records import Record
from domains.spf import Verdict

KEY = "v=DKIM1; k=rsa; p=" + "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" * 8
RECORDS = {
    "dkim": Record("dkim", "TXT", "p1r1._domainkey.a.test", "p1r1._domainkey", KEY, True),
    "spf": Record("spf", "TXT", "b1.a.test", "b1", "v=spf1 ip4:192.0.2.1 -all", True),
    "dmarc": Record("dmarc", "TXT", "_dmarc.a.test", "_dmarc", "v=DMARC1; p=none;", True),
    "return_path": Record("return_path", "MX", "b1.a.test", "b1", "10 mx.us.test", True),
    "tracking": Record("tracking", "CNAME", "t1.a.test", "t1", "us.test", False),
}
PIECES = st.sampled_from(
    [
        *'%=;: "\\\n',
        "v=",
        "DKIM1",
        "DMARC1",
        "spf1",
        "k=rsa",
        "k=ed25519",
        "p=",
        "p=none",
        "sp=",
        "h=sha1",
        "s=",
        "\ufffd",
        "\u200b",
        "%(x)s",
        "AAAA",
        "é",
        KEY,
    ]
)
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=9).map("".join))
WORDS = (
    "a mx ptr include: exists: redirect= exp= all ip4: ip6: %{ } %% %_ i s d p h r 1 - . / //64 /24"
)
MORE = "a.test b.test 1.2.3.4 :: ? @ x= \ufffd 99999999999999999999"
TERMS = st.sampled_from([*WORDS.split(), *MORE.split(), " ", "\t", '"', "\\"])
POLICIES = st.lists(TERMS, min_size=1, max_size=14).map(lambda terms: "v=spf1 " + "".join(terms))


@pytest.mark.parametrize("purpose", ["dkim", "spf", "dmarc"])
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
@example(texts=[""])
@example(texts=[KEY + KEY[: len(KEY) // 2], "%(host)s"])
def test_text_is_judged(purpose: str, texts: list[str]) -> None:
    record = RECORDS[purpose]
    verdicts = {"192.0.2.1": Verdict(spf.PERMERROR, "%s %(x)s", "%")}
    found = judge(record, Seen(dns.Answer(dns.OK, tuple(texts), 60), verdicts=verdicts))
    assert found.status == OK or found.sentence
    assert len(str(found.stored())) < 8000


@pytest.mark.parametrize("purpose", ["return_path", "tracking"])
@given(hosts=st.lists(st.text("abz.-*_0129\\%", max_size=40), min_size=1, max_size=4))
@example(hosts=["."])
@example(hosts=[""])
def test_hosts_are_judged(purpose: str, hosts: list[str]) -> None:
    values = tuple(f"10 {host}" if purpose == "return_path" else host for host in hosts)
    found = judge(RECORDS[purpose], Seen(dns.Answer(dns.OK, values, 60)))
    assert found.status == OK or found.sentence


@given(policies=st.lists(POLICIES, min_size=6, max_size=6), address=st.sampled_from("46"))
def test_any_policy_is_evaluated_within_the_limits(policies: list[str], address: str) -> None:
    ip = {"4": "192.0.2.1", "6": "2001:db8::1"}[address]
    known: spf.Answers = {("a.test", "TXT"): dns.Answer(dns.OK, (policies[0],))}
    others = {
        "A": ("192.0.2.9",),
        "AAAA": ("2001:db8::9",),
        "MX": ("10 m.test",),
        "PTR": ("b.test",),
    }
    for asked in range(spf.MOST):
        verdict, missing = spf.judge(ip, sender="b@a.test", helo="a.test", answers=known)
        if missing is None:
            break
        text = (policies[asked % 6],)
        known[missing] = dns.Answer(dns.OK, text if missing[1] == "TXT" else others[missing[1]])
    assert missing is None
    assert verdict.result in (
        "pass", "fail", "softfail", "neutral", "none", "permerror", "temperror"
    )  # fmt: skip
