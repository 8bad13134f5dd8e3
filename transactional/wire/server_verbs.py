"""The SMTP commands a server answers, one function each, on the conversation's state.

RFC 5321 §4.1.1; parameters of RFC 1870 (SIZE), 6152 (BODY), 6531 (SMTPUTF8), 4954 (AUTH=).
"""

from collections.abc import Callable, Mapping
from typing import Final

from transactional.wire.path import NotAscii, PathError, check_mailbox, split_path
from transactional.wire.reply import Reply
from transactional.wire.server_state import TOO_MANY_ERRORS, CheckRcpt, Close, Conversation

SENDER_OK: Final = Reply(250, "2.1.0", ("Ok",)).encode()
RCPT_OK: Final = Reply(250, "2.1.5", ("Ok",)).encode()
NO_ROOM: Final = Reply(452, "4.3.1", ("Too much mail at once, try again later",)).encode()
FLUSHED: Final = Reply(250, "2.0.0", ("Ok",)).encode()

MAX_SURPLUS = 1000  # recipients beyond the limit, in one connection between two messages

Verb = Callable[[Conversation, str], CheckRcpt | Close | None]


def _name(argument: str) -> str | None:
    name = argument.strip()
    if not name or " " in name or len(name) > 255:
        return None
    return name.encode("ascii", "backslashreplace").decode()


def _greet(talk: Conversation, argument: str, *lines: str) -> Close | None:
    name = _name(argument)
    if name is None:
        return talk.refuse(501, "5.5.4", "Syntax: EHLO hostname")
    talk.end_transaction()
    talk.helo = name
    if close := talk.count_idle_command():
        return close
    talk.say(250, None, talk.config.hostname, *lines)
    return None


def ehlo(talk: Conversation, argument: str) -> Close | None:
    """EHLO: greet and list what is offered in the present state."""
    config = talk.config
    lines = ["PIPELINING", f"SIZE {config.size_limit}", "8BITMIME", "SMTPUTF8"]
    if config.tls_context is not None and not talk.tls:
        lines.append("STARTTLS")
    if (config.offer_auth or config.require_auth) and talk.tls:
        lines.append("AUTH PLAIN LOGIN")
    return _greet(talk, argument, *lines, "ENHANCEDSTATUSCODES")


def helo(talk: Conversation, argument: str) -> Close | None:
    """HELO: greet without extensions."""
    return _greet(talk, argument)


def mail(talk: Conversation, argument: str) -> Close | None:
    """MAIL FROM: open a transaction."""
    if talk.helo is None:
        return talk.refuse(503, "5.5.1", "EHLO first")
    if talk.config.require_auth and talk.auth is None:
        first = "Authentication required" if talk.tls else "Issue STARTTLS first"
        return talk.refuse(530, "5.7.0", first)
    if talk.in_transaction:
        return talk.refuse(503, "5.5.1", "MAIL already given")
    if argument[:5].upper() != "FROM:":
        return talk.refuse(501, "5.5.4", "Syntax: MAIL FROM:<address>")
    try:
        path, parameters = split_path(argument[5:])
        if parameters and (refusal := _mail_parameters(talk, parameters)):
            talk.end_transaction()
            talk.out += refusal.encode()
            return talk.count_error()
        talk.mail_from = check_mailbox(path, smtputf8=talk.smtputf8) if path else None
    except NotAscii:
        return _bad_path(talk, 553, "5.6.7", "Address needs SMTPUTF8")
    except PathError as error:
        return _bad_path(talk, 501, "5.1.7", f"Bad sender address: {error}")
    size = int(parameters.get("SIZE") or 0)
    if talk.room is not None and size and not talk.room.admits(talk.sender, size):
        talk.end_transaction()
        if close := talk.count_idle_command():
            return close
        talk.out += NO_ROOM
        return None
    talk.in_transaction = True
    talk.out += SENDER_OK
    return None


def _bad_path(talk: Conversation, code: int, enhanced: str, text: str) -> Close | None:
    talk.end_transaction()
    return talk.refuse(code, enhanced, text)


def _mail_parameters(talk: Conversation, parameters: Mapping[str, str | None]) -> Reply | None:
    for key, value in parameters.items():
        if key == "SIZE":
            if value is None or not value.isdigit() or len(value) > 20:
                return Reply(501, "5.5.4", ("Bad SIZE",))
            if int(value) > talk.config.size_limit:
                return Reply(552, "5.3.4", ("Message size exceeds the limit",))
        elif key == "BODY":
            if value is None or value.upper() not in ("7BIT", "8BITMIME"):
                return Reply(501, "5.5.4", ("Bad BODY",))
            talk.body_8bit = value.upper() == "8BITMIME"
        elif key == "SMTPUTF8" and value is None:
            talk.smtputf8 = True
        elif key != "AUTH" or value is None:
            return Reply(555, "5.5.4", (f"Parameter {key} not recognised",))
    return None


def rcpt(talk: Conversation, argument: str) -> CheckRcpt | Close | None:
    """RCPT TO: one recipient."""
    if not talk.in_transaction:
        return talk.refuse(503, "5.5.1", "MAIL first")
    if argument[:3].upper() != "TO:":
        return talk.refuse(501, "5.5.4", "Syntax: RCPT TO:<address>")
    try:
        path, parameters = split_path(argument[3:])
        if parameters:
            return talk.refuse(555, "5.5.4", "RCPT parameters not recognised")
        # RFC 5321 §4.5.1: the one mailbox that may come without a domain
        if path.lower() != "postmaster":
            check_mailbox(path, smtputf8=talk.smtputf8)
    except NotAscii:
        return talk.refuse(553, "5.6.7", "Address needs SMTPUTF8")
    except PathError as error:
        return talk.refuse(553, "5.1.3", f"Bad recipient address: {error}")
    if len(talk.rcpts) >= talk.config.rcpt_limit:
        # Who asks for a thousand in one go is told so each time (RFC 5321 §4.5.3.1.10), not for ever
        talk.surplus += 1
        if talk.surplus > MAX_SURPLUS:
            return talk.hang_up(TOO_MANY_ERRORS)
        talk.say(452, "4.5.3", "Too many recipients")
        return None
    if talk.check_rcpt:
        return CheckRcpt(talk.envelope(), path)
    talk.rcpts.append(path)
    talk.out += RCPT_OK
    return None


def rset(talk: Conversation, argument: str) -> Close | None:
    """RSET: drop the transaction."""
    talk.end_transaction()
    if close := talk.count_idle_command():
        return close
    talk.out += FLUSHED
    return None


def noop(talk: Conversation, argument: str) -> Close | None:
    """NOOP."""
    if close := talk.count_idle_command():
        return close
    talk.out += FLUSHED
    return None


def vrfy(talk: Conversation, argument: str) -> Close | None:
    """VRFY: never tells (RFC 5321 §7.3)."""
    if close := talk.count_idle_command():
        return close
    talk.say(252, "2.5.2", "Cannot verify, but send and we will see")
    return None


def help_(talk: Conversation, argument: str) -> Close | None:
    """HELP."""
    if close := talk.count_idle_command():
        return close
    talk.say(214, "2.0.0", "EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP STARTTLS AUTH QUIT")
    return None


def quit_(talk: Conversation, argument: str) -> Close | None:
    """QUIT."""
    talk.say(221, "2.0.0", "Bye")
    return Close(polite=True)


def expn(talk: Conversation, argument: str) -> Close | None:
    """EXPN: not offered."""
    return talk.refuse(502, "5.5.1", "EXPN not offered")


def http(talk: Conversation, argument: str) -> Close | None:
    """A browser was tricked into speaking to us: what follows is not the peer's own text."""
    return talk.hang_up(Reply(421, "4.7.0", ("This is not HTTP",)))


VERBS: Final[Mapping[bytes, Verb]] = {
    b"EHLO": ehlo,
    b"HELO": helo,
    b"MAIL": mail,
    b"RCPT": rcpt,
    b"RSET": rset,
    b"NOOP": noop,
    b"VRFY": vrfy,
    b"HELP": help_,
    b"QUIT": quit_,
    b"EXPN": expn,
    **dict.fromkeys((b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT"), http),
}
