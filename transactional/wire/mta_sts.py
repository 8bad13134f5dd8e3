"""Reads MTA-STS policies (RFC 8461 §3): what a domain asks of those who send to it."""

import re
from dataclasses import dataclass

ENFORCE, TESTING, NONE = "enforce", "testing", "none"
MODES = frozenset({ENFORCE, TESTING, NONE})
LONGEST = 31_557_600  # seconds a policy may be kept: a year (§3.2)
HOSTS = 100  # mx patterns read
_RECORD = re.compile(r"v=STSv1[ \t]*;")  # others are no record of ours: a later version's neither
_ID = re.compile(r"v=STSv1\s*;(?:[^;]*;)*?\s*id\s*=\s*([A-Za-z0-9]{1,32})\s*(?:;|$)")
_MX = re.compile(r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{1,63}")


class PolicyError(ValueError):
    """The text is no policy."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a domain asks: its mode, the hosts that may take its mail, seconds it may be kept."""

    mode: str
    mx: tuple[str, ...]
    max_age: int

    def allows(self, host: str) -> bool:
        """Whether a mail exchanger is one of the policy's (§4.1)."""
        name = host.lower().rstrip(".")
        parent = name.partition(".")[2]
        return any(
            name == mx or (mx.startswith("*.") and mx[2:] == parent and parent != "")
            for mx in self.mx
        )


def policy_id(records: tuple[str, ...]) -> str:
    """The id in the TXT records of _mta-sts; empty where there is none, or more than one (§3.1)."""
    found = [text for text in records if _RECORD.match(text)]
    if len(found) != 1:
        return ""
    match = _ID.match(found[0])
    return match[1] if match else ""


def read_policy(data: bytes) -> Policy:
    """The policy in a file. Raises PolicyError."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as err:
        raise PolicyError("The policy is not UTF-8.") from err
    fields: dict[str, str] = {}
    hosts: list[str] = []
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if not colon:
            continue
        name, value = name.strip().lower(), value.strip()
        if name == "mx":
            if _MX.fullmatch(value.lower()) and len(hosts) < HOSTS:
                hosts.append(value.lower())
        else:
            fields.setdefault(name, value)
    age = fields.get("max_age", "")
    if fields.get("version") != "STSv1":
        raise PolicyError("The policy has no version STSv1.")
    if fields.get("mode") not in MODES:
        raise PolicyError("The policy's mode is unknown.")
    if not age.isascii() or not age.isdigit() or len(age) > 10:
        raise PolicyError("The policy's max_age is no number.")
    if not hosts and fields["mode"] != NONE:
        raise PolicyError("The policy names no host.")
    return Policy(fields["mode"], tuple(hosts), min(int(age), LONGEST))
