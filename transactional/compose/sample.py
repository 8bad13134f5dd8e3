"""What a preview, a check and a test render an email with: its sample data, its account's company."""

from datetime import UTC, datetime
from typing import Any

from transactional.compose.contract import check, schema
from transactional.models import Email

# Links are made per recipient; a preview shows ones that lead nowhere
UNSUBSCRIBE, WEB_VERSION = "#unsubscribe", "#web-version"


def sample_context(email: Email, sample: dict[str, Any] | None = None) -> dict[str, Any]:
    """The context of `render.render` for the email's own sample data, or for `sample`."""
    data = email.sample if sample is None else sample
    custom = data.get("custom", {})
    if email.contract and isinstance(custom, dict):
        # As at the door: what is optional and missing renders as nothing
        data = {**data, "custom": check.filled(schema.parse(email.contract), custom)}
    return {
        **data,
        "unsubscribe_link": UNSUBSCRIBE,
        "view_as_page_url": WEB_VERSION,
        "site": email.account.letterhead,
        "now": datetime.now(UTC),
        "seed": f"sample:{email.pk}",
        "content": {
            "name": email.name,
            "from_name": email.from_name,
            "reply_to": email.reply_to or email.from_address,
        },
    }
