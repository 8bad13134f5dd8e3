"""Operators' view of this floor, one module per subject."""

from transactional.admin import audience, delivery, mail, publishing, senders, tls

__all__ = ["audience", "delivery", "mail", "publishing", "senders", "tls"]
