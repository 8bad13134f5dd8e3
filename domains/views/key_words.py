"""What the domain's page says of its DKIM keys and of the mode of its DNS, in the reader's words."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from domains import hosted, records
from domains.dkim import choose, rotation
from domains.models import DnsMode, Domain, KeyState
from domains.views.rows import key_rows

WAITS: dict[str, Promise] = {
    rotation.NOT_SEEN: _("waits until the next key is seen in DNS"),
    rotation.SETTLING: _("waits until resolvers have forgotten what was there before"),
    rotation.NO_NEXT: _("waits until the last rotation's key is revoked"),
}
MODES: dict[str, tuple[Promise, Promise]] = {
    DnsMode.OWN: (
        _("Every record at your provider"),
        _("Each rotation asks you to publish the next keys first."),
    ),
    DnsMode.ALIASES: (
        _("Aliases (CNAME) to our DNS"),
        _("Published once. Keys, return path and SPF follow by themselves."),
    ),
    DnsMode.DELEGATED: (
        _("_domainkey delegated (NS) to our DNS"),
        _("One record for all keys, for domains whose keys all come from here."),
    ),
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why an algorithm's rotation has not happened yet."""

    algorithm: str
    selector: str
    why: Promise
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Mode:
    """A way to publish a domain's records."""

    value: str
    label: Promise
    help: Promise
    chosen: bool


def keys_context(domain: Domain) -> dict[str, object]:
    """The keys, which of them sign now, the next rotation and what it waits for."""
    rows = key_rows(domain)
    signing = {key.pk for key in choose(records.living(domain))}
    now = timezone.now()
    wanted = rotation.to_rotate(domain, now)
    turns = [
        rotation.outlook(domain, row.key, now)
        for row in rows
        if row.key.state == KeyState.ACTIVE and row.key.algorithm in wanted
    ]
    return {
        "keys": rows,
        "signing": [row for row in rows if row.key.pk in signing],
        "signing_ids": signing,
        "due": rotation.due_at(domain),
        "rotate_days": settings.DKIM_ROTATE_DAYS,
        "turns": [
            Waiting(
                "RSA" if t.algorithm == "rsa" else "Ed25519", t.selector, WAITS[t.code], t.until
            )
            for t in turns
            if t.code in WAITS
        ],
        "modes": [
            Mode(value, label, text, value == hosted.mode(domain))
            for value, (label, text) in MODES.items()
        ]
        if hosted.zone()
        else [],
    }
