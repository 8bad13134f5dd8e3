"""Mail from a confirmed address outside the account's domains leaves as the address that stands in.

Signed by, and aligned with, another domain it cannot be; so From is the account's own, and answers
go to the address that was asked for (unless the mail names another Reply-To).
"""

from transactional.submission.facts import AccountFacts
from transactional.submission.prepare import Prepared
from transactional.wire.address import Address, parse_address


def stand_in(asked: Prepared, account: AccountFacts | None) -> None:
    """Change From and Reply-To of a composed mail, where its From is such an address."""
    if account is None or asked.version is None or asked.from_domain in account.domains:
        return
    instead = account.senders.get(asked.from_.spec.lower())
    if instead is None:
        return
    seen = parse_address(instead)
    if seen.domain_ascii not in account.domains:
        return  # its domain was disconnected: refused like any other
    wanted = asked.from_
    asked.asked_from = wanted.spec
    asked.from_ = Address(seen.local, seen.domain, wanted.name)
    asked.reply_to = asked.reply_to or (wanted,)
    asked.header_id = f"{asked.id.hex}@{seen.domain_ascii}"
