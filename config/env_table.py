"""The declaration of every variable of the environment: type, default, and what it is for.

`docs/settings.md` is generated from it.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: how it is read, what it is without a value, what it is for."""

    name: str
    cast: type | list[type]
    default: Any
    text: str
    group: str


def _v(group: str, name: str, cast: type | list[type], default: Any, text: str) -> Variable:
    return Variable(name=name, cast=cast, default=default, text=text, group=group)


VARIABLES: tuple[Variable, ...] = (
    _v("Core", "DATA_DIR", str, "data", "Folder for all that Postino keeps on this host."),
    _v(
        "Core",
        "DISK_RESERVE_MB",
        int,
        256,
        "Free megabytes of DATA_DIR's disk below which no mail is accepted; 0: no limit.",
    ),
    _v("Core", "DEBUG", bool, False, "Django's debug pages; never on a machine others can reach."),
    _v("Core", "SECRET_KEY", str, "", "Signs sessions; empty: made once and kept in DATA_DIR."),
    _v(
        "Core",
        "KEYRING",
        str,
        "",
        "Key ring as JSON, for several hosts; empty: a file in DATA_DIR.",
    ),
    _v("Core", "DATABASE_URL", str, "", "PostgreSQL 15 or newer; empty: `up` starts its own."),
    _v("Core", "REDIS_URL", str, "", "Redis or Valkey; empty: `up` starts its own."),
    _v("Core", "TIME_ZONE", str, "UTC", "Time zone in which pages show times."),
    _v("Core", "LOG_LEVEL", str, "INFO", "DEBUG, INFO, WARNING or ERROR."),
    _v(
        "Keeping",
        "KEEP_BODIES_DAYS",
        int,
        90,
        "Days for which the content of messages is kept; 0: for ever.",
    ),
    _v(
        "Keeping",
        "KEEP_MESSAGES_DAYS",
        int,
        400,
        "Days for which messages, their recipients and tries are kept; 0: for ever.",
    ),
    _v(
        "Keeping",
        "KEEP_EVENTS_DAYS",
        int,
        400,
        "Days for which events are kept; 0: for ever. What was counted from them stays.",
    ),
    _v(
        "Keeping",
        "KEEP_SEND_IDS_DAYS",
        int,
        400,
        "Days for which a sendId makes at most one mail; 0: for ever.",
    ),
    _v(
        "Keeping",
        "LOG_PARTITIONS",
        str,
        "month",
        "How much of the log one partition holds, and goes at once: month, or day (from about a "
        "million messages a day).",
    ),
    _v("Web", "PORT", int, 8000, "HTTP port."),
    _v("Web", "BIND", str, "127.0.0.1", "Address on which web and SMTP listen."),
    _v(
        "Web", "PUBLIC_URL", str, "", "Address people reach us under; empty: http://127.0.0.1:PORT."
    ),
    _v("Web", "ALLOWED_HOSTS", [str], [], "Host names the web answers to besides PUBLIC_URL's."),
    _v("Web", "SECURE_COOKIES", bool, True, "Cookies over HTTPS only; `make run` turns it off."),
    _v("Web", "TRUSTED_PROXIES", [str], [], "Proxies whose X-Forwarded-For is believed."),
    _v("Web", "WEB_WORKERS", int, 2, "Web processes."),
    _v(
        "Web",
        "METRICS_TOKEN",
        str,
        "",
        "Bearer token that /metrics wants, of 16 characters or more; empty, and no METRICS_NETS: off.",
    ),
    _v("Web", "METRICS_NETS", [str], [], "Networks whose hosts may ask for /metrics without it."),
    _v("Web", "RATE_LIMIT_10S", int, 0, "API calls per account in 10 seconds; 0: no limit."),
    _v(
        "Web",
        "IMAGE_STORE",
        str,
        "database",
        "Where uploaded images are kept: database, or folder (DATA_DIR/images, which several web "
        "hosts must share).",
    ),
    _v(
        "Web",
        "IMAGE_URL",
        str,
        "",
        "Address of images in mail, best on a host of its own; empty: PUBLIC_URL.",
    ),
    _v("Web", "IMAGE_QUOTA_MB", int, 500, "Megabytes of images an account may keep."),
    _v(
        "Web",
        "WEB_VERSION_DAYS",
        int,
        90,
        "How long a mail can be read in a browser; 0: its link leads nowhere.",
    ),
    _v("SMTP in", "SMTP_PORT", int, 2587, "Submission with STARTTLS."),
    _v("SMTP in", "SMTPS_PORT", int, 2465, "Submission with implicit TLS."),
    _v("SMTP in", "INBOUND_PORT", int, 2525, "Bounces and complaints that come back."),
    _v("SMTP in", "INBOUND_ADDRESSES", [str], [], "Further public addresses of inboundd, port 25."),
    _v(
        "SMTP in",
        "SMTP_HOSTNAME",
        str,
        "localhost",
        "Our name in greetings; the certificate's name.",
    ),
    _v("SMTP in", "SMTP_TLS_CERT", str, "", "PEM file; empty: a self-signed one in DATA_DIR."),
    _v("SMTP in", "SMTP_TLS_KEY", str, "", "PEM file of the certificate's key."),
    _v("SMTP in", "SMTP_SIZE_LIMIT", int, 25 * 1024 * 1024, "Largest message accepted, in octets."),
    _v("SMTP in", "SMTP_RCPT_LIMIT", int, 100, "Recipients per submitted message."),
    _v(
        "SMTP in",
        "SMTP_MEMORY_MB",
        int,
        256,
        "Megabytes of mail that each SMTP server holds while it comes in and is stored (three of the "
        "largest messages at the least); beyond it senders are told to come again.",
    ),
    _v(
        "SMTP in",
        "INBOUND_CONNECTIONS_PER_PEER",
        int,
        50,
        "Connections that one address (of IPv6 one /64) may have to INBOUND_PORT; more behind a proxy.",
    ),
    _v("SMTP out", "EGRESS", str, "", "Default transport: mx, sandbox or relay://host:port."),
    _v("SMTP out", "EGRESS_PORT", int, 25, "Port of other people's mail servers."),
    _v("SMTP out", "EGRESS_PRIVATE_NETS", [str], [], "Private networks mail may be delivered to."),
    _v(
        "SMTP out",
        "EGRESS_WORKERS",
        int,
        2,
        "Delivery processes `up` starts, the urgent one besides; as many as there are cores.",
    ),
    _v(
        "SMTP out",
        "WORKER_HOST",
        str,
        "",
        "This machine's name among those that deliver, as its IPs name it; empty: its host name.",
    ),
    _v("SMTP out", "EGRESS_SESSIONS", int, 100, "Open SMTP sessions per delivery process."),
    _v("SMTP out", "LEASE_SECONDS", int, 30, "How long a worker holds a message without a sign."),
    _v(
        "SMTP out",
        "EGRESS_TIMEOUT",
        float,
        60.0,
        "Seconds a receiver may take for an answer, half of it to connect; after the final dot EGRESS_DOT_TIMEOUT.",
    ),
    _v(
        "SMTP out",
        "EGRESS_DOT_TIMEOUT",
        float,
        600.0,
        "Seconds to wait for the answer to a whole message, 600 or more (RFC 5321 §4.5.3.2.6): hanging up early makes second copies. Less only beside a RETRY_SCALE below 1, in tests.",
    ),
    _v(
        "SMTP out",
        "RETRY_SCALE",
        float,
        1.0,
        "Factor on every wait between two tries, of limits and of incidents; 1 in production.",
    ),
    _v(
        "SMTP out",
        "GLOBAL_BLOCK_ACCOUNTS",
        int,
        3,
        "Accounts in which an address bounces for good within 60 days before none may mail it; "
        "0: never.",
    ),
    _v(
        "SMTP out",
        "COMPLAINT_PAUSE_PERCENT",
        float,
        0.3,
        "Rate of spam complaints (per cent of what was delivered) from which a domain's or shared IP's "
        "marketing mail is paused; 0: never.",
    ),
    _v(
        "SMTP out",
        "COMPLAINT_PAUSE_DELIVERED",
        int,
        1000,
        "Messages that must have been delivered, to receivers that report complaints, for that.",
    ),
    _v("SMTP out", "EGRESS_TLS_VERIFY", bool, False, "Refuse certificates that do not verify."),
    _v("SMTP out", "MTA_STS_PORT", int, 443, "Port of other people's MTA-STS policies."),
    _v(
        "Webhooks",
        "WEBHOOK_PRIVATE_NETS",
        [str],
        [],
        "Private networks in which webhook endpoints may be.",
    ),
    _v("Webhooks", "WEBHOOK_PORTS", [int], [80, 443], "Ports on which webhook endpoints may be."),
    _v("Webhooks", "WEBHOOK_SECONDS", float, 10.0, "How long an endpoint may take to answer."),
    _v(
        "Webhooks",
        "WEBHOOK_PARALLEL",
        int,
        8,
        "POSTs to one endpoint at once, per webhook process.",
    ),
    _v(
        "Webhooks",
        "WEBHOOK_RATE",
        float,
        200.0,
        "POSTs a second to one endpoint, per webhook process; 0: no limit.",
    ),
    _v("Webhooks", "WEBHOOK_CONNECTIONS", int, 300, "POSTs at once, per webhook process."),
    _v(
        "Webhooks",
        "WEBHOOK_DAYS",
        int,
        14,
        "How long deliveries, dead letters too, can be looked at and replayed.",
    ),
    _v(
        "Counting",
        "MACHINE_NETWORKS",
        [str],
        [],
        "Networks of mail scanners that you know, as CIDR: opens and clicks from them are machines'.",
    ),
    _v("DNS", "DNS_SERVERS", [str], [], "Resolvers to ask; empty: the system's."),
    _v("DNS", "DNS_PORT", int, 53, "Port of those resolvers."),
    _v(
        "DNS",
        "DNS_VALIDATES",
        bool,
        False,
        "They check DNSSEC and the way to them is safe (best: on this host): turns DANE on.",
    ),
    _v("Our DNS", "DNSD_ZONE", str, "", "Zone that `dnsd` serves, like dns.example; empty: off."),
    _v("Our DNS", "DNSD_BIND", str, "0.0.0.0", "Address on which `dnsd` answers."),  # noqa: S104 — the world asks it
    _v("Our DNS", "DNSD_PORT", int, 53, "Port on which `dnsd` answers, UDP and TCP."),
    _v("Our DNS", "DNSD_NS", [str], [], "Name servers of the zone; empty: ns1 and ns2 below it."),
    _v("Our DNS", "DNSD_ADDRESSES", [str], [], "Public addresses under which `dnsd` is reached."),
    _v("Our DNS", "DNSD_RATE", int, 100, "UDP answers a second to one network (/24, /56)."),
    _v("DKIM", "DKIM_ROTATE_DAYS", int, 90, "Age at which signing keys are rotated; 0: never."),
    _v(
        "DKIM",
        "DKIM_RETIRE_DAYS",
        int,
        7,
        "How long a key that signs no more stays published, for mail under way.",
    ),
    _v(
        "DNS",
        "BLOCKLISTS",
        bool,
        True,
        "Look our IPs and domains up in DNS blocklists; never done in a sandbox.",
    ),
    _v("Sandbox", "SANDBOX", bool, False, "`up` runs the sandbox: sink, DNS and inbox."),
    _v("Sandbox", "SANDBOX_SMTP_PORT", int, 2526, "Where the sandbox's sink listens."),
    _v("Sandbox", "SANDBOX_DNS_PORT", int, 2553, "Where the sandbox answers DNS (UDP and TCP)."),
    _v("Identity", "PLATFORM_DOMAIN", str, "postino.localhost", "Domain of our own host names."),
    _v(
        "Identity",
        "PLATFORM_FROM",
        str,
        "",
        "Address of our own mail (confirmations, TLS reports), on a domain verified here.",
    ),
    _v("Identity", "MAIL_HOST", str, "", "Name that MX records of return-path hosts point to."),
)
