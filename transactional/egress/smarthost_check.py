"""The only place that tries a smarthost out: a whole SMTP conversation that sends nothing.

Connect, TLS, AUTH, MAIL FROM, RSET, QUIT, by the same route (never to a private address or to ourselves)
and the same client as mail. It is held by the web process, so from that machine's address.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.utils import timezone

from config.errors import PostinoError, Refusal
from config.sealing import Unreadable
from domains import dns
from domains.models import Domain
from transactional.egress.lookups import ourselves
from transactional.egress.route import Own, Route, over_smarthost
from transactional.egress.sessions import timeouts
from transactional.egress.tls import refused, towards_smarthost
from transactional.models import Smarthost
from transactional.wire.outcome import Login, Outcome, SessionRefused, TlsPolicy
from transactional.wire.reply import Stage
from transactional.wire.session import Session

WHOLE = 20.0  # seconds a test may take in all: a tarpit does not hold a web worker
STEP = 8.0  # seconds for one answer
OK = "ok"
_LOCK = 0x53484F53  # the first key of the lock that lets an account test one at a time


@dataclass(frozen=True, slots=True)
class Checked:
    """What a test found. `code` is stable; `reply` is the server's own word, where it gave one.

    `dialogue` is the conversation without the password.
    """

    code: str
    at: datetime
    reply: str = ""
    address: str = ""
    tls: str = ""
    dialogue: tuple[str, ...] = ()
    data: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether mail may be expected to go through."""
        return self.code == OK


def check(row: Smarthost) -> Checked:
    """Try an account's own smarthost out. Raises PostinoError while another test of it is under way.

    Takes WHOLE seconds at most, and must not be called inside a transaction (RuntimeError).
    """
    if connection.in_atomic_block:
        raise RuntimeError("no conversation inside a transaction")
    if row.account_id is None:
        raise ValueError("an operator's smarthost is not an account's to test")
    # A lock of the session, not of a transaction: it ends with the connection at the latest
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCK, row.account_id % 2**31])
        if not cursor.fetchone()[0]:
            words = "A connection is being tested already: wait until that test has ended."
            raise PostinoError(Refusal("TEST_UNDER_WAY", words, http=429, retryable=True))
    try:
        return _checked(row)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCK, row.account_id % 2**31])


def _checked(row: Smarthost) -> Checked:
    try:
        secret = row.read_password()
    except Unreadable:
        return Checked("password_unreadable", timezone.now())
    login = Login(row.username, secret) if row.username else None
    domains = Domain.objects.of(row.account_id or 0).exclude(verified_at=None).order_by("pk")
    domain = domains.first()
    sender = f"test@{domain.return_path_host if domain else settings.MAIL_HOST}"
    own = ourselves()
    return dns.run(_in_time(row, login, sender, own))


async def _in_time(row: Smarthost, login: Login | None, sender: str, own: Own) -> Checked:
    try:
        async with asyncio.timeout(WHOLE):
            reached = frozenset(await dns.host_addresses(settings.MAIL_HOST))
            own = replace(own, inbound=own.inbound | reached)
            return await _conversation(row, login, sender, own)
    except TimeoutError:
        return Checked("too_slow", timezone.now(), data={"seconds": int(WHOLE)})


async def _conversation(row: Smarthost, login: Login | None, sender: str, own: Own) -> Checked:
    route = await over_smarthost(row.host, row.port, operators=False, own=own)
    if not route.targets:
        return await _nowhere(row)
    return await _first_that_answers(row, route, login, sender)


async def _nowhere(row: Smarthost) -> Checked:
    """No address at all, or none that mail may go to."""
    known = ":" in row.host or row.host.replace(".", "").isdigit()
    addresses = (row.host,) if known else await dns.host_addresses(row.host)
    code = "forbidden_address" if addresses else "no_address"
    return Checked(code, timezone.now(), address=", ".join(addresses[:3]))


async def _first_that_answers(
    row: Smarthost, route: Route, login: Login | None, sender: str
) -> Checked:
    last: Checked | None = None
    data: dict[str, str | int] = {"port": row.port, "sender": sender}
    for target in route.reachable(ipv4=True, ipv6=True)[:2]:
        rule = await towards_smarthost(TlsPolicy(row.tls), target)
        if rule.refusal:
            return _judged(refused(rule), target.address, data)
        try:
            session = await Session.connect(
                target.address, target.port, ehlo=settings.MAIL_HOST, tls=rule.policy,
                server_name=rule.names[0] if rule.names else target.host, names=rule.names,
                timeouts=timeouts(STEP), login=login, tlsa=rule.tlsa,
            )  # fmt: skip
        except SessionRefused as err:
            last = _judged(err.outcome, target.address, data)
            if err.outcome.stage is not Stage.CONNECT:
                return last
            continue
        seen = await session.offer(sender)
        if session.is_usable:
            await session.quit()
        session.close()
        return _judged(seen, target.address, data)
    return last or Checked("no_address", timezone.now())


def _judged(seen: Outcome, address: str, data: Mapping[str, str | int]) -> Checked:
    tls = " ".join(filter(None, (seen.tls_version, seen.tls_cipher)))
    reply = str(seen.reply) if seen.reply is not None else (seen.error or "")
    return Checked(_code(seen), timezone.now(), reply, address, tls, seen.transcript, data)


def _code(seen: Outcome) -> str:
    """The stable word for how a conversation ended."""
    said = (seen.error or "").lower()
    if seen.stage is Stage.MAIL:
        if seen.reply is None:
            return "broken_off"
        if seen.reply.is_positive:
            return OK
        return "login_required" if seen.reply.code == 530 else "sender_refused"
    if seen.stage is Stage.AUTH:
        if seen.reply is not None:
            return "login_refused"
        return "login_without_tls" if "without tls" in said else _auth(said)
    if seen.stage is Stage.STARTTLS:
        if "not offered" in said:
            return "tls_not_offered"
        if "tlsa" in said:
            return "tlsa_failed"
        return "certificate_invalid" if "certificate" in said else "tls_failed"
    if seen.stage is Stage.CONNECT:
        return "no_connection"
    return "refused" if seen.reply is not None else "no_answer"


def _auth(said: str) -> str:
    return "login_not_offered" if "neither" in said else "broken_off"
