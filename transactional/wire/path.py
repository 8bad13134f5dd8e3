"""The only place for envelope paths and their parameters, as spoken in MAIL and RCPT.

RFC 5321 §4.1.2 (Path, Mailbox, esmtp-param), RFC 6531 §3.3 (internationalised mailboxes).
"""

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address

MAX_LOCAL_OCTETS = 64
MAX_MAILBOX_OCTETS = 254
MAX_LABEL_OCTETS = 63

_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff"
_LOCAL = rf'[{_ATEXT}]+(?:\.[{_ATEXT}]+)*|"(?:[ !#-\[\]-~\u0080-\U0010ffff]|\\[ -~])*"'
_LABEL = r"[A-Za-z0-9_\u0080-\U0010ffff](?:[A-Za-z0-9_\-\u0080-\U0010ffff]*[A-Za-z0-9_\u0080-\U0010ffff])?"
_MAILBOX = re.compile(rf"({_LOCAL})@({_LABEL}(?:\.{_LABEL})*|\[[A-Za-z0-9:.]+\])")
# The path ends at the first `>` that is not inside a quoted local part.
_PATH = re.compile(r' *<((?:"(?:[^"\\]|\\.)*"|[^<>"])*)>(?: +(.*))?', re.S)
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9\-]*)(?:=([!-<>-~]+))?")


class PathError(Exception):
    """A path or parameter that RFC 5321 does not allow; the message says why."""


class NotAscii(PathError):
    """The path needs SMTPUTF8 and the transaction did not ask for it (RFC 6531)."""


def split_path(argument: str) -> tuple[str, dict[str, str | None]]:
    """`<path> KEY=value …` as the text between the brackets and the parameters by upper-case key.

    Raises PathError where there are no brackets, or on a malformed or repeated parameter.
    """
    found = _PATH.fullmatch(argument.rstrip(" "))
    if not found:
        raise PathError("address must be in angle brackets")
    parameters: dict[str, str | None] = {}
    for word in filter(None, (found[2] or "").split(" ")):
        parameter = _PARAMETER.fullmatch(word)
        if not parameter or parameter[1].upper() in parameters:
            raise PathError("malformed or repeated parameter")
        parameters[parameter[1].upper()] = parameter[2]
    return found[1], parameters


@lru_cache(maxsize=1024)
def check_mailbox(address: str, *, smtputf8: bool) -> str:
    """`address` unchanged, if it is a Mailbox that may stand in an envelope.

    Source routes are refused: nobody needs them but relay probes. Raises NotAscii where only
    SMTPUTF8 would allow it, PathError otherwise.
    """
    found = _MAILBOX.fullmatch(address)
    if not found:
        raise PathError("not a mailbox")
    if not address.isascii():
        if not smtputf8:
            raise NotAscii("address needs SMTPUTF8")
        # Format and bidi controls, odd spaces, surrogates, unassigned: nothing a mailbox needs.
        if not address.isprintable():
            raise PathError("invisible character in address")
    local, domain = found[1], found[2]
    octets = len(local.encode()), len(address.encode())
    if octets[0] > MAX_LOCAL_OCTETS or octets[1] > MAX_MAILBOX_OCTETS:
        raise PathError("address too long")
    if domain.startswith("["):
        _check_literal(domain[1:-1])
    elif octets[1] - octets[0] > MAX_LABEL_OCTETS and any(
        len(label.encode()) > MAX_LABEL_OCTETS for label in domain.split(".")
    ):
        raise PathError("domain label too long")
    return address


def _check_literal(text: str) -> None:
    try:
        if text[:5].lower() == "ipv6:":
            IPv6Address(text[5:])
        else:
            IPv4Address(text)
    except AddressValueError as error:
        raise PathError("not an address literal") from error
