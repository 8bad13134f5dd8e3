"""What to repair where a receiver says why it refuses: the only place for these words."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from transactional.classify import Reason

_ADVICE: dict[str, Promise] = {
    Reason.AUTH_FAILURE: _(
        "What to repair: SPF and DKIM of the From domain have to pass, one of them with the same "
        "domain as the From address (alignment), and the domain needs a DMARC record. The domain’s "
        "page shows which record is missing or wrong."
    ),
    Reason.REQUIRE_PTR: _(
        "What to repair: the IP needs a reverse DNS name (PTR), and that name an address record that "
        "leads back to the IP. Whoever runs the IP sets it."
    ),
    Reason.FAILED_STARTTLS: _(
        "What to repair: this receiver takes mail only under TLS. Set the stream’s TLS to required, "
        "and see the messages’ attempts for what keeps STARTTLS from working."
    ),
}


def advice(reason: str) -> str:
    """What to do about refusals for a reason, in the reader's language; empty where nothing is known."""
    found = _ADVICE.get(reason)
    return str(found) if found is not None else ""
