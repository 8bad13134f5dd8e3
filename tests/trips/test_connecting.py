"""From "DNS right" to "first signed mail sent from the IP", with the pages open and without a click.

A whole installation, our own DNS in it, NSD above it, a resolver as receivers have one, Chromium.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dkim as dkimpy
import dns.resolver
import httpx
import pytest
from playwright.sync_api import Page, sync_playwright

from bench.chromium import launch
from tests.domains.zone.parent import OURS, Nsd, Resolver, resolving
from tests.installation import Installation, free_port, running
from tests.transactional.egress.sink import Sink
from tests.transactional.egress.sink import running as serving

pytestmark = pytest.mark.stack
ZONE, NAME, ADDRESS = "dns.platform.test", "trip.example", "127.0.0.77"
WITHIN = 120  # seconds; what it takes is printed
MADE = """
from tokens.models import Account
from domains import connect
from transactional.compose import versions
from transactional.models import Campaign, Email
account = Account.objects.get(name='Demo shop')
domain = connect.domain(account, '{name}')
connect.set_dns_mode(domain, 'aliases')
source = connect.source(account, address='{address}', ehlo_name='mail.{name}')
EgressSource = type(source)
EgressSource.objects.of(account).exclude(pk=source.pk).delete()
email = Email.objects.create(
    account=account, name='First', kind='transactional', subject='Hello', html='<p>Hello</p>',
    campaign=Campaign.objects.create(account=account, name='First'),
    from_name='Trip', from_address='hello@{name}',
)
versions.publish(email, by='the tests')
print(account.pk, domain.pk, source.pk, email.pk)
"""


class World:
    """The parent zones and a receiving server; `port` is the resolver's."""

    def __init__(self, nsd: Nsd, sink: Sink, port: int) -> None:
        self.nsd, self.sink, self.port = nsd, sink, port

    def publish(self, zone: str, text: str) -> None:
        self.nsd.write(zone, text)
        self.nsd.reload(zone)

    def key(self, name: bytes, timeout: int = 5) -> bytes:
        """A DKIM key, as the receiver finds it."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], self.port
        return b"".join(resolver.resolve(name.decode(), "TXT")[0].strings)


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[tuple[Installation, World]]:
    zones = (NAME, "platform.test", "sink.test", "0.0.127.in-addr.arpa")
    nsd, our_port = Nsd(tmp_path, zones), int(free_port())
    nsd.write("platform.test", f"dns IN NS ns1.dns\nns1.dns IN A {OURS}\nmx IN A 192.0.2.25\n")
    nsd.write("sink.test", "@ IN MX 10 mx\nmx IN A 127.0.0.1\n")
    nsd.reload("sink.test")
    with serving(Sink()) as sink, resolving(Resolver(nsd.port, our_port)) as port:
        environment = {
            "EGRESS": "mx",
            "EGRESS_PORT": str(sink.port),
            "EGRESS_PRIVATE_NETS": "127.0.0.0/8",
            "DNS_SERVERS": "127.0.0.1",
            "DNS_PORT": str(port),
            "MAIL_HOST": "mx.platform.test",
            "DNSD_ZONE": ZONE,
            "DNSD_NS": f"ns1.{ZONE}",
            "DNSD_ADDRESSES": OURS,
            "DNSD_BIND": OURS,
            "DNSD_PORT": str(our_port),
        }
        with running(**environment) as made:
            yield made, World(nsd, sink, port)
    nsd.close()


def sign_in(page: Page, start: dict[str, Any]) -> None:
    page.goto(f"{start['url']}/login/")
    page.fill("input[name=username]", start["username"])
    page.fill("input[name=password]", start["password"])
    page.click("main button")
    page.wait_for_url("**/a/**")


def test_from_right_dns_to_the_first_signed_mail_without_a_click(
    installation: tuple[Installation, World],
) -> None:
    made, world = installation
    start = made.quickstart
    account, domain, source, email_id = made.shell(MADE.format(name=NAME, address=ADDRESS)).split()
    home = f"{start['url']}/a/{account}/domains"
    with sync_playwright() as playwright:
        browser = launch(playwright)
        context = browser.new_context(locale="en")
        mine, ip = context.new_page(), context.new_page()
        sign_in(mine, start)
        mine.goto(f"{home}/{domain}/")
        ip.goto(f"{home}/ips/{source}/")
        mine.locator("#state", has_text="Not found").wait_for(timeout=60_000)
        exported = context.request.get(f"{home}/{domain}/zone-file/").text()
        # What people do: import the file, and set the names of the IP
        begun = time.monotonic()
        world.publish(NAME, f"{exported}\nmail IN A {ADDRESS}\n")
        world.publish("0.0.127.in-addr.arpa", f"77 IN PTR mail.{NAME}.\n")
        left = (WITHIN - (time.monotonic() - begun)) * 1000
        mine.locator("#state strong", has_text="Verified").first.wait_for(timeout=left)
        verified = time.monotonic() - begun
        left = (WITHIN - (time.monotonic() - begun)) * 1000
        ip.locator("#state strong", has_text="Ready").first.wait_for(timeout=left)
        ready = time.monotonic() - begun
        browser.close()
    body = {"emailId": int(email_id), "message": {"to": "anna@sink.test"}}
    path = "/marketing/v3/transactional/single-email/send"
    bearer = {"Authorization": f"Bearer {start['api_key']}"}
    answer = httpx.post(f"{start['url']}{path}", json=body, headers=bearer, trust_env=False)
    assert answer.json()["status"] == "PENDING", answer.text
    world.sink.wait_for(1, seconds=WITHIN - (time.monotonic() - begun))
    sent = time.monotonic() - begun
    print(f"verified after {verified:.1f} s, IP ready {ready:.1f} s, mail there {sent:.1f} s")
    (envelope,) = world.sink.kept
    assert envelope.peer == ADDRESS
    assert str(envelope.mail_from).endswith(f"@b{account}.{NAME}")
    for index in (0, 1):
        assert dkimpy.DKIM(envelope.data).verify(idx=index, dnsfunc=world.key)
