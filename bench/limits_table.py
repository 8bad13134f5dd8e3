"""The limits that a library or the machine sets, µs of CPU per message: what was measured alone.

Each was measured on 2 cores without the rest of the product around it; a limit is what a stage would cost if
it did nothing else.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """µs of one core per message, and what is in it."""

    us: int
    what: str


SMTP = {
    "submission": Limit(
        107, "bare protocol under TLS 44, header block 30, COPY 11, claims and glue"
    ),
    "PostgreSQL": Limit(
        160, "COPY of a batch 134 (wall, with the wait for the disk), claim 17, finish 9"
    ),
    "egress": Limit(730, "DKIM RSA + Ed25519 644, own TLS client 56, links and MIME 30"),
}
API = {
    "web": Limit(626, "Django view + orjson + insert; 199 for bare WSGI, 1150 for DRF alone"),
    "PostgreSQL": Limit(183, "insert through a pool 157, claim 17, finish 9"),
    "egress": Limit(1201, "render, links, text, MIME and both DKIM keys 1145, own TLS client 56"),
}
LIMITS = {"w": SMTP, "smtp": SMTP, "api": API}
