"""A reply without what varies from message to message, so that alike refusals are seen to be alike."""

import re
from functools import lru_cache

LONGEST = 300  # characters of a skeleton
READ = 1000  # of a reply

_VARIES = re.compile(
    r"<?[^\s<>@]{1,64}@[^\s<>,;)\]]{1,255}>?"  # addresses
    r"|https?://\S{1,300}"
    r"|(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])"  # IPv4
    r"|(?<![\w:])(?:[0-9a-f]{1,4}:){2,7}[0-9a-f:]{0,40}"  # IPv6
    r"|(?<![\w.])(?=[\w\-]*\d)[\w\-]{6,}(?:\.[\w\-]+)*"  # queue ids, and names with numbers
    r"|(?<![\w.])\d{4,}",
    re.I,
)
_SPACE = re.compile(r"\s+")


@lru_cache(maxsize=2048)
def skeleton(reply: str) -> str:
    """The reply's fixed words, with its code and enhanced code; the rest is `*`."""
    found = _VARIES.sub("*", reply[:READ])
    return _SPACE.sub(" ", found).strip().lower()[:LONGEST]
