"""Which checks the policy has asked, edition by edition: what an accepted message's event names.

Whoever adds, removes or moves a check of `policy.CHECKS` adds an edition here, and changes none.
"""

from collections.abc import Mapping

EDITIONS: Mapping[int, tuple[str, ...]] = {
    1: (
        "credential_is_alive",
        "account_may_send",
        "from_domain_is_verified",
        "nobody_elses_address",
        "mail_aligns",
        "an_ip_is_ready",
        "recipients_may_be_mailed",
        "marketing_obeys_consent",
    ),
}
EDITION = max(EDITIONS)
NOTED = "door"  # under which an event keeps it
