"""Streams: flows of mail with their kind, pool, transport and policies."""

from typing import Any, ClassVar, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from domains import pools
from domains.models import OPERATOR, Pool
from tokens.models import Account
from transactional.models.enums import Kind
from transactional.models.smarthost import Smarthost

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
    """A flow of mail. An empty transport means the installation's default, `EGRESS`.

    Transactional mail leaves from a pool of its account, marketing mail from one of the operator's:
    the database refuses any other, so that no marketing mail can leave from a dedicated IP.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="streams")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=13, choices=Kind.choices)
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="+")
    pool_owner = models.GeneratedField(
        expression=models.Case(
            models.When(kind=Kind.TRANSACTIONAL, then=models.F("account")),
            default=models.Value(OPERATOR),
        ),
        output_field=models.BigIntegerField(),
        db_persist=True,
        help_text="Whose pool it must be. The database holds it (`stream_owner_pool`).",
    )
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

    fallback = models.ForeignKey(
        Smarthost,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="streams",
        help_text="Where mail goes when the direct way is shut or its deadline is near.",
    )

    objects: ClassVar[Any] = StreamQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="stream_name")]

    def __str__(self) -> str:
        return f"{self.name} of {self.account_id}"

    def clean(self) -> None:
        """Raises ValidationError where the pool is not one that mail of this kind leaves from."""
        if not self.pool_id or not self.account_id:
            return
        if self.fallback and self.fallback.account_id not in (None, self.account_id):
            raise ValidationError({"fallback": _("This smarthost is another account’s.")})
        if self.kind == Kind.TRANSACTIONAL and self.pool.account_id != self.account_id:
            wrong = _("Transactional mail leaves from a dedicated pool of its own account.")
            raise ValidationError({"pool": wrong})
        if self.kind != Kind.TRANSACTIONAL and self.pool.account_id is not None:
            wrong = _("Marketing mail never leaves from dedicated IPs: choose a shared pool.")
            raise ValidationError({"pool": wrong})
