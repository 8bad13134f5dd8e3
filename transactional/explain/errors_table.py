"""What a try that got no reply met, as `wire` and the system call it, and its sentence; and where."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from transactional.wire.reply import Stage

_BROKE_OFF = _("The connection broke off.")
_NOBODY = _("Nobody takes connections there: it was refused.")
_NO_WAY = _("There is no way to that network from here.")
_TAKEN_OVER = _("Another worker had taken this message over, so nothing was sent here.")
_NO_SMTP = _("Its answer was no SMTP (%(line)s).")
_ENDED = _("The connection was kept from the mail before, and the other server had ended it since.")
_UNFIT = _("The connection was kept from the mail before, and could no longer be used.")
_ENDLESS = _("Its answer had no end.")

# With the holes that `wire` fills; what is longer stands before what it begins with
SENTENCES: Mapping[str, str | Promise] = {
    "connection closed by the peer": _("The other server closed the connection."),
    "connection closed during the TLS handshake": _(
        "The other server closed the connection while encryption was being set up."
    ),
    "connection lost while writing": _BROKE_OFF,
    "connection lost: %(why)s": _("The connection broke off (%(why)s)."),
    "connection lost": _BROKE_OFF,
    "not connected": _BROKE_OFF,
    "Connection reset by peer": _BROKE_OFF,
    "no connection in %(seconds)s s": _("No connection came about within %(seconds)s seconds."),
    "Connection timed out": _("No connection came about in time."),
    "no answer in %(seconds)s s": _("The other server did not answer within %(seconds)s seconds."),
    "Connection refused": _NOBODY,
    "Connect call failed %(where)s": _NOBODY,
    "Network is unreachable": _NO_WAY,
    "No route to host": _NO_WAY,
    "Cannot assign requested address": _("This machine does not have the IP it should leave from."),
    "the peer spoke during the content": _(
        "The other server answered before the whole message was sent."
    ),
    "the peer spoke while the connection was idle": _ENDED,
    "the peer closes the connection": _ENDED,
    "out of step": _UNFIT,
    "abandoned": _UNFIT,
    "closed by us": _UNFIT,
    "RSET refused": _UNFIT,
    "unexpected reply to %(command)s: %(reply)s": _("Its answer did not fit (%(reply)s)."),
    "octets in clear after the STARTTLS reply": _(
        "The other server went on in clear where encryption had to begin, so it was not trusted."
    ),
    "STARTTLS not offered": _(
        "The other server offers no encryption (STARTTLS), which was required."
    ),
    "TLS ended before the first reply: %(why)s": _(
        "The other server ended the encrypted connection before it had said a word (%(why)s)."
    ),
    "unexpected failure: %(why)s": _(
        "Something in its answers brought out a failure of ours, which is logged (%(why)s)."
    ),
    "TLS handshake failed: %(why)s": _("The encrypted connection did not come about (%(why)s)."),
    "no TLS (%(why)s), and nothing in clear: %(reply)s": _(
        "The server has no encryption that works (%(why)s), and takes no mail without it (%(reply)s)."
    ),
    "TLSA: %(why)s": _("Its certificate is not one that its DNS names (TLSA: %(why)s)."),
    "the password is not sent without TLS": _(
        "The server offers no encryption, and a password is not sent without it."
    ),
    "the server offers neither AUTH PLAIN nor LOGIN": _(
        "The server offers no login with a password (AUTH PLAIN or LOGIN)."
    ),
    "lease lost before the copy": _TAKEN_OVER,
    "lease lost before the final dot was sent": _TAKEN_OVER,
    "not an SMTP reply: %(line)s": _NO_SMTP,
    "no separator after the code: %(line)s": _NO_SMTP,
    "reply line without end": _ENDLESS,
    "multi-line reply without end": _ENDLESS,
}

# How far the conversation had come; before the connection there was none
PLACES: Mapping[str, str | Promise] = {
    Stage.BANNER: _("We were waiting for its greeting."),
    Stage.EHLO: _("We had just greeted it."),
    Stage.STARTTLS: _("Encryption was being set up."),
    Stage.AUTH: _("We were logging in."),
    Stage.MAIL: _("We were about to name the sender."),
    Stage.RCPT: _("We had named the recipient."),
    Stage.DATA: _("We had asked whether the message may come."),
    Stage.BODY: _("The message was being sent."),
    Stage.DOT: _("The message was at its end."),
}
