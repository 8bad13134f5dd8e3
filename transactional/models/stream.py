"""Streams: flows of mail with their kind, pool, transport and policies."""

from typing import Any, ClassVar, Self

from django.db import models

from domains import pools
from domains.models import Pool
from tokens.models import Account
from transactional.models.enums import Kind

HOUR = 3600


class StreamQuerySet(models.QuerySet[Any]):
    """Queries over streams, and the making of an account's two default ones."""

    def of(self, account: Account | int) -> Self:
        """Only the rows of this account."""
        return self.filter(account_id=account if isinstance(account, int) else account.pk)

    def default(self, account: Account, kind: str) -> "Stream":
        """The account's stream of this kind, made at first use: transactional mail leaves from
        the account's dedicated pool, marketing mail from the shared one, never the other way.
        """
        found = self.of(account).filter(kind=kind).order_by("pk").first()
        if found is not None:
            return found  # type: ignore[no-any-return]
        transactional = kind == Kind.TRANSACTIONAL
        pool = pools.dedicated_pool(account) if transactional else pools.shared_pool()
        made, _ = self.get_or_create(
            account=account, name=str(kind), defaults={"kind": kind, "pool": pool}
        )
        return made  # type: ignore[no-any-return]


class Stream(models.Model):
    """A flow of mail. An empty transport means the installation's default, `EGRESS`."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="streams")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=13, choices=Kind.choices)
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="+")
    transport = models.CharField(
        max_length=260, blank=True, help_text="mx, sandbox or relay://host:port; empty: EGRESS."
    )
    lifetime = models.PositiveIntegerField(
        default=72 * HOUR, help_text="Seconds after which an undelivered message expires."
    )
    uncertain_policy = models.CharField(
        max_length=6,
        choices=[("resend", "Send again, marked"), ("hold", "Hold")],
        default="resend",
        help_text="When a final dot was sent and its reply never seen.",
    )
    tls = models.CharField(
        max_length=13,
        choices=[("opportunistic", "When offered"), ("required", "Always")],
        default="opportunistic",
    )

    objects: ClassVar[Any] = StreamQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="stream_name")]

    def __str__(self) -> str:
        return f"{self.name} of {self.account_id}"
