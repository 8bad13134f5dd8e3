"""Which messages still hold secret values, until their last copy has left or was given up."""

from django.db import models


class SecretBody(models.Model):
    """A message whose context holds values of secret variables; the row goes when they do."""

    id = models.UUIDField(primary_key=True, help_text="The message's id.")

    class Meta:
        verbose_name_plural = "secret bodies"

    def __str__(self) -> str:
        return str(self.id)
