"""The only module that opens sockets: one outgoing SMTP connection and what is said on it.

RFC 5321 §3.1–3.2 (session), RFC 3207 (STARTTLS). Runs on asyncio and uvloop alike.
"""

import asyncio
import errno
import logging
import ssl
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Self

from transactional.wire import client_tls
from transactional.wire.client_tls import BrokenTls, client_context
from transactional.wire.dane import Tlsa, judge
from transactional.wire.outcome import (
    Capabilities,
    Login,
    Outcome,
    SessionRefused,
    Timeouts,
    TlsPolicy,
    read_capabilities,
)
from transactional.wire.reply import Reply, Stage
from transactional.wire.reply_stream import ReplyStream, StreamError, Witness
from transactional.wire.transaction import BeforeDot, Parcel, StillOurs, Transaction, refuse_locally

logger = logging.getLogger(__name__)

_DEFAULT_TIMEOUTS = Timeouts()
# Not an IP of ours, no port, descriptor, buffer or route left, a filter of our own
_OWN_WANTS = frozenset(
    {
        errno.EADDRNOTAVAIL,
        errno.EADDRINUSE,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.EACCES,
        errno.EPERM,
        errno.EAFNOSUPPORT,
        errno.ENETUNREACH,
    }
)


class Session:
    """One connection to one mail exchanger, good for many messages one after the other.

    Made by `connect`. Not for concurrent use: one `deliver` at a time.
    """

    def __init__(
        self, stream: ReplyStream, *, ehlo: str, server_name: str | None, timeouts: Timeouts
    ) -> None:
        self.capabilities = Capabilities()
        self.banner: Reply | None = None
        self.tls_version: str | None = None
        self.tls_cipher: str | None = None
        #: Transactions begun on this connection.
        self.transactions = 0
        #: How TLS failed at this server before, where whoever opened this went on in clear.
        self.in_clear_because = ""
        self._stream = stream
        self._ehlo = ehlo
        self._server_name = server_name.rstrip(".") if server_name else None
        self._timeouts = timeouts
        self._tlsa: tuple[Tlsa, ...] = ()
        self._names: tuple[str, ...] = (self._server_name,) if self._server_name else ()
        self._needs_reset = False
        self._exchange: list[str | Reply] = []
        self._stage = Stage.BANNER  # of the opening, that it has come to

    @classmethod
    async def connect(
        cls,
        host_addr: str,
        port: int,
        *,
        ehlo: str,
        source_address: str | None = None,
        tls: TlsPolicy = TlsPolicy.OPPORTUNISTIC,
        server_name: str | None = None,
        timeouts: Timeouts = _DEFAULT_TIMEOUTS,
        tls_context: ssl.SSLContext | None = None,
        tlsa: tuple[Tlsa, ...] = (),
        names: tuple[str, ...] = (),
        login: Login | None = None,
    ) -> Self:
        """Connect, greet and secure. `host_addr` and `source_address` are IP addresses.

        `server_name` is the MX host name, for SNI and for the certificate. `tls_context` replaces
        the default one of the policy; `tlsa` are the records of a DANE session, and `names` those
        that its certificate may be for under an anchor (without any: `server_name`); `login` is used
        under TLS alone. Raises SessionRefused with the outcome, and ValueError where
        an address is a name or a verified session has no name to verify.
        """
        ip_address(host_addr)
        if tls is TlsPolicy.VERIFIED and not server_name:
            raise ValueError("a verified session needs server_name")
        if not (ehlo.isascii() and ehlo.isprintable()) or " " in ehlo or not ehlo:
            raise ValueError("not an EHLO name")
        local = (str(ip_address(source_address)), 0) if source_address else None
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(timeouts.connect):
                _, stream = await loop.create_connection(
                    ReplyStream, host_addr, port, local_addr=local
                )
        except TimeoutError:
            error = f"no connection in {timeouts.connect:g} s"
            outcome = Outcome(Stage.CONNECT, error=error, duration=loop.time() - began)
            raise SessionRefused(outcome) from None
        except OSError as error:
            text = error.strerror or str(error)
            outcome = Outcome(
                Stage.CONNECT,
                error=text,
                duration=loop.time() - began,
                ours=error.errno in _OWN_WANTS,
            )
            raise SessionRefused(outcome) from error
        session = cls(stream, ehlo=ehlo, server_name=server_name, timeouts=timeouts)
        session._tlsa = tlsa if tls is TlsPolicy.DANE else ()
        session._names = names or session._names
        await session._begin(tls, tls_context, began, login)
        return session

    async def _begin(
        self,
        policy: TlsPolicy,
        context: ssl.SSLContext | None,
        began: float,
        login: Login | None,
    ) -> None:
        try:
            outcome = await self._greet() or await self._secure(policy, context)
            if outcome is None and login is not None:
                outcome = await self._log_in(login)
        except (
            Exception
        ) as fault:  # brought out by what this server says: its mail takes the next host
            name = type(fault).__name__
            logger.exception("unexpected failure at %s, told by a server", self._stage)
            self._stream.fail(f"unexpected failure: {name}")
            outcome = Outcome(self._stage, error=self._stream.failure)
        except BaseException:
            self.close()
            raise
        if outcome is not None:
            if outcome.reply is not None and self._stream.failure is None:
                await self.quit()
            self.close()
            duration = asyncio.get_running_loop().time() - began
            raise SessionRefused(self._complete(outcome, duration, tuple(self._exchange)))

    async def _greet(self) -> Outcome | None:
        try:
            self.banner = await self._stream.reply(self._timeouts.banner)
        except StreamError as error:
            return Outcome(Stage.BANNER, error=str(error))
        self._exchange.append(self.banner)
        if self.banner.code != 220:
            return Outcome(Stage.BANNER, self.banner)
        return await self._hello()

    async def _hello(self) -> Outcome | None:
        self._stage = Stage.EHLO
        self.capabilities = Capabilities()
        try:
            reply = await self._ask(f"EHLO {self._ehlo}", self._timeouts.ehlo)
            if reply.is_positive:
                self.capabilities = read_capabilities(reply)
            elif reply.is_permanent:
                reply = await self._ask(f"HELO {self._ehlo}", self._timeouts.ehlo)
        except StreamError as error:
            return Outcome(Stage.EHLO, error=str(error))
        return None if reply.is_positive else Outcome(Stage.EHLO, reply)

    async def _secure(self, policy: TlsPolicy, context: ssl.SSLContext | None) -> Outcome | None:
        if policy is TlsPolicy.OFF:
            return None
        optional = policy is TlsPolicy.OPPORTUNISTIC
        if not self.capabilities.starttls:
            return None if optional else Outcome(Stage.STARTTLS, error="STARTTLS not offered")
        self._stage = Stage.STARTTLS
        try:
            reply = await self._ask("STARTTLS", self._timeouts.starttls)
            if reply.code != 220:
                return None if optional and reply.code != 421 else Outcome(Stage.STARTTLS, reply)
            if not self._stream.is_quiet:
                # CVE-2021-38371: what came in clear would be read as if it came under TLS.
                self._stream.fail("octets in clear after the STARTTLS reply")
                return Outcome(Stage.STARTTLS, error=self._stream.failure, tls_is_broken=True)
            verify = policy is TlsPolicy.VERIFIED
            await self._handshake(context or client_context(verify=verify))
        except StreamError as error:
            broken = isinstance(error, BrokenTls)
            return Outcome(Stage.STARTTLS, error=str(error), tls_is_broken=broken)
        outcome = await self._hello()
        if outcome is not None and self._rejected_late():
            return Outcome(
                Stage.STARTTLS, error=f"TLS ended before the first reply: {outcome.error}"
            )
        return outcome

    def _rejected_late(self) -> bool:
        """In TLS 1.3 the client has finished before the server checks anything (RFC 8446 §2): a server
        that does not go on from there ends the connection where it would have answered our EHLO.
        """
        unanswered = isinstance(self._exchange[-1], str)
        return unanswered and self._stream.hung_up and self.tls_version == "TLSv1.3"

    async def _handshake(self, context: ssl.SSLContext) -> None:
        limit = self._timeouts.starttls
        secured, about = await client_tls.start(self._stream, context, self._server_name, limit)
        cipher = about.cipher()
        if self._tlsa:
            shown = client_tls.chain(about)
            if problem := judge(shown, self._tlsa, self._names, datetime.now(UTC)):
                secured.abort()
                raise StreamError(f"TLSA: {problem}")
        self.tls_version, self.tls_cipher = about.version(), cipher[0] if cipher else None

    async def _log_in(self, login: Login) -> Outcome | None:
        """AUTH PLAIN, or LOGIN where that is all there is (RFC 4954, RFC 4616). Only under TLS."""
        self._stage = Stage.AUTH
        if self.tls_version is None:
            return Outcome(Stage.AUTH, error="the password is not sent without TLS")
        name, secret = login.username.encode(), login.password.encode()
        try:
            if "PLAIN" in self.capabilities.auth:
                plain = b64encode(b"\0%b\0%b" % (name, secret)).decode()
                reply = await self._ask(f"AUTH PLAIN {plain}", self._timeouts.ehlo, "AUTH PLAIN …")
            elif "LOGIN" in self.capabilities.auth:
                reply = await self._ask("AUTH LOGIN", self._timeouts.ehlo)
                for given in (name, secret):
                    if reply.code != 334:
                        break
                    line = b64encode(given).decode()
                    reply = await self._ask(line, self._timeouts.ehlo, "…")
            else:
                return Outcome(Stage.AUTH, error="the server offers neither AUTH PLAIN nor LOGIN")
        except StreamError as error:
            return Outcome(Stage.AUTH, error=str(error))
        return None if reply.is_positive else Outcome(Stage.AUTH, reply)

    async def _ask(self, command: str, timeout: float, told: str = "") -> Reply:
        self._exchange.append(told or command)
        self._stream.write(command.encode() + b"\r\n")
        reply = await self._stream.reply(timeout)
        self._exchange.append(reply)
        return reply

    @property
    def is_usable(self) -> bool:
        """True while another message may be tried here: the peer is there and has said nothing."""
        return self._stream.is_quiet

    async def deliver(
        self,
        *,
        mail_from: str | None,
        rcpt: str,
        data: bytes,
        before_dot: BeforeDot,
        still_ours: StillOurs = lambda: True,
        witness: Witness | None = None,
        smtputf8: bool = False,
        eight_bit: bool = False,
    ) -> Outcome:
        """Send one message to one recipient. Never raises for what the peer does.

        `data` is the message as signed: CR LF line ends, dots not doubled (ValueError on a bare CR,
        bare LF or NUL). `before_dot` runs once the peer waits for the content, which is sent only
        after it returned True. On False, or after `timeouts.marker` seconds without an answer, no
        content is sent and the connection is closed; what it raises is raised here, the connection
        closed. `still_ours` is asked right before each write: on False nothing more leaves. `witness` is
        told when the dot leaves, and of its answer at once.
        `mail_from` None is the null reverse-path.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        parcel = Parcel(mail_from, rcpt, data, smtputf8=smtputf8, eight_bit=eight_bit)
        if refusal := refuse_locally(parcel, self.capabilities):
            return self._complete(Outcome(Stage.MAIL, refusal, local=True), 0.0, ())
        if not self.is_usable:
            error = self._stream.failure or "the peer spoke while the connection was idle"
            self.close()
            gone = Outcome(Stage.MAIL, error=error, reusable_failure=True)
            return self._complete(gone, 0.0, ())
        transaction = Transaction(
            self._stream,
            parcel,
            capabilities=self.capabilities,
            timeouts=self._timeouts,
            reset_first=self._needs_reset,
        )
        outcome = await transaction.run(before_dot, still_ours, witness)
        self._needs_reset = transaction.needs_reset
        if self.transactions and outcome.stage is Stage.MAIL and self._stream.failure is not None:
            outcome = replace(outcome, reusable_failure=True)
        # How the connection was opened belongs to the story of the message that opened it
        opening = () if self.transactions else tuple(self._exchange)
        self.transactions += 1
        exchange = (*opening, *transaction.exchange)
        return self._complete(outcome, loop.time() - began, exchange)

    def _complete(
        self, outcome: Outcome, duration: float, exchange: tuple[str | Reply, ...]
    ) -> Outcome:
        return Outcome(
            outcome.stage,
            outcome.reply,
            outcome.error,
            local=outcome.local,
            uncertain=outcome.uncertain,
            lease_lost=outcome.lease_lost,
            reusable_failure=outcome.reusable_failure,
            tls_is_broken=outcome.tls_is_broken,
            in_clear_because=self.in_clear_because,
            tls_version=self.tls_version,
            tls_cipher=self.tls_cipher,
            duration=duration,
            exchange=exchange,
        )

    async def offer(self, mail_from: str) -> Outcome:
        """Whether a sender would be taken: MAIL FROM, then RSET; nothing is sent. Ends at MAIL.

        `mail_from` is an ASCII mailbox (ValueError). The outcome's exchange is the whole session's.
        """
        if not (mail_from.isascii() and mail_from.isprintable()) or set(" <>") & set(mail_from):
            raise ValueError("not a mailbox")
        began = asyncio.get_running_loop().time()
        try:
            reply = await self._ask(f"MAIL FROM:<{mail_from}>", self._timeouts.mail)
            if reply.is_positive:
                await self._ask("RSET", self._timeouts.mail)
            outcome = Outcome(Stage.MAIL, reply)
        except StreamError as error:
            outcome = Outcome(Stage.MAIL, error=str(error))
        took = asyncio.get_running_loop().time() - began
        return self._complete(outcome, took, tuple(self._exchange))

    async def reset(self) -> bool:
        """RSET now rather than with the next message; False when the connection did not survive."""
        try:
            reply = await self._ask("RSET", self._timeouts.mail)
        except StreamError:
            return False
        if not reply.is_positive:
            self.close()
            return False
        self._needs_reset = False
        return True

    async def quit(self) -> None:
        """Say goodbye and close; bounded by `timeouts.quit`, never raises."""
        try:
            await self._ask("QUIT", self._timeouts.quit)
        except StreamError:
            self.close()
            return
        transport = self._stream.transport
        # Closed twice, asyncio's of 3.11.2 could not be aborted by a later `close`
        if transport is not None and not transport.is_closing():
            transport.close()
        self._stream.failure = self._stream.failure or "closed by us"

    def close(self) -> None:
        """Hang up at once."""
        self._stream.fail("closed by us")
