"""The world above our DNS: NSD with the customer's and the parent zones, and a resolver that walks
down from there, as those of receivers do.
"""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype

from domains.zone import Zone, open_server
from tests.installation import free_port
from tests.transactional.loops import running

OURS = "127.0.0.1"  # where dnsd is, as the parent's glue says
PARENTS = "127.0.0.2"  # where NSD is
STEPS = 12
HEAD = "$TTL 60\n@ IN SOA ns.{zone}. hostmaster.{zone}. {serial} 3600 600 86400 60\n@ IN NS ns\n"
CONFIG = """server:
  ip-address: {address}@{port}
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/nsd.pid"
  zonelistfile: "{folder}/zone.list"
  xfrdfile: "{folder}/xfrd.state"
  username: ""
  chroot: ""
  server-count: 1
  verbosity: 2
remote-control:
  control-enable: no
"""


class Nsd:
    """NSD with some zones; `write` and `reload` change them."""

    def __init__(self, folder: Path, zones: tuple[str, ...]) -> None:
        self.port = int(free_port(PARENTS))
        self._folder, self._serial = folder, 0
        config = CONFIG.format(address=PARENTS, port=self.port, folder=folder)
        for zone in zones:
            config += f'zone:\n  name: "{zone}"\n  zonefile: "{zone}.zone"\n'
            self.write(zone, "")
        (folder / "nsd.conf").write_text(config)
        program = shutil.which("nsd") or "/usr/sbin/nsd"
        self._log = (folder / "nsd.log").open("wb")
        self.process = subprocess.Popen(
            [program, "-d", "-c", str(folder / "nsd.conf")],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def write(self, zone: str, text: str) -> None:
        """The records of a zone besides its SOA and NS, in zone-file form."""
        self._serial += 1
        head = HEAD.format(zone=zone, serial=self._serial) + f"ns IN A {PARENTS}\n"
        (self._folder / f"{zone}.zone").write_text(f"$ORIGIN {zone}.\n{head}{text}\n")

    def reload(self, zone: str) -> None:
        """Let it read what was written, and wait until it answers from it."""
        self.wait(zone, "")  # a signal that comes before it is ready would end it
        os.kill(self.process.pid, signal.SIGHUP)
        self.wait(zone, (self._folder / f"{zone}.zone").read_text())

    def wait(self, zone: str, written: str) -> None:
        """Until it answers for a zone, and with the serial number that was written."""
        limit = time.monotonic() + 60
        query = dns.message.make_query(zone, "SOA")
        while time.monotonic() < limit:
            try:
                found = dns.query.udp(query, PARENTS, port=self.port, timeout=0.5)
                serial = found.answer[0][0].serial if found.answer else 0
                if serial and (not written or f" {serial} 3600" in written):
                    return
            except (dns.exception.DNSException, OSError):
                pass
            time.sleep(0.05)
        raise AssertionError((self._folder / "nsd.log").read_text())

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        self._log.close()


class Resolver:
    """Asks from the top, follows referrals and aliases, keeps nothing."""

    def __init__(self, parent_port: int, our_port: int) -> None:
        self._ports = {PARENTS: parent_port, OURS: our_port}

    def resolve(self, query: dns.message.Message) -> dns.message.Message:
        """The response of a resolver to a query."""
        response = dns.message.make_response(query, recursion_available=True)
        name, kind = query.question[0].name, query.question[0].rdtype
        for _ in range(STEPS):
            found = self._ask(name, kind)
            if found is None:
                response.set_rcode(dns.rcode.SERVFAIL)
                return response
            response.set_rcode(found.rcode())
            response.answer += found.answer
            response.authority = found.authority if not found.answer else []
            last = found.answer[-1] if found.answer else None
            if last is None or last.rdtype != dns.rdatatype.CNAME or kind == last.rdtype:
                return response
            name = last[0].target
        response.set_rcode(dns.rcode.SERVFAIL)
        return response

    def _ask(self, name: dns.name.Name, kind: int) -> dns.message.Message | None:
        """The authoritative answer, from referral to referral."""
        server = PARENTS
        for _ in range(STEPS):
            query = dns.message.make_query(name, kind)
            query.flags &= ~dns.flags.RD
            port = self._ports[server]
            try:
                found, _ = dns.query.udp_with_fallback(query, server, port=port, timeout=10)
            except (dns.exception.DNSException, OSError):
                return None
            if found.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                return None
            if found.flags & dns.flags.AA:
                return found
            following = self._referred(found)
            if following is None or following not in self._ports:
                return None
            server = following
        return None

    def _referred(self, found: dns.message.Message) -> str | None:
        """The address of a server that a referral names."""
        for rrset in found.additional:
            if rrset.rdtype == dns.rdatatype.A:
                return str(rrset[0].address)
        for rrset in found.authority:
            if rrset.rdtype == dns.rdatatype.NS:
                answer = self._ask(rrset[0].target, dns.rdatatype.A)
                if answer is not None and answer.answer:
                    return str(answer.answer[0][0].address)
        return None


@contextmanager
def resolving(resolver: Resolver) -> Iterator[int]:
    """The resolver as a UDP server on loopback; its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.1)

        stopping = threading.Event()

        def loop() -> None:
            while not stopping.is_set():
                try:
                    packet, peer = server.recvfrom(4096)
                except TimeoutError:
                    continue
                reply = resolver.resolve(dns.message.from_wire(packet))
                server.sendto(reply.to_wire(max_size=65000), peer)

        threads = [threading.Thread(target=loop, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        yield server.getsockname()[1]
        stopping.set()
        for thread in threads:
            thread.join(5)


class OurDns:
    """The zone that a test gives `dnsd`'s server."""

    def __init__(self) -> None:
        self.zone = Zone(origins=(), resolves=False)

    @contextmanager
    def serving(self) -> Iterator[int]:
        """Answer on loopback; the port."""

        async def zone() -> Zone:
            return self.zone

        async def serve() -> AsyncIterator[int]:
            listening = await open_server(OURS, 0, zone)
            yield listening.port
            listening.close()

        with running(serve) as server:
            yield server.value
