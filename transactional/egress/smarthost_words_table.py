"""The sentences of a smarthost's test, by its code: what was found, and what to do."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from transactional.egress.smarthost_check import Checked

SENTENCES: Mapping[str, Promise] = {
    "ok": _("The server answered well from the connection to the sender. Mail can go through it."),
    "no_address": _("The server’s name has no address in DNS. Check how it is spelt."),
    "forbidden_address": _(
        "The name leads to a private or local address, or to this installation (%(address)s): mail "
        "never goes there. Give the server’s public name."
    ),
    "no_connection": _(
        "Nobody answered at %(address)s, port %(port)s. Check the name and the port, and whether a "
        "firewall stands between."
    ),
    "no_answer": _(
        "The connection came about, but the server fell silent before it was greeted. Check that an "
        "SMTP server listens at port %(port)s."
    ),
    "refused": _("The server does not want to speak with us. Its answer below says why."),
    "tls_not_offered": _(
        "The server offers no TLS (STARTTLS) at port %(port)s. Choose a port where it does, mostly 587."
    ),
    "tls_failed": _("The encrypted connection did not come about. The details are below."),
    "tlsa_failed": _(
        "The server’s certificate is not the one that its TLSA records in DNS name (DANE), or they cannot "
        "be looked up: whoever runs it has to put that right."
    ),
    "certificate_invalid": _(
        "The server’s certificate is not valid for this name. Give the name that the certificate is "
        "for, or accept any certificate."
    ),
    "login_refused": _("The server does not accept this user name and password."),
    "login_not_offered": _(
        "The server offers no login with a password here (AUTH PLAIN or LOGIN). Try another port, or "
        "leave the user name empty."
    ),
    "login_without_tls": _(
        "A password is only sent under TLS, which the server does not offer here."
    ),
    "login_required": _("The server wants a user name and a password first. Give them above."),
    "sender_refused": _(
        "The server takes the login, but not mail from %(sender)s. Allow your domain there."
    ),
    "broken_off": _(
        "The server broke the connection off. Try again; if it stays so, ask who runs it."
    ),
    "too_slow": _(
        "The test was given up after %(seconds)s seconds: the server answers too slowly."
    ),
    "password_unreadable": _(
        "The password that is kept cannot be read any more, since the installation’s keys have "
        "changed. Give it again."
    ),
}


def tell(found: Checked) -> str:
    """What a test found, as a sentence."""
    return str(SENTENCES[found.code]) % {"address": found.address, **found.data}
