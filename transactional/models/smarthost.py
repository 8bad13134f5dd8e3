"""Smarthosts: other people's servers that a stream's mail may go through when the direct way is shut."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from config import sealing
from tokens.models import Account
from tokens.models.account import OfAccount

PURPOSE = "smarthost"


class Smarthost(models.Model):
    """A server that relays for us, with the name and password it wants. Without an account it is
    the operator's, for every account's streams.
    """

    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, null=True, blank=True, related_name="smarthosts"
    )
    name = models.CharField(max_length=100)
    host = models.CharField(max_length=253)
    port = models.PositiveIntegerField(
        default=587, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    username = models.CharField(max_length=254, blank=True, help_text="Empty: it asks for none.")
    password = models.BinaryField(blank=True, default=bytes, help_text="Encrypted.")
    tls = models.CharField(
        max_length=13,
        choices=[
            ("verified", "Always, with a valid certificate"),
            ("required", "Always, whatever the certificate"),
            ("opportunistic", "When offered; never with a password"),
        ],
        default="verified",
    )

    objects = OfAccount.as_manager()

    def __str__(self) -> str:
        return f"{self.name} ({self.host}:{self.port})"

    def set_password(self, plain: str) -> None:
        """Keep the password encrypted; an empty one is none. The row must be saved before."""
        self.password = (
            sealing.seal(plain.encode(), purpose=PURPOSE, context=self._context()) if plain else b""
        )

    def read_password(self) -> str:
        """The password in clear. Raises `sealing.Unreadable`."""
        sealed = bytes(self.password)
        if not sealed:
            return ""
        return sealing.unseal(sealed, purpose=PURPOSE, context=self._context()).decode()

    def _context(self) -> bytes:
        # To another server it must not be sent: who changes the host gives the password again
        return f"{self.pk}:{self.host}:{self.port}".encode()
