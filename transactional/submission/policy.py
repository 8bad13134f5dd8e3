"""The policy: small named checks, in order. Each can say why it refuses, in words to act on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from config.errors import Refusal
from transactional import mailable
from transactional.contacts import ContactFacts
from transactional.models import Kind, SuppressionReason
from transactional.submission.facts import AccountFacts
from transactional.submission.prepare import Prepared
from transactional.suppressions import SuppressionFacts
from transactional.wire.address import Address


@dataclass(frozen=True, slots=True)
class Known:
    """What a batch knows: accounts, live credentials, suppressions, contacts, and the subscription
    types that people have left.
    """

    accounts: Mapping[int, AccountFacts]
    alive: set[str]
    suppressions: Mapping[tuple[int, str], SuppressionFacts]
    contacts: Mapping[tuple[int, str], ContactFacts]
    stopped: Mapping[tuple[int, str], frozenset[int]]
    #: Who owns the domains that return-paths and Reply-To name (`Prepared.names_others`).
    owners: Mapping[str, frozenset[int]] = field(default_factory=dict)


Check = Callable[[Prepared, Known], Refusal | None]


def credential_is_alive(asked: Prepared, known: Known) -> Refusal | None:
    """A key or token that was deleted, reset or has expired stops within a second."""
    if asked.submission.principal.grant in known.alive:
        return None
    return Refusal(
        "PORTAL_AUTHENTICATION_FAILURE",
        "This credential has been deleted or has expired.",
        http=401,
        smtp="535 5.7.8",
    )


def account_may_send(asked: Prepared, known: Known) -> Refusal | None:
    """Ops turn transactional sending on, per account."""
    account = known.accounts.get(asked.account_id)
    if account is None:
        return Refusal("PORTAL_EXPIRED", "This account does not exist any more.")
    if asked.kind == Kind.TRANSACTIONAL and not account.transactional_enabled:
        return Refusal(
            "PORTAL_NOT_AUTHORIZED_FOR_APPLICATION",
            "Transactional sending is not switched on for this account; "
            "ask whoever runs this installation.",
        )
    return None


def from_domain_is_verified(asked: Prepared, known: Known) -> Refusal | None:
    """Mail leaves only in the name of domains the account has proved to own."""
    account = known.accounts[asked.account_id]
    if asked.from_domain in account.unverified:
        return Refusal(
            "UNCONFIGURED_SENDING_DOMAIN",
            f"The domain {asked.from_domain} is connected but its DNS is not verified yet; "
            "its page lists what is missing.",
            pointer="message.from",
        )
    for address in (asked.from_, asked.sender):
        if address is not None and address.domain_ascii not in account.domains:
            return _not_ours(address, account) or Refusal(
                "INVALID_FROM_ADDRESS",
                f"{address.spec} is not on a domain that this account has connected.",
                pointer="message.from",
            )
    return None


def _not_ours(address: Address, account: AccountFacts) -> Refusal | None:
    """What to do about a From that is in the list of single addresses."""
    spec = address.spec.lower()
    if spec in account.unconfirmed:
        words = f"{spec} is not confirmed yet: the link that was mailed to it waits to be opened."
    elif spec in account.senders:
        words = (
            f"{spec} is confirmed for answers, and mail submitted over SMTP is never rewritten: "
            f"put {account.senders[spec]} into From and {spec} into Reply-To."
        )
    else:
        return None
    return Refusal("INVALID_FROM_ADDRESS", words, pointer="message.from")


def nobody_elses_address(asked: Prepared, known: Known) -> Refusal | None:
    """A return-path or a Reply-To on a domain that only another account here has proved to own."""
    account = known.accounts[asked.account_id]
    for address in asked.names_others:
        owners = known.owners.get(address.domain_ascii, frozenset())
        if (
            owners
            and asked.account_id not in owners
            and address.spec.lower() not in account.senders
        ):
            return Refusal(
                "INVALID_FROM_ADDRESS",
                f"{address.spec} is on a domain of another account: have the address confirmed on "
                "the domains page, or use one of your own.",
                pointer="message.replyTo",
            )
    return None


def mail_aligns(asked: Prepared, known: Known) -> Refusal | None:
    """Mail that the domain's own DMARC policy tells receivers to stop is not sent to fail there."""
    found = known.accounts[asked.account_id].alignments.get(asked.from_domain)
    if found is None:
        return None
    asked.alignment = found
    if not found.stops:
        return None
    return Refusal(
        "DMARC_WOULD_FAIL",
        f"Receivers would stop this mail: the DMARC policy of {asked.from_domain} is "
        f"{found.policy}, and neither its DKIM nor its SPF record is right now; the domain's page "
        "says what to correct.",
        pointer="message.from",
        smtp="550 5.7.26",
    )


def an_ip_is_ready(asked: Prepared, known: Known) -> Refusal | None:
    """Transactional mail needs a ready dedicated IP; marketing mail a ready shared one."""
    account = known.accounts[asked.account_id]
    if asked.kind == Kind.TRANSACTIONAL and not account.dedicated_ready:
        return Refusal(
            "NO_READY_IP",
            f"No dedicated IP of this account is ready: {account.waits_for}.",
            smtp="451 4.7.1",
            retryable=True,
        )
    if asked.kind == Kind.MARKETING and not account.shared_ready:
        return Refusal(
            "NO_READY_IP",
            "No shared IP is ready for marketing mail.",
            smtp="451 4.7.1",
            retryable=True,
        )
    return None


_SUPPRESSED: Mapping[str, str] = {
    SuppressionReason.HARD_BOUNCE: "an earlier message bounced for good",
    SuppressionReason.SOFT_BOUNCE: "earlier messages bounced repeatedly",
    SuppressionReason.COMPLAINT: "its reader reported an earlier one as spam",
    SuppressionReason.MANUAL: "it was added to the list by hand",
}
_WITHHELD: Mapping[str, str] = {
    mailable.LEFT_ALL: "has unsubscribed",
    mailable.LEFT_TYPE: "has unsubscribed from this type of mail",
    mailable.QUARANTINED: "is quarantined",
    mailable.UNCONFIRMED: "has not confirmed the double opt-in",
}


def recipients_may_be_mailed(asked: Prepared, known: Known) -> Refusal | None:
    """Suppressed addresses are left out; a message with none left is refused."""
    refusal = None
    for address, _ in asked.recipients:
        key = (asked.account_id, address.spec.lower())
        found = known.suppressions.get(key)
        code = mailable.suppressed(found, asked.kind)
        if found is None or not code:
            continue
        why = _SUPPRESSED[found.reason]
        if found.everywhere:
            why = "mail of several customers of this installation to it bounced for good"
        asked.suppressed[address.spec] = code
        refusal = Refusal(code, f"{address.spec} is suppressed: {why}.", smtp="550 5.1.1")
    return refusal if len(asked.suppressed) == len(asked.recipients) else None


def subscription_type(asked: Prepared, known: Known) -> int:
    """What a marketing email counts as: its own type, or the account's default."""
    own = asked.version.subscription_type_id if asked.version is not None else None
    return own or known.accounts[asked.account_id].default_type


def marketing_obeys_consent(asked: Prepared, known: Known) -> Refusal | None:
    """Transactional mail goes whatever the contact's state; marketing mail obeys it."""
    if asked.kind != Kind.MARKETING:
        return None
    key = (asked.account_id, asked.to.spec.lower())
    stopped = known.stopped.get(key, frozenset())
    type_id = subscription_type(asked, known)
    code = mailable.withheld(known.contacts.get(key), type_id, stopped)
    return Refusal(code, f"{asked.to.spec} {_WITHHELD[code]}.") if code else None


CHECKS: tuple[Check, ...] = (
    credential_is_alive,
    account_may_send,
    from_domain_is_verified,
    nobody_elses_address,
    mail_aligns,
    an_ip_is_ready,
    recipients_may_be_mailed,
    marketing_obeys_consent,
)


def judge(asked: Prepared, known: Known) -> Refusal | None:
    """The first refusal among the checks; None: accepted."""
    for check in CHECKS:
        refusal = check(asked, known)
        if refusal is not None:
            return refusal
    return None
