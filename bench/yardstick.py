"""The same work done by Postfix, alone and with OpenDKIM: what ours is held against.

Debian's programs with a configuration of their own in a temporary folder: mail from this machine
taken over STARTTLS, queued with Postfix's own fsync, delivered over STARTTLS to the same sink with
kept connections. OpenDKIM signs with RSA-2048; nothing is tracked, no event is kept.
"""

import os
import pwd
import shutil
import smtplib
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from bench.cpu import Meter
from bench.load import unverified
from bench.message import DOMAIN
from config.certificate import given_or_own
from config.stack.probes import free_port

_PROGRAMS = ("postfix", "opendkim", "openssl")
_MASTER = """\
smtp      inet  n  -  n  -  -   smtpd
pickup    unix  n  -  n  60 1   pickup
cleanup   unix  n  -  n  -  0   cleanup
qmgr      unix  n  -  n  300 1  qmgr
tlsmgr    unix  -  -  n  1000? 1 tlsmgr
rewrite   unix  -  -  n  -  -   trivial-rewrite
bounce    unix  -  -  n  -  0   bounce
defer     unix  -  -  n  -  0   bounce
trace     unix  -  -  n  -  0   bounce
verify    unix  -  -  n  -  1   verify
flush     unix  n  -  n  1000? 0 flush
proxymap  unix  -  -  n  -  -   proxymap
smtp      unix  -  -  n  -  -   smtp
relay     unix  -  -  n  -  -   smtp
error     unix  -  -  n  -  -   error
retry     unix  -  -  n  -  -   error
discard   unix  -  -  n  -  -   discard
anvil     unix  -  -  n  -  1   anvil
scache    unix  -  -  n  -  1   scache
postlog   unix-dgram n - n - 1  postlogd
"""


def available() -> bool:
    """Whether Debian's packages are there, and we may start them."""
    return os.geteuid() == 0 and all(shutil.which(name) for name in _PROGRAMS)


class Postfix:
    """One Postfix on a free port, with OpenDKIM as its milter where `signing`."""

    def __init__(self, sink_port: int, *, signing: bool) -> None:
        self.name = "Postfix + OpenDKIM" if signing else "Postfix"
        self.folder = Path(tempfile.mkdtemp(prefix="yardstick-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.port = free_port("127.0.0.1")
        self._milter = self._start_milter() if signing else None
        try:
            self._configure(sink_port)
            self._run("start")
            self._await_tls()
        except BaseException:
            self.close()
            raise
        meters = [Meter(int((self.folder / "queue" / "pid" / "master.pid").read_text()))]
        if self._milter is not None:
            meters.append(Meter(self._milter.pid))
        self._meters = meters

    def cpu(self) -> float:
        """CPU seconds of all its processes so far."""
        return sum(Counter.total(meter.read()) for meter in self._meters)

    def close(self) -> None:
        """Stop both and remove their files."""
        self._run("stop", check=False)
        if self._milter is not None:
            self._milter.terminate()
            self._milter.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _await_tls(self) -> None:
        """Its TLS manager starts at the first connection, and twenty at once would be too early."""
        limit = time.monotonic() + 30
        while True:
            try:
                with smtplib.SMTP("127.0.0.1", self.port, timeout=5) as probe:
                    probe.starttls(context=unverified())
                    return
            except (OSError, smtplib.SMTPException):
                if time.monotonic() > limit:
                    raise
                time.sleep(0.2)

    def _run(self, verb: str, *, check: bool = True) -> None:
        subprocess.run(["postfix", "-c", str(self.folder / "conf"), verb], check=check)

    def _start_milter(self) -> subprocess.Popen[bytes]:
        key = self.folder / "dkim.key"
        subprocess.run(["openssl", "genrsa", "-traditional", "-out", key, "2048"], check=True)
        key.chmod(0o600)
        self._milter_port = free_port("127.0.0.1")
        conf = self.folder / "opendkim.conf"
        conf.write_text(
            f"Domain {DOMAIN}\nSelector bench\nKeyFile {key}\nMode s\nSyslog no\nRequireSafeKeys no\nBackground no\n"
            f"Canonicalization relaxed/relaxed\nSocket inet:{self._milter_port}@127.0.0.1\n"
        )
        return subprocess.Popen(["opendkim", "-f", "-x", str(conf)])

    def _configure(self, sink_port: int) -> None:
        for name in ("conf", "queue", "data"):
            (self.folder / name).mkdir()
        owner = pwd.getpwnam("postfix")
        os.chown(self.folder / "data", owner.pw_uid, owner.pw_gid)
        files = given_or_own(cert="", key="", directory=self.folder / "tls", names=["mail.example"])
        values = {
            "compatibility_level": "3.6",
            "queue_directory": self.folder / "queue",
            "data_directory": self.folder / "data",
            "maillog_file": self.folder / "mail.log",
            "maillog_file_prefixes": self.folder,
            "myhostname": "mail.example",
            "mydestination": "",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8",
            "smtpd_relay_restrictions": "permit_mynetworks, reject",
            "relayhost": f"[127.0.0.1]:{sink_port}",
            "alias_maps": "",
            "smtpd_tls_cert_file": files.cert,
            "smtpd_tls_key_file": files.key,
            "smtpd_tls_security_level": "may",
            "smtp_tls_security_level": "may",
            # Without these it would open a connection for each message under TLS
            "smtp_tls_connection_reuse": "yes",
            "smtp_connection_cache_destinations": "[127.0.0.1]",
        }
        if self._milter is not None:
            values["smtpd_milters"] = f"inet:127.0.0.1:{self._milter_port}"
        (self.folder / "conf" / "main.cf").write_text(
            "".join(f"{name} = {value}\n" for name, value in values.items())
        )
        tlsproxy = "tlsproxy  unix  -  -  n  -  0  tlsproxy\n"
        port = _MASTER.replace("smtp      inet", f"127.0.0.1:{self.port} inet")
        (self.folder / "conf" / "master.cf").write_text(port + tlsproxy)
