"""The only reader of the environment: every variable of `env_table`, typed and checked.

Nonsense stops the process with a clear message.
"""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from config.env_table import VARIABLES as VARIABLES
from config.stack import runfile


def read(source: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return every variable's value. Raises ImproperlyConfigured naming the variable at fault."""
    given = dict(os.environ if source is None else source)
    # what the `up` that runs on this DATA_DIR decided: other commands join it
    given = {**runfile.published(Path(given.get("DATA_DIR") or "data")), **given}
    reader = environ.Env()
    reader.ENVIRON = given
    values: dict[str, Any] = {}
    for var in VARIABLES:
        if not given.get(var.name):
            values[var.name] = var.default
            continue
        try:
            values[var.name] = reader.get_value(var.name, cast=var.cast, default=var.default)
        except (ValueError, TypeError) as err:
            raise ImproperlyConfigured(f"{var.name}: {given[var.name]!r} is not valid") from err
    _check(values)
    return values


def _check(values: dict[str, Any]) -> None:
    """Refuse values that would only fail later, in the middle of somebody's mail."""
    for name, value in values.items():
        if name.endswith("PORT") and not 0 < value < 65536:
            raise ImproperlyConfigured(f"{name}: {value} is not a port (1 to 65535)")
    _check_addresses("INBOUND_ADDRESSES", values["INBOUND_ADDRESSES"])
    _check_dnsd(values)
    _check_keeping(values)
    days, kept = values["DKIM_ROTATE_DAYS"], values["DKIM_RETIRE_DAYS"]
    if kept < 1 or not (days == 0 or days >= kept + 3):
        # The other selector is free again only then, and its next key has to be seen
        raise ImproperlyConfigured(
            "DKIM_ROTATE_DAYS: use 0, or at least three days more than DKIM_RETIRE_DAYS (1 or more)"
        )
    for name in ("SMTP_MEMORY_MB", "INBOUND_CONNECTIONS_PER_PEER"):
        if values[name] < 1:
            raise ImproperlyConfigured(f"{name}: at least 1")
    egress = values["EGRESS"]
    if egress and egress not in ("mx", "sandbox") and not egress.startswith("relay://"):
        raise ImproperlyConfigured("EGRESS: use mx, sandbox or relay://host:port")
    if values["EGRESS_TIMEOUT"] <= 0:
        raise ImproperlyConfigured("EGRESS_TIMEOUT: use seconds, more than 0")
    if values["EGRESS_DOT_TIMEOUT"] < (600 if values["RETRY_SCALE"] >= 1 else 1):
        raise ImproperlyConfigured(
            "EGRESS_DOT_TIMEOUT: use 600 seconds or more; what a receiver takes and we gave up on arrives twice"
        )
    if not 0 <= values["COMPLAINT_PAUSE_PERCENT"] <= 100:
        raise ImproperlyConfigured(
            "COMPLAINT_PAUSE_PERCENT: use per cent, like 0.3, or 0 for never"
        )
    if values["COMPLAINT_PAUSE_DELIVERED"] < 1:
        raise ImproperlyConfigured("COMPLAINT_PAUSE_DELIVERED: at least 1")
    if values["PLATFORM_FROM"] and "@" not in values["PLATFORM_FROM"]:
        raise ImproperlyConfigured("PLATFORM_FROM: use an address, like Postino <ops@example.com>")
    for name in ("EGRESS_PRIVATE_NETS", "WEBHOOK_PRIVATE_NETS", "MACHINE_NETWORKS"):
        for net in values[name]:
            try:
                ipaddress.ip_network(net)
            except ValueError as err:
                raise ImproperlyConfigured(f"{name}: {net!r} is not a network") from err
    _check_webhooks(values)
    for host in values["DNS_SERVERS"]:
        try:
            ipaddress.ip_address(host)
        except ValueError as err:
            raise ImproperlyConfigured(f"DNS_SERVERS: {host!r} is not an address") from err
    if values["IMAGE_STORE"] not in ("database", "folder"):
        raise ImproperlyConfigured("IMAGE_STORE: use database or folder")
    if values["IMAGE_QUOTA_MB"] < 1:
        raise ImproperlyConfigured("IMAGE_QUOTA_MB: at least 1")
    if values["LOG_LEVEL"] not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ImproperlyConfigured("LOG_LEVEL: use DEBUG, INFO, WARNING or ERROR")


def _check_webhooks(values: dict[str, Any]) -> None:
    """Refuse what would keep webhooks from ever being delivered."""
    for name in ("WEBHOOK_PARALLEL", "WEBHOOK_CONNECTIONS", "WEBHOOK_DAYS"):
        if values[name] < 1:
            raise ImproperlyConfigured(f"{name}: at least 1")
    if not 0 < values["WEBHOOK_SECONDS"] <= 60:
        raise ImproperlyConfigured("WEBHOOK_SECONDS: more than 0, at most 60")
    for port in values["WEBHOOK_PORTS"]:
        if not 0 < port < 65536:
            raise ImproperlyConfigured(f"WEBHOOK_PORTS: {port} is not a port (1 to 65535)")


def _check_keeping(values: dict[str, Any]) -> None:
    """Refuse to keep mail for less long than it may be under way, or content without its message."""
    names = ("KEEP_BODIES_DAYS", "KEEP_MESSAGES_DAYS", "KEEP_EVENTS_DAYS")
    for name in (*names, "KEEP_SEND_IDS_DAYS"):
        if values[name] != 0 and values[name] < 14:
            raise ImproperlyConfigured(f"{name}: use 14 or more, or 0 to keep it for ever")
    bodies, messages, _ = (values[name] or 10**6 for name in names)
    if bodies > messages:
        raise ImproperlyConfigured("KEEP_BODIES_DAYS: at most KEEP_MESSAGES_DAYS")
    if values["LOG_PARTITIONS"] not in ("month", "day"):
        raise ImproperlyConfigured("LOG_PARTITIONS: use month or day")


def _check_addresses(names: str, addresses: list[str]) -> None:
    for address in addresses:
        try:
            ipaddress.ip_address(address)
        except ValueError as err:
            raise ImproperlyConfigured(f"{names}: {address!r} is no IP address") from err


def _check_dnsd(values: dict[str, Any]) -> None:
    """Refuse a DNS of our own that could not be reached, or that would hide other names."""
    zone = values["DNSD_ZONE"].lower().rstrip(".")
    if not zone:
        return
    if "." not in zone:
        raise ImproperlyConfigured(f"DNSD_ZONE: {zone!r} is not a zone like dns.example")
    if not values["DNSD_ADDRESSES"]:
        raise ImproperlyConfigured("DNSD_ADDRESSES: name the addresses under which it is reached")
    named = [*values["DNSD_ADDRESSES"], values["DNSD_BIND"]]
    _check_addresses("DNSD_ADDRESSES, DNSD_BIND", named)
    mine = {"MAIL_HOST": values["MAIL_HOST"], "PUBLIC_URL": urlsplit(values["PUBLIC_URL"]).hostname}
    for name, host in {**mine, "PLATFORM_DOMAIN": values["PLATFORM_DOMAIN"]}.items():
        if host and f".{host.lower()}".endswith(f".{zone}"):
            raise ImproperlyConfigured(f"DNSD_ZONE: {name} lies in it; give it a name of its own")


def markdown() -> str:
    """The settings page of the documentation, from the declarations."""
    lines = [
        "# Settings",
        "",
        "Generated from `config/env_table.py` by `manage.py settings_page`.",
        "",
    ]
    group = ""
    for var in VARIABLES:
        if var.group != group:
            group = var.group
            lines += [f"## {group}", "", "| variable | default | meaning |", "|---|---|---|"]
        default = ",".join(map(str, var.default)) if isinstance(var.default, list) else var.default
        lines.append(f"| `{var.name}` | {f'`{default}`' if default != '' else ''} | {var.text} |")
        following = VARIABLES[VARIABLES.index(var) + 1 :]
        if following and following[0].group != group:
            lines.append("")
    return "\n".join(lines) + "\n"
