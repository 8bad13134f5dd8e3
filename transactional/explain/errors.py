"""The only place that says in the reader's language what a try met that got no reply."""

import re
from functools import cache

from config.sentences import pattern
from transactional.explain.errors_table import PLACES, SENTENCES
from transactional.wire.reply import Stage

_STAGED = re.compile(rf"(?P<stage>{'|'.join(Stage)}): (?P<error>.+)", re.S)
# Where the encrypted connection failed, that it was being set up says nothing more
_SAYS_WHERE = ("TLS", "no TLS", "STARTTLS", "octets in clear", "connection closed during the TLS", "lease lost",
               "the peer", "out of step", "abandoned", "RSET", "closed by us", "the password", "the server offers")  # fmt: skip


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((pattern(known), known) for known in SENTENCES)


def tell_error(stage: str, error: str) -> str:
    """What happened, and how far the conversation had come; empty where it is not known here."""
    for known, key in _patterns():
        if (found := known.fullmatch(error)) is None:
            continue
        said = str(SENTENCES[key]) % found.groupdict()
        place = PLACES.get(stage, "")
        return said if not place or error.startswith(_SAYS_WHERE) else f"{said} {place}"
    return ""


def tell_reply(text: str) -> str:
    """The same for what recipients and events keep: `stage: error`. A server's reply is not known."""
    found = _STAGED.fullmatch(text)
    return tell_error(found["stage"], found["error"]) if found else ""
