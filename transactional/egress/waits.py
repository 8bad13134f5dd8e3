"""What mail waits for besides its time, in words: the codes of `egress/cell.py` and of incidents."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domains import sites

SENTENCES = {
    "rate": gettext_lazy("the pace that %(site)s takes"),
    "connections": gettext_lazy("a free connection to %(site)s"),
    "site_busy": gettext_lazy("a free connection to %(site)s"),
    "first_tries": gettext_lazy("its turn among receivers that have not answered yet: %(site)s"),
    "lookups": gettext_lazy(
        "its turn among domains whose name servers have not answered yet: %(site)s"
    ),
    "site_down": gettext_lazy("%(site)s to answer again"),
    "receiver_throttles": gettext_lazy("%(site)s, which asked us to slow down"),
    "lifted": gettext_lazy("its turn with %(site)s, towards which an operator lifted a suspension"),
    "incident": gettext_lazy("the end of an incident with %(site)s"),
    "paused": gettext_lazy("its send to go on, which was paused"),
    "tls_policy": gettext_lazy("the TLS policy of the recipient’s domain"),
    "domain_complaints": gettext_lazy(
        "marketing mail from %(site)s to go on, which is paused since too much of it was reported as spam"
    ),
    "ip_complaints": gettext_lazy(
        "an IP for marketing mail: all of its pool are paused, since too much was reported as spam"
    ),
    "complaints_over": gettext_lazy("its turn, now that a pause over reports of spam has ended"),
    "no_budget": gettext_lazy("the next day’s budget of an IP that is being warmed up"),
}


def tell_wait(parked: str) -> str:
    """A sentence's part for `QueueRow.parked`: its code and its site."""
    code, _space, key = parked.partition(" ")
    site = sites.named(key)
    if not code:
        return ""
    sentence = SENTENCES.get(code)
    if sentence is None:  # a rule's name
        return _("%(site)s, which asked us to slow down") % {"site": site}
    return str(sentence) % {"site": site}
