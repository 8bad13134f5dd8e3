"""Keys roll while mail flows: each message verifies, by dkimpy, against the zone of its moment."""

import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import dkim as dkimpy
import dns.exception
import dns.resolver
import pytest
from django.utils import timezone

from domains import connect
from domains.checks import check_domain
from domains.dkim import rotation
from domains.models import DnsMode, Domain, KeyState
from domains.records import required
from domains.zone.rows import zone_of_rows
from tests.dns_server import DnsServer
from tests.domains.publish import presented
from tests.transactional.egress.sink import Sink, running
from tests.transactional.egress.test_engine import HTML_MAIL, drained, engine, eventually, token
from tokens.models import Account
from transactional.egress import lookups
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, RawSubmission
from transactional.wire.handler import Envelope
from transactional.wire.reply import Reply

pytestmark = pytest.mark.django_db(transaction=True)
SECOND = timedelta(seconds=1)
# What a worker signs with must be published until it has come: keys are kept for KEPT seconds twice,
# by the room that reads them and by the engine, and the rest is for the way (ten times as long as usual)
KEPT, RETIRING_SECONDS = 0.5, 5


class Receiver:
    """Verifies each message when it comes, with what DNS says then, and keeps what it saw."""

    def __init__(self, port: int) -> None:
        self._resolver = dns.resolver.Resolver(configure=False)
        self._resolver.nameservers, self._resolver.port = ["127.0.0.1"], port
        self._resolver.cache = None
        self.signed: Counter[str] = Counter()
        self.keys: set[bytes] = set()
        self.failed: list[str] = []

    def __call__(self, envelope: Envelope, number: int) -> Reply | None:
        for index in (0, 1):  # RSA, Ed25519
            message = dkimpy.DKIM(envelope.data)
            if message.verify(idx=index, dnsfunc=self._look):
                self.signed[message.selector.decode()[-2:]] += 1
            else:
                self.failed.append(f"{number}: {message.selector.decode()}")
        return None

    def _look(self, name: bytes, timeout: int = 5) -> bytes | None:
        try:
            found = self._resolver.resolve(name.decode(), "TXT")
        except dns.exception.DNSException:
            return None
        text = b"".join(found[0].strings)
        self.keys.add(text)
        return text


def publish(server: DnsServer, domain: Domain) -> None:
    """The customer's aliases, and behind them what `dnsd` would answer now."""
    names = dict(zone_of_rows(1).names)
    for record in required(domain):
        if not record.ours:
            value = presented(record.type, record.value)
            names[record.host.lower()] = {record.type: (value,)}
    server.zone = replace(server.zone, names=names)


def send(account: Account, numbers: range) -> None:
    principal = token(account)
    answers = accept_many(
        [
            RawSubmission(
                principal=principal,
                raw=HTML_MAIL,
                reverse_path=None,
                recipients=(f"u{n}@x.example",),
            )
            for n in numbers
        ]
    )
    assert all(isinstance(answer, Accepted) for answer in answers)


def test_every_message_verifies_while_keys_roll(
    account: Account,
    dns_server: DnsServer,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    full_scale: bool,
) -> None:
    messages, rotations = (1000, 6) if full_scale else (60, 2)
    settings.DNSD_ZONE, settings.DNSD_NS = "dns.platform.test", ["ns1.dns.platform.test"]
    settings.DNSD_ADDRESSES = ["127.0.0.1"]
    settings.DKIM_RETIRE_DAYS = RETIRING_SECONDS / 86400
    monkeypatch.setattr(rotation, "SETTLED_OURS", SECOND)
    monkeypatch.setattr(rotation, "REVOKED", SECOND)
    monkeypatch.setattr(rotation.keys, "FRESH", KEPT)
    monkeypatch.setattr(lookups, "FRESH", KEPT)
    # Other processes are not told of a rotation: their workers sign with what they keep
    monkeypatch.setattr(rotation.keys, "forget", lambda: None)
    domain = Domain.objects.of(account).get()
    connect.set_dns_mode(domain, DnsMode.ALIASES)
    publish(dns_server, domain)
    receiver, sent, rolled = Receiver(dns_server.port), 0, 0
    limit = time.monotonic() + 240
    with running(Sink(receiver)) as sink, engine():
        settings.EGRESS = f"relay://127.0.0.1:{sink.port}"
        while rolled < rotations or sent < messages:
            assert time.monotonic() < limit, (sent, rolled)
            if sent < messages * (rolled + 1) / (rotations + 1) or rolled == rotations:
                send(account, range(sent, min(sent + messages // 20, messages)))
                sent = min(sent + messages // 20, messages)
            check_domain(domain)
            rotation.ask(domain)
            turns = rotation.tend(domain)
            rolled += any(turn.code == rotation.ROTATED for turn in turns)
            publish(dns_server, domain)
            time.sleep(0.2)
        sink.wait_for(messages, seconds=60)
        eventually(drained)
    assert receiver.failed == []
    assert receiver.signed.total() == 2 * messages
    assert {"r1", "r2", "e1", "e2"} <= set(receiver.signed)
    assert len(receiver.keys) >= 2 * rotations  # of two algorithms
    retired = domain.dkim_keys.filter(state=KeyState.RETIRED)
    assert retired.exists() and retired.order_by("pk")[0].retired_at < timezone.now()
