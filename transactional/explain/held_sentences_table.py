"""The sentences of held mail: what happened, what keeps it, and what sending it again does."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

HAPPENED: Mapping[str, Promise] = {
    "unbuilt": _(
        "Our own delivery broke down %(crashes)s times while it put this message together, before "
        "anything was sent. Mostly such a message is very large, or its template cannot be rendered."
    ),
    "unbuilt_in_doubt": _(
        "An earlier copy was handed over whole and never confirmed. The next one could not be put "
        "together: our own delivery broke down over it %(crashes)s times."
    ),
    "answer_lost": _(
        "The whole message was handed to the receiver’s server, and the connection ended before it "
        "confirmed that."
    ),
    "answer_unclear": _(
        "The whole message was handed to the receiver’s server, whose answer neither takes nor "
        "refuses it."
    ),
    "process_ended": _(
        "The whole message was handed to the receiver’s server, and our own delivery process ended "
        "before the confirmation came."
    ),
    "refused_since": _(
        "An earlier copy was handed over whole and never confirmed. When it was sent again, the "
        "receiver’s server put it off until its time was over."
    ),
    "unreached_since": _(
        "An earlier copy was handed over whole and never confirmed. When it was sent again, no "
        "conversation with the receiver’s server came about before its time was over."
    ),
    "time_over": _(
        "An earlier copy was handed over whole and never confirmed. Its time was over before it could "
        "be sent again."
    ),
}
# What keeps mail in doubt from being sent again by itself, where what happened does not say it
KEPT_BY: Mapping[str, Promise] = {
    "hold": _("Its stream holds such mail."),
    "smarthost": _(
        "It went through the stream’s smarthost, and what is in doubt there is not sent again by itself."
    ),
    "copies": _("%(copies)s copies ended so, and no more are sent by themselves."),
    "deadline": _("Its time was over before it could be sent again."),
}
RELEASED: Mapping[str, Promise] = {
    "marked": _(
        "Sent again, it keeps its Message-ID and is marked as resent: a reader who has a copy gets "
        "one more."
    ),
    "anew": _("Sent again, it is put together anew: no reader has a copy yet."),
    "barred": _(
        "Its address has been suppressed, or its reader has left, meanwhile: it is not sent again; "
        "deciding to do so ends it here."
    ),
    "late": _("The time in which it was of use is over: it cannot be sent again."),
    "gone": _("Its body or secret values are no longer kept: it cannot be sent again."),
}
