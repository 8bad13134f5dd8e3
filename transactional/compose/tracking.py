"""Which links of a message are counted: never one that carries a secret or works once.

`data-no-track` on a link and the email's own switches are read before this is asked.
"""

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from urllib.parse import quote, unquote

# Names in a query or a fragment whose values let whoever holds them act as somebody
_TOKEN = re.compile(
    r"[?&#;][\w.-]*(?:token|otp|otc|secret|passw(?:or)?d|passcode|signature|jwt|magic)"
    r"[\w.-]*=[^&#;]{6}",
    re.IGNORECASE,
)
_BEARER = re.compile(r"/eyJ[\w-]{10,}\.[\w-]+\.")  # a JSON web token within the path (RFC 7519)


@dataclass(frozen=True, slots=True)
class Tracked:
    """Whether a link leads through us, and the code that says why."""

    yes: bool
    code: str


OURS = Tracked(False, "OWN_LINK")
SECRET = Tracked(False, "SECRET_IN_LINK")
TOKEN = Tracked(False, "TOKEN_IN_LINK")
YES = Tracked(True, "TRACKED")


def decide(url: str, *, base: str, secrets: AbstractSet[str] = frozenset()) -> Tracked:
    """Judge one link; `base` is where our own links live, `secrets` the message's secret values."""
    if url.startswith(f"{base}/"):
        return OURS  # unsubscribe: a click on one is no click
    if secrets and _holds(url, secrets):
        return SECRET
    if ("=" in url and _TOKEN.search(url)) or ("/eyJ" in url and _BEARER.search(url)):
        return TOKEN
    return YES


def _holds(url: str, secrets: AbstractSet[str]) -> bool:
    plain = unquote(url)
    return any(one in url or one in plain or quote(one, safe="") in url for one in secrets)
