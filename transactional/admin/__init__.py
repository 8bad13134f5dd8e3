"""Operators' view of this floor, one module per subject."""

from transactional.admin import (
    audience,
    delivery,
    mail,
    publishing,
    recipients,
    retention,
    senders,
    shaping,
    smarthost,
    tls,
)

__all__ = [
    "audience",
    "delivery",
    "mail",
    "publishing",
    "recipients",
    "retention",
    "senders",
    "shaping",
    "smarthost",
    "tls",
]
