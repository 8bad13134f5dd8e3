"""Tables of floor 1."""

from tokens.models.account import Account, Membership, Role, Scope, User
from tokens.models.audit import AuditEntry
from tokens.models.credential import ApiKey, SmtpCredential

__all__ = [
    "Account",
    "ApiKey",
    "AuditEntry",
    "Membership",
    "Role",
    "Scope",
    "SmtpCredential",
    "User",
]
