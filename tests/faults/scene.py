"""The installation of the receivers' cases, delivering by MX into the world, and what it says."""

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg

from tests.faults.post import Post
from tests.faults.world import World
from tests.installation import Installation

# The world has none of the records that the checks ask for: what a check would find is set
_CHECKED = """
import time
from datetime import timedelta
from django.utils import timezone
from domains.models import Domain, EgressSource
now = timezone.now()
later = now + timedelta(days=1)
# Of a check that is under way nothing is written: it has asked DNS earlier
Domain.objects.update(
    state='verified', verified_at=now, checked_at=now, asked_at=later, next_check_at=later)
EgressSource.objects.update(state='ready', ready_at=now, asked_at=later, next_check_at=later)
time.sleep(1.5)  # every process has read it anew
"""
_READY = """
from domains import dkim, pools
from domains.models import *
from tokens.models import Account
shop = Account.objects.get(name='Demo shop')
six = EgressSource.objects.create(account=shop, address='::1', ehlo_name='six.shop.example')
pools.add(pools.dedicated_pool(shop), six)
"""
_OTHER = """
import json
from tests.cast import make_account
from tokens import credentials
from transactional.models import *
other = make_account('Second shop', domain='second.example', address='127.0.0.40')
row, password = credentials.create_smtp(other, campaign_name='c', create_contact=False, by='t')
Campaign.objects.open_for(row)
_, key = credentials.create_api_key(other, name='k', scopes=['transactional-email'], by='t')
Stream.objects.default(other, 'transactional')
print(json.dumps(dict(username=row.username, password=password, api_key=key)))
"""
_HOLDS = """
relay = Smarthost.objects.create(name='R', host='127.0.0.1', port={port},
    tls='opportunistic')
Stream.objects.of(other).update(uncertain_policy='hold', fallback=relay)
"""
_ROWS = """
WITH chosen AS (SELECT * FROM transactional_recipient WHERE address LIKE %(of)s), told AS (
    SELECT e.recipient_id, array_agg(e.type::text ORDER BY e.at, e.id) AS kinds
    FROM transactional_event e JOIN chosen ON chosen.id = e.recipient_id GROUP BY 1
)
SELECT r.address, r.id::text, r.message_id::text, r.status, r.attempts, r.reply,
       q.id IS NOT NULL, coalesce(told.kinds, '{}')
FROM chosen r LEFT JOIN told ON told.recipient_id = r.id
LEFT JOIN transactional_queuerow q ON q.id = r.id
"""
FINAL = ("delivered", "bounced", "expired", "held", "suppressed", "cancelled")


@dataclass(frozen=True)
class Row:
    """A recipient as the database knows it at one moment."""

    id: str
    message_id: str
    status: str
    attempts: int
    reply: str
    waits: bool  # it has a row in the queue
    events: tuple[str, ...]  # what the log says of it, oldest first


@dataclass(frozen=True)
class Scene:
    """What the cases work on."""

    installation: Installation
    world: World
    post: Post
    full: bool
    scale: float  # of all waits

    def ask(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """One question to the installation's database; its values in order, or all by name."""
        given: Any = values[0] if values and isinstance(values[0], dict) else values
        url = self.installation.joined["DATABASE_URL"]
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as session:
            return session.execute(sql, given).fetchall()

    def taken(self, domain: str) -> int:
        """How many recipients of a domain have their mail, by the receivers' word."""
        return len(self.world.books.accepted(domain))

    def rows(self, domain: str) -> dict[str, Row]:
        """The recipients of a domain, by address: state, queue and log in one snapshot.

        Mail goes on while one looks, so what is compared has to come from one statement.
        """
        return {
            address: Row(*rest, tuple(kinds))
            for address, *rest, kinds in self.ask(_ROWS, {"of": f"%@{domain}"})
        }

    def states(self, domain: str) -> Counter[str]:
        """How many of a domain are where."""
        return Counter(row.status for row in self.rows(domain).values())

    def events(self, domain: str) -> dict[str, list[str]]:
        """What the log says of each address of a domain, oldest first."""
        return {address: list(row.events) for address, row in self.rows(domain).items()}

    def decisions(self, domain: str) -> list[dict[str, Any]]:
        """All that was decided in its attempts."""
        found = self.ask(
            "SELECT d.decisions FROM transactional_deliveryattempt d"
            " JOIN transactional_recipient r ON r.id = d.recipient_id"
            " WHERE r.address LIKE %s AND d.decisions IS NOT NULL",
            f"%@{domain}",
        )
        return [one for (listed,) in found for one in listed]

    def explained(self, message_id: str, key: str = "") -> dict[str, Any]:
        """The API's account of a message."""
        start = self.installation.quickstart
        answer = httpx.get(
            f"{start['url']}/api/v1/messages/{message_id}/explain",
            headers={"Authorization": f"Bearer {key or start['api_key']}"},
            trust_env=False,
            timeout=20,
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def settled(self, domains: list[str], seconds: float) -> None:
        """Wait until nothing of these waits any more. What is stuck is what stands still for so long."""
        sql = (
            "SELECT domain, count(*) FROM transactional_queuerow WHERE domain = ANY(%s) GROUP BY 1"
        )
        least, since = 1 << 62, time.monotonic()
        while left := dict(self.ask(sql, domains)):
            if sum(left.values()) < least:
                least, since = sum(left.values()), time.monotonic()
            assert time.monotonic() - since < seconds, (left, self.installation.lines[-5:])
            time.sleep(0.3)


def ready(installation: Installation) -> None:
    """Let the demo's domain and IPs be usable, and give it an IPv6 address too."""
    installation.shell(_READY + _CHECKED)


def second(installation: Installation, port: int) -> dict[str, Any]:
    """Another account, whose stream holds what is in doubt and has a smarthost; its secrets."""
    return _secrets(installation, _OTHER + _HOLDS.format(port=port))


def other(installation: Installation) -> dict[str, Any]:
    """Another account; its secrets."""
    return _secrets(installation, _OTHER)


def _secrets(installation: Installation, making: str) -> dict[str, Any]:
    made = dict(json.loads(installation.shell(making + _CHECKED).splitlines()[-1]))
    smtp = installation.quickstart["smtp"] | {k: made[k] for k in ("username", "password")}
    return {"smtp": smtp, "api_key": made["api_key"]}


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.2)
    return False
