"""`manage.py up`: the whole installation as one foreground command."""

import hashlib
import json
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management.base import BaseCommand, CommandError

from config import env as declared
from config.stack import runfile
from config.stack.child import Child
from config.stack.postgres import EmbeddedPostgres
from config.stack.postgres_files import StackError
from config.stack.probes import free_port, port_taken
from config.stack.processes import Settings, Stage, children
from config.stack.servers import DATABASE, postgres_child, valkey_child
from config.stack.supervisor import StartError, Stopped, Supervisor
from config.stack.valkey import EmbeddedValkey

_LOOPBACK = "127.0.0.1"
_LET_GO_SECONDS = 3.0
_PORTS = ("PORT", "SMTP_PORT", "SMTPS_PORT", "INBOUND_PORT")
_SANDBOX_PORTS = ("SANDBOX_SMTP_PORT", "SANDBOX_DNS_PORT")


class Command(BaseCommand):
    """Starts what is missing, migrates, and supervises every process until it is told to stop."""

    help = "Run everything: database and broker unless given, web, SMTP, workers."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """`--demo` makes the demo account."""
        parser.add_argument("--demo", action="store_true", help="set up the demo account")

    def handle(self, *args: Any, demo: bool, **options: Any) -> None:
        """Run until SIGINT or SIGTERM."""
        if not settings.EGRESS:
            raise CommandError("EGRESS is not set: use mx, relay://host:port or sandbox.")
        data_dir: Path = settings.DATA_DIR
        data_dir.mkdir(parents=True, exist_ok=True)
        try:
            with runfile.held(data_dir), Supervisor() as supervisor:
                _run(supervisor, data_dir, demo=demo)
        except Stopped:
            return
        except (StartError, StackError, runfile.AlreadyRunning) as error:
            raise CommandError(str(error)) from error


def _run(supervisor: Supervisor, data_dir: Path, *, demo: bool) -> None:
    env = {"DATA_DIR": str(data_dir), **_sandbox_environment()}
    _refuse_taken_ports()
    env |= _start_servers(supervisor, data_dir)
    runfile.publish(data_dir, env)
    manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
    supervisor.once("migrate", [*manage, "migrate", "--no-input", "-v", "1"], env)
    if digest := _stale_static():
        supervisor.once("static", [*manage, "collectstatic", "--no-input", "--clear", "-v0"], env)
        _stamp().write_text(digest)
    shape: Settings = settings
    supervisor.start(children(shape, env, stage=Stage.SANDBOX))
    if demo:
        supervisor.once("demo", [*manage, "demo"], env)
    for stage in (Stage.WORK, Stage.DOORS):
        supervisor.start(children(shape, env, stage=stage))
    if demo:
        _tell_summary(supervisor, data_dir)
    supervisor.say(f"Postino is ready: {settings.PUBLIC_URL}")
    supervisor.watch()
    supervisor.say("stopping")


def _start_servers(supervisor: Supervisor, data_dir: Path) -> dict[str, str]:
    """Start the servers no variable names; what names them now."""
    group: list[Child] = []
    found: dict[str, str] = {}
    if not settings.DATABASE_URL:
        postgres = EmbeddedPostgres(data_dir)
        supervisor.start([postgres_child(postgres)])
        postgres.create_database(DATABASE)
        found["DATABASE_URL"] = postgres.dsn(DATABASE)
    if not settings.REDIS_URL:
        valkey = EmbeddedValkey(data_dir)
        group.append(valkey_child(valkey))
        found["REDIS_URL"] = valkey.url
    supervisor.start(group)
    return found


def _sandbox_environment() -> dict[str, str]:
    """Ports for the sandbox, others than the defaults if those are taken; its DNS as ours."""
    if not settings.SANDBOX:
        return {}
    defaults = {variable.name: variable.default for variable in declared.VARIABLES}
    found: dict[str, str] = {}
    for name in _SANDBOX_PORTS:
        port: int = getattr(settings, name)
        if _taken(name, port):
            if port != defaults[name]:
                raise _in_use(name, port)
            port = free_port(_LOOPBACK)
        found[name] = str(port)
    if not settings.DNS_SERVERS:
        found |= {"DNS_SERVERS": _LOOPBACK, "DNS_PORT": found["SANDBOX_DNS_PORT"]}
    return found


def _refuse_taken_ports() -> None:
    # a predecessor that was killed a moment ago may not have let go yet
    deadline = time.monotonic() + _LET_GO_SECONDS
    for name in (*_PORTS, *(("DNSD_PORT",) if settings.DNSD_ZONE else ())):
        port: int = getattr(settings, name)
        while _taken(name, port):
            if time.monotonic() > deadline:
                raise _in_use(name, port)
            time.sleep(0.1)


def _in_use(name: str, port: int) -> StartError:
    return StartError(f"Port {port} is in use: set {name} to another one.")


def _taken(name: str, port: int) -> bool:
    if name == "DNSD_PORT":
        bind = settings.DNSD_BIND
        return port_taken(bind, port) or port_taken(bind, port, udp=True)
    if name not in _SANDBOX_PORTS:
        return port_taken(settings.BIND, port)
    return port_taken(_LOOPBACK, port) or (
        name == "SANDBOX_DNS_PORT" and port_taken(_LOOPBACK, port, udp=True)
    )


def _stamp() -> Path:
    return Path(settings.STATIC_ROOT) / ".collected-from"


def _stale_static() -> str:
    """A digest of the static files unless STATIC_ROOT was collected from just these, else ''."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list(None):
            found = Path(storage.path(name)).stat()
            digest.update(f"{name}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    wanted, stamp = digest.hexdigest(), _stamp()
    return "" if stamp.exists() and stamp.read_text() == wanted else wanted


def _tell_summary(supervisor: Supervisor, data_dir: Path) -> None:
    path = data_dir / "quickstart.json"
    start = json.loads(path.read_text())
    smtp = start["smtp"]
    for line in (
        "",
        f"  Web      {start['url']}",
        f"  Sign in  {start['username']} / {start['password']}",
        f"  API key  {start['api_key']}",
        f"  Email    {start['email_id']} (a published receipt)",
        f"  SMTP     {smtp['host']}:{smtp['port']} STARTTLS, :{smtp['tls_port']} TLS",
        f"           {smtp['username']} / {smtp['password']}",
        f"  Inbox    {start['sandbox_inbox_url']}",
        f"  Details  {path}",
        "",
    ):
        supervisor.say(line)
