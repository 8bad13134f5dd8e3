"""Operators' view of this floor, one module per subject."""

from transactional.admin import audience, mail, senders

__all__ = ["audience", "mail", "senders"]
