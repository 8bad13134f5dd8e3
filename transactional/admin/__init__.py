"""Operators' view of this floor, one module per subject."""

from transactional.admin import audience, delivery, mail, senders

__all__ = ["audience", "delivery", "mail", "senders"]
