"""DomainsApp: as whom and from where: sending domains, DKIM, DNS, dedicated IPs."""

from django.apps import AppConfig


class DomainsApp(AppConfig):
    name = "domains"
