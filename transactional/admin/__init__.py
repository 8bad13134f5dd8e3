"""Operators' view of this floor, one module per subject."""

from transactional.admin import audience, delivery, mail, publishing, senders

__all__ = ["audience", "delivery", "mail", "publishing", "senders"]
