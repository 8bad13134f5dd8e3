"""Receivers that misbehave, each with a domain of its own, all at once beside a healthy one.

Rows S1 to S15 of the faults, over a whole installation that delivers by MX. Each domain has a
ledger at the end: what was acknowledged, what the receiver saw, what log, queue and API say.
"""

import os
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes

import dkim
import pytest

from config.stack.probes import smtp_greets
from tests.faults import scene
from tests.faults.behaviours import REFUSALS, send_report
from tests.faults.cases import Cases, Sizes
from tests.faults.ledgers import CAFFE, ledger, letters, place
from tests.faults.post import Post, interleaved, mails
from tests.faults.scene import Scene, within
from tests.faults.world import World, blackhole
from tests.installation import ROOT, free_port, running

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(2400),
    pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated"),
]

FULL = Sizes(bad=500, good=5000, greylist=150, within=200, tarpit=30, drip=1.0)
SMALL = Sizes(bad=8, good=100, greylist=6, within=12, tarpit=2, drip=0.2)
SENDER = "orders@shop.example"


@pytest.fixture(scope="module")
def cases(full_scale: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cases]:
    made = Cases(World(), FULL if full_scale else SMALL, tmp_path_factory.mktemp("tls"))
    with made.world.open():
        yield made


@pytest.fixture(scope="module")
def site(cases: Cases, full_scale: bool) -> Iterator[Scene]:
    world = cases.world
    scale = 0.5 if full_scale else 0.02
    environment = {
        "EGRESS": "mx",
        "EGRESS_PORT": str(world.port),
        "EGRESS_PRIVATE_NETS": "127.0.4.0/24,::1/128",
        "EGRESS_TIMEOUT": "60" if full_scale else "4",
        "EGRESS_DOT_TIMEOUT": "600" if full_scale else "40",
        "DNS_SERVERS": "127.0.0.1",
        "DNS_PORT": str(world.dns.port),
        "MAIL_HOST": "mail.postino.test",
        "RETRY_SCALE": str(scale),
    }
    hole = world.addresses["mx.hole.example"]
    with blackhole(hole, world.port), running(**environment) as installation:
        scene.ready(installation)
        cases.bounce.port = int(installation.ports["INBOUND_PORT"])
        post = Post(installation.quickstart, SENDER)
        yield Scene(installation, world, post, full_scale, scale)


def waits(site: Scene, addresses: list[str]) -> tuple[float, float]:
    """Median and 95th percentile of the seconds from our 250 to the receiver's."""
    came = {copy.to: copy.at for copy in reversed(site.world.books.came)}
    times = sorted(max(0.0, came[to] - site.post.at[to]) for to in addresses)
    return statistics.median(times), times[int(len(times) * 0.95)]


def test_tarpits_delay_nobody_else(site: Scene, cases: Cases) -> None:
    """S6: the same load twice, at the same pace: beside domains that are well, and beside tarpits."""
    sizes, told = cases.sizes, []
    site.post.send(
        mails("good.example", 20, first=9 * sizes.good)
    )  # connections are open, plans made
    assert within(60, lambda: site.taken("good.example") == 20)
    for n, beside in enumerate((("calm1", "calm2"), ("slow", "drip"))):
        good = mails("good.example", sizes.good, first=n * sizes.good)
        others = [mails(f"{name}.example", sizes.bad) for name in beside]
        site.post.send(interleaved(good, *others), pace=100)
        enough = 20 + (n + 1) * sizes.good
        # mypy knows no types of a lambda's parameters
        assert within(60, lambda n=enough: site.taken("good.example") == n)  # type: ignore[misc]
        told.append(waits(site, [mail.to[0] for mail in good]))
    (calm, calm95), (beside_tarpits, beside95) = told
    print(
        f"S6: beside healthy domains p50 {calm:.3f} s, p95 {calm95:.3f} s;"
        f" beside tarpits p50 {beside_tarpits:.3f} s, p95 {beside95:.3f} s"
        f" ({beside95 / calm95:.2f} times)"
    )
    if site.full:
        assert beside95 <= 1.2 * calm95


@pytest.fixture(scope="module")
def after(site: Scene, cases: Cases) -> Scene:
    """Everything was sent at once, and all that can end has ended."""
    sizes = cases.sizes
    good = mails("good.example", sizes.good, first=10 * sizes.good)
    tarpits = ("slow.example", "drip.example")
    wrong = [letters(case) for case in cases.all if case.domain not in tarpits]
    tarpitted = [mails(domain, sizes.bad, first=10 * sizes.bad) for domain in tarpits]
    began = time.monotonic()
    site.post.send(interleaved(good, *wrong, *tarpitted))
    sent = time.monotonic() - began
    ending = [case.domain for case in cases.all if case.ends]
    site.settled([*ending, "good.example"], 240 if site.full else 60)
    print(
        f"{sum(map(len, wrong))} messages sent in {sent:.0f} s, ended {time.monotonic() - began:.0f} s after"
    )
    return site


def test_every_domain_has_its_ledger(after: Scene, cases: Cases) -> None:
    for case in cases.all:
        print(ledger(after, case))
    books = after.world.books.accepted("good.example")
    sent = {to for to in after.post.at if to.endswith("@good.example")}
    assert books == dict.fromkeys(sent, 1)
    assert after.states("good.example") == {"delivered": len(sent)}
    suppressed = dict(after.ask("SELECT address, reason FROM transactional_suppression"))
    hard = {to for to in after.rows("mixed.example") if place(to) == 0}
    hard |= after.rows("bounce.example").keys()
    for domain in ("nowhere", "nullmx"):
        hard |= after.rows(f"{domain}.example").keys()
    assert suppressed == dict.fromkeys(hard, "hard_bounce")


def test_s01_greylists_see_one_path_from_one_ip(after: Scene, cases: Cases) -> None:
    paths = after.world.books.asked_by("grey.example")
    assert {len(seen) for seen in paths.values()} == {1}
    median, _ = waits(after, list(paths))
    print(f"S1: greylisted for {cases.sizes.greylist:.0f} s, there after {median:.1f} s (median)")
    if after.full:
        assert median <= cases.sizes.greylist + 60 * after.scale


def test_s02_expires_once_with_its_last_reply(after: Scene) -> None:
    told = after.ask(
        "SELECT e.data->>'response' FROM transactional_event e JOIN transactional_recipient r"
        " ON r.id = e.recipient_id WHERE e.type = 'expired' AND r.address LIKE %s",
        "%@never.example",
    )
    assert told and all("Not now" in said for (said,) in told)
    assert min(row.attempts for row in after.rows("never.example").values()) >= 3


def test_s03_slows_down_and_comes_back(after: Scene, cases: Cases) -> None:
    """That all of it was delivered in the end is in its ledger."""
    busy = [one for one in after.decisions("busy.example") if one["step"] == "shaping"]
    assert {"slowed", "rule_connections"} & {one["code"] for one in busy}
    slowed = [one["data"] for one in after.decisions("rush.example") if one["code"] == "slowed"]
    assert slowed
    assert all(one["to"] <= max(one["from"] / 2 + 0.1, 1.0) for one in slowed)  # told rounded
    since, minute = cases.rush.since, 60 * after.scale
    assert since is not None
    at = [when for when, _ in after.world.books.rcpts("rush.example")]
    begun = [when for when in at if when < since]
    before = len(begun) / max(since - min(at), 0.1)
    then = sum(since + minute / 2 <= when < since + 1.5 * minute for when in at) / minute
    print(f"S3: {before:.1f} tries a second before the first 421, {then:.1f} from half a minute on")
    if after.full:
        assert then <= before / 2


def test_s04_copies_in_doubt_are_counted_and_bounded(after: Scene) -> None:
    copies = after.world.books.copies
    assert set(Counter(one.to for one in copies("twice.example")).values()) == {3}
    assert set(Counter(one.to for one in copies("always.example")).values()) == {4}
    told = after.events("always.example").values()
    assert {tuple(one) for one in told} == {("accepted", *["uncertain"] * 3, "held")}


def test_s05_the_next_exchanger_takes_it_in_the_same_try(after: Scene) -> None:
    for name in ("mail", "rcpt", "data", "content"):
        domain = f"drops-{name}.example"
        assert {row.attempts for row in after.rows(domain).values()} == {1}, domain
        second = after.world.addresses[f"mx2.{domain}"]
        assert {copy.here for copy in after.world.books.copies(domain)} == {second}


def test_s07_silence_is_left_after_a_while_and_parked(after: Scene) -> None:
    for domain in ("mute.example", "hole.example"):

        def codes(domain: str = domain) -> set[str]:
            return {one["code"] for one in after.decisions(domain)}

        # they have no end to wait for: their first tries may still be running into their timeout
        assert within(90, lambda: "site_down" in codes()), (domain, codes())


def test_s08_refusals_count_for_their_recipient_alone(after: Scene) -> None:
    found = {}
    for to, row in after.rows("mixed.example").items():
        found.setdefault(place(to), set()).add((row.status, row.reply))
    for at, (_, said) in enumerate(REFUSALS):
        assert found[at] == {("bounced", said)}
    assert {status for at in (5, 6, 7) for status, _ in found[at]} == {"delivered"}
    categories = after.ask(
        "SELECT DISTINCT e.data->>'category', e.data->>'response' FROM transactional_event e"
        " JOIN transactional_recipient r ON r.id = e.recipient_id"
        " WHERE e.type = 'bounced' AND r.address LIKE '%%@mixed.example'"
    )
    hard = [said for category, said in categories if category == "hard"]
    assert hard == [REFUSALS[0][1]]


def test_s09_what_a_server_cannot_do(after: Scene) -> None:
    keys = {
        f"{selector}._domainkey.shop.example.".encode(): f"v=DKIM1; k={kind}; p={key}".encode()
        for selector, kind, key in after.ask(
            "SELECT k.selector, k.algorithm, k.public_key FROM domains_dkimkey k"
            " JOIN domains_domain d ON d.id = k.domain_id WHERE d.name = 'shop.example'"
        )
    }
    seven = after.world.books.copies("seven.example")
    for copy in seven[:10]:
        assert copy.data.isascii() and "8BITMIME" not in copy.options
        text = message_from_bytes(copy.data).get_payload(decode=True)
        assert isinstance(text, bytes) and CAFFE in text.decode()
        assert dkim.verify(copy.data, dnsfunc=lambda name, timeout=5: keys.get(name))
    for domain, said in (("ascii", "553 5.6.7"), ("tiny", "552 5.3.4")):
        replies = {row.reply[:9] for row in after.rows(f"{domain}.example").values()}
        assert replies == {said}
        assert not after.world.books.rcpts(f"{domain}.example")


def test_s10_broken_tls_is_gone_round_once_and_remembered(after: Scene, cases: Cases) -> None:
    for name in ("expired", "wrong"):
        assert set(cases.secure[name].under_tls) == {True}
    for name in ("old", "closes", "injects"):
        assert set(cases.secure[name].under_tls) == {False}
    if not after.full:
        return  # it is written down once a minute
    broken = "SELECT host FROM transactional_brokentls"
    # One that only hangs up is remembered where it has done so half a minute apart
    wanted = {f"mx.{name}.example" for name in ("old", "injects")}
    closes = {"mx.closes.example"}
    assert within(90, lambda: {host for (host,) in after.ask(broken)} - closes == wanted)


def test_s11_strange_answers_are_kept_short_and_escaped(after: Scene) -> None:
    for domain in ("multi", "long", "huge", "latin", "bare", "packets", "code999"):
        told = [row.reply for row in after.rows(f"{domain}.example").values()]
        assert max(len(said.encode()) for said in told) <= 4096
        assert all(said.isprintable() for said in told), (domain, told[0][:100])
    longest = "SELECT max(octet_length(reply)), max(octet_length(transcript)) FROM transactional_deliveryattempt"
    ((reply, transcript),) = after.ask(longest)
    assert reply <= 4096 and transcript <= 4096


def test_s12_hosts_of_every_kind_are_found_and_equals_share(after: Scene) -> None:
    shares = Counter(copy.here for copy in after.world.books.copies("equal.example"))
    assert len(shares) == 4
    if after.full:
        assert min(shares.values()) >= 0.15 * sum(shares.values())
    assert {copy.peer for copy in after.world.books.copies("six.example")} == {"::1"}
    for domain in ("prefer", "many"):
        assert {row.attempts for row in after.rows(f"{domain}.example").values()} == {1}


def test_s13_what_dns_says_decides(after: Scene) -> None:
    said = {
        name: {row.reply[:9].rstrip() for row in after.rows(f"{name}.example").values()}
        for name in ("servfail", "silent", "nowhere", "nullmx", "loop", "ours", "private")
    }
    assert said == {
        "servfail": {"451 4.4.3"},
        "silent": {"451 4.4.3"},
        "nowhere": {"550 5.1.2"},
        "nullmx": {"556 5.1.1"},
        "loop": {"550 5.4.6"},
        "ours": {"550 5.4.6"},
        "private": {"550 5.4.6"},
    }


def test_s14_a_refusal_leaves_the_next_message_on_the_connection_alone(after: Scene) -> None:
    here = after.world.addresses["mx.mixed.example"]
    messages = len(after.rows("mixed.example"))
    connections = after.world.books.connections[here]
    print(f"S14: {messages} transactions, five of eight refused, over {connections} connections")
    assert connections < messages
    replies = [row.reply for row in after.rows("mixed.example").values()]
    assert not any("503" in said or "5.5.1" in said for said in replies)


def test_s15_a_report_that_overtakes_us_is_one_bounce(after: Scene, cases: Cases) -> None:
    reports = cases.bounce.reports
    assert set(reports.values()) == {1, 2}
    for to, told in after.events("bounce.example").items():
        # a delay that is told after the end says nothing any more
        delayed = ["deferred"] if place(to) % 4 == 2 else []
        assert told == ["accepted", *delayed, "bounced"], (to, told)


def test_s15_a_report_seven_days_later_counts_once(after: Scene) -> None:
    to, row = next(iter(after.rows("grey.example").items()))
    (path, _), *_ = after.world.books.paths[to]
    port = free_port()
    environment = {**after.installation.environment, **after.installation.joined}
    later = subprocess.Popen(
        ["faketime", "-f", "+7d", sys.executable, "manage.py", "inboundd"],
        cwd=ROOT,
        env={**environment, "INBOUND_PORT": port, "FAKETIME_DONT_FAKE_MONOTONIC": "1"},
        start_new_session=True,  # `faketime` waits for what it runs, and passes no signal on
    )
    try:
        assert within(60, smtp_greets("127.0.0.1", int(port)))
        for key in ("first", "second"):
            send_report(int(port), to, path, "failed", key)
    finally:
        os.killpg(later.pid, signal.SIGTERM)
        later.wait(20)
    assert after.rows("grey.example")[to].status == "bounced" != row.status
    told = after.events("grey.example")[to]
    assert [kind for kind in told if kind != "deferred"] == ["accepted", "delivered", "bounced"]
    assert told[-1] == "bounced"


def test_a_smarthost_takes_what_is_parked_and_what_is_late_once_and_no_doubts(
    after: Scene, cases: Cases
) -> None:
    """Issue 4, points 6 and 10: an account whose stream holds doubts and has a smarthost."""
    made = scene.second(after.installation, after.world.port)
    post = Post(made, "orders@second.example")
    n = 20
    urgent = "X-Postino-Lane: urgent\r\n"
    late = f"X-Postino-Deliver-Within: {cases.sizes.within}\r\n"
    post.send(
        interleaved(
            mails("dead.example", n, headers=urgent),
            mails("later.example", n, headers=late),
            mails("doubt.example", n),
        )
    )
    after.settled(["dead.example", "later.example", "doubt.example"], 240 if after.full else 60)
    books = after.world.books
    for domain, why in (
        ("dead.example", {"direct_way_shut", "direct_way_dead"}),
        ("later.example", {"deadline_near"}),
    ):
        copies = books.copies(domain)
        assert Counter(copy.to for copy in copies) == {f"u{i}@{domain}": 1 for i in range(n)}
        assert {copy.here for copy in copies} == {"127.0.0.1"} and not any(c.resent for c in copies)
        rows = after.rows(domain)
        assert after.states(domain) == {"delivered": n}
        ids = {copy.to: message_from_bytes(copy.data)["X-Postino-Id"] for copy in copies}
        assert ids == {to: row.id for to, row in rows.items()}
        for told in after.events(domain).values():
            assert [kind for kind in told if kind != "deferred"] == ["accepted", "delivered"]
        told_by_api = after.explained(rows[f"u0@{domain}"].message_id, made["api_key"])
        (recipient,) = told_by_api["recipients"]
        assert recipient["status"] == "delivered"
        last = recipient["attempts"][-1]["decisions"]
        assert {one["code"] for one in last if one["step"] == "fallback"} & why
    assert after.states("doubt.example") == {"held": n}
    assert Counter(c.to for c in books.copies("doubt.example")) == {
        f"u{i}@doubt.example": 1 for i in range(n)
    }
