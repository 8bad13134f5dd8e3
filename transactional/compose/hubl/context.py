"""The variables HubL's templates find beside contact and custom: links, site_settings, content."""

from collections.abc import Mapping
from html import escape
from typing import Any

from minijinja import safe

SITE = "site_settings"
CONTENT = "content"
# What a site's settings are called in templates → where the account's snapshot keeps it
SITE_NAMES: Mapping[str, str] = {
    "company_name": "company",
    "company_street_address_1": "street",
    "company_street_address_2": "street_2",
    "company_city": "city",
    "company_state": "region",
    "company_zip": "postcode",
    "company_country": "country",
    "office_location_name": "company",
}
CONTENT_NAMES = ("subject", "name", "from_name", "reply_to", "absolute_url", "id")
LINKS = ("unsubscribe_link", "unsubscribe_link_all", "view_as_page_url")
UNSUBSCRIBE_PATHS = frozenset(
    {"unsubscribe_link", "unsubscribe_link_all", "unsubscribe_section", "unsubscribe_anchor"}
)
_SENTENCES: Mapping[str, tuple[str, str]] = {
    "en": ("Unsubscribe", "Don’t want to receive these emails any more? You may"),
    "it": ("Disiscriviti", "Non vuoi più ricevere queste email? Puoi disiscriverti:"),
}


def variables(context: Mapping[str, Any]) -> dict[str, Any]:
    """What templates see, from the links, the `site` snapshot and the `content` of a context.

    All that is not known is empty text: a footer never refuses a mail.
    """
    site = context.get("site") or {}
    content = context.get(CONTENT) or {}
    known: dict[str, Any] = {name: str(context.get(name) or "") for name in LINKS}
    known["unsubscribe_link_all"] = known["unsubscribe_link_all"] or known["unsubscribe_link"]
    known["subscription_name"] = str(context.get("subscription_name") or "")
    known[SITE] = {name: str(site.get(key) or "") for name, key in SITE_NAMES.items()}
    known[CONTENT] = {name: str(content.get(name) or "") for name in CONTENT_NAMES}
    known[CONTENT]["absolute_url"] = known["view_as_page_url"]
    known["unsubscribe_anchor"] = _anchor(known["unsubscribe_link"], str(site.get("language")))
    known["unsubscribe_section"] = _section(known["unsubscribe_link"], str(site.get("language")))
    return known


def _anchor(link: str, language: str) -> str:
    if not link:
        return safe("")
    word, _sentence = _SENTENCES.get(language, _SENTENCES["en"])
    return safe(f'<a href="{escape(link)}">{word}</a>')


def _section(link: str, language: str) -> str:
    if not link:
        return safe("")
    _word, sentence = _SENTENCES.get(language, _SENTENCES["en"])
    return safe(f"{sentence} {_anchor(link, language)}.")


def wants_subscription(paths: frozenset[str]) -> bool:
    """Whether templates that name these paths need the name of the mail's subscription type."""
    return "subscription_name" in paths


def wants_site(paths: frozenset[str]) -> bool:
    """Whether templates that name these paths need the account's company data."""
    heads = (SITE, "unsubscribe_anchor", "unsubscribe_section")
    return any(path.partition(".")[0] in heads for path in paths)
