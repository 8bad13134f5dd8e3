"""Whatever a zone holds, the judges give a finding with a sentence, and never fail."""

import socket
import threading
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domains import dns, spf
from domains.checks import check_domain
from domains.diagnose import judge
from domains.findings import OK, Seen
from domains.models import Domain
from domains.records import Record
from domains.spf import Verdict
from domains.zone import Zone
from tests.cast import Cast
from tests.dns_server import DnsServer

KEY = "v=DKIM1; k=rsa; p=" + "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" * 8
RECORDS = {
    "dkim": Record("dkim", "TXT", "p1r1._domainkey.a.test", "p1r1._domainkey", KEY, True),
    "spf": Record("spf", "TXT", "b1.a.test", "b1", "v=spf1 ip4:192.0.2.1 -all", True),
    "dmarc": Record("dmarc", "TXT", "_dmarc.a.test", "_dmarc", "v=DMARC1; p=none;", True),
    "return_path": Record("return_path", "MX", "b1.a.test", "b1", "10 mx.us.test", True),
    "alias": Record(
        *("dkim", "CNAME", "p1r1._domainkey.a.test", "p1r1._domainkey", "p1r1.d1.us.test", True),
        behind=("TXT", KEY),
    ),
    "delegation": Record(
        "delegation", "NS", "_domainkey.a.test", "_domainkey", "a1.ns.us.test", True
    ),
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


@pytest.mark.parametrize("purpose", ["return_path", "tracking", "alias", "delegation"])
@given(hosts=st.lists(st.text("abz.-*_0129\\%", max_size=40), min_size=1, max_size=4))
@example(hosts=["."])
@example(hosts=[""])
def test_hosts_are_judged(purpose: str, hosts: list[str]) -> None:
    values = tuple(f"10 {host}" if purpose == "return_path" else host for host in hosts)
    found = judge(RECORDS[purpose], Seen(dns.Answer(dns.OK, values, 60)))
    assert found.status == OK or found.sentence
    for status in (dns.OK, dns.NODATA, dns.SERVFAIL):
        behind = dns.Answer(status, values if status == dns.OK else ())
        for answer in (dns.Answer(dns.OK, values), dns.Answer(dns.NODATA)):
            found = judge(RECORDS[purpose], Seen(answer, behind=behind))
            assert found.status == OK or found.sentence


def test_aliases_that_never_end_are_a_finding_in_bounded_time(
    cast: Cast, dns_server: DnsServer
) -> None:
    def on_and_on(name: str) -> dict[str, tuple[str, ...]]:
        label, _, rest = name.partition(".")
        number = int(label.rpartition("-")[2]) if "-" in label else 0
        return {"CNAME": (f"x-{number + 1}.{rest}.",)}

    dns_server.zone = Zone(fallback=on_and_on)
    domain = Domain.objects.of(cast.account).get()
    begun = time.monotonic()
    report = check_domain(domain)
    assert time.monotonic() - begun < 60  # seconds: what a worker gives at most
    told = {f.code for f in report.findings if f.required}
    assert told <= {"alias_loop", "cname_instead"} and not report.passed
    assert all(f.sentence for f in report.findings)


def test_a_server_that_answers_nonsense_is_a_finding(
    cast: Cast, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other ids, cut packets, answers to other questions, silence."""
    monkeypatch.setattr(dns, "ONE_TRY", 0.3)
    monkeypatch.setattr(dns, "LIFETIME", 0.6)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.1)
        settings.DNS_SERVERS = ["127.0.0.1"]  # type: ignore[attr-defined]
        settings.DNS_PORT = server.getsockname()[1]  # type: ignore[attr-defined]
        dns.forget()
        over = threading.Event()

        def lie() -> None:
            number = 0
            while not over.is_set():
                try:
                    packet, peer = server.recvfrom(4096)
                except TimeoutError:
                    continue
                number += 1
                lies = (b"", packet[:11], b"\0\0" + packet[2:], packet, b"\xff" * 600)
                server.sendto(lies[number % 5], peer)

        liar = threading.Thread(target=lie, daemon=True)
        liar.start()
        report = check_domain(Domain.objects.of(cast.account).get())
        over.set()
        liar.join(5)
    assert report.undecided  # nothing is concluded, and a verified domain stays so
    assert all(f.sentence for f in report.findings if f.status != OK)


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
