"""Who a request acts as: the one place where credentials become a Principal."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts, for which account, with which rights. Carries no secret.

    `label` names the credential in the log (`api:7`, `smtp:3`, `user:1`); `create_contact` is an
    SMTP token's choice whether unknown recipients become contacts.
    """

    account_id: int
    kind: Literal["api", "smtp", "user"]
    credential_id: int
    name: str
    scopes: frozenset[str] = frozenset()
    create_contact: bool = True

    @property
    def label(self) -> str:
        """The credential's name in the log."""
        return f"{self.kind}:{self.credential_id}"
