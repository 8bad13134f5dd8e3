"""Worker hosts: machines that deliver, and what each says about the IPs it has."""

from django.db import models
from django.utils import timezone


class WorkerHost(models.Model):
    """A machine with delivery workers, as it reported last. Only `domains/hosts.py` writes it."""

    name = models.CharField(max_length=253, unique=True, help_text="Its WORKER_HOST.")
    seen_at = models.DateTimeField(default=timezone.now)
    bindable = models.JSONField(default=list, help_text="Addresses it can send from.")
    refused = models.JSONField(default=dict, help_text="The others it was asked about, and why.")

    def __str__(self) -> str:
        return self.name
