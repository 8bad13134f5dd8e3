"""What a preview, a check and a test render an email with: its sample data, its account's company."""

from datetime import UTC, datetime
from typing import Any

from tokens.models import Account
from transactional.compose.contract import check, schema
from transactional.models import Email, EmailVersion, Kind, SubscriptionType

# Links are made per recipient; a preview shows ones that lead nowhere
UNSUBSCRIBE, WEB_VERSION = "#unsubscribe", "#web-version"
UNSUBSCRIBE_ALL = f"{UNSUBSCRIBE}-all"


def sample_context(email: Email, sample: dict[str, Any] | None = None) -> dict[str, Any]:
    """The context of `render.render` for the email's own sample data, or for `sample`."""
    data = email.sample if sample is None else sample
    custom = data.get("custom", {})
    if email.contract and isinstance(custom, dict):
        # As at the door: what is optional and missing renders as nothing
        data = {**data, "custom": check.filled(schema.parse(email.contract), custom)}
    return {
        **data,
        **surroundings(email, email.account),
        "now": datetime.now(UTC),
        "seed": f"sample:{email.pk}",
        "content": {
            "name": email.name,
            "from_name": email.from_name,
            "reply_to": email.reply_to or email.from_address,
        },
    }


def surroundings(content: Email | EmailVersion, account: Account) -> dict[str, Any]:
    """What is around an email's data: links that lead nowhere, its company, its subscription type."""
    return {
        "unsubscribe_link": UNSUBSCRIBE,
        "unsubscribe_link_all": UNSUBSCRIBE_ALL,
        "view_as_page_url": WEB_VERSION,
        "site": account.letterhead,
        "subscription_name": _subscription_name(content, account),
    }


def _subscription_name(content: Email | EmailVersion, account: Account) -> str:
    """As readers of its language know the type; empty for transactional mail, which has none."""
    if content.kind != Kind.MARKETING:
        return ""
    type_ = content.subscription_type or SubscriptionType.objects.default(account)
    return type_.named(content.language or account.language)
