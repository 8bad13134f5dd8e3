"""AnalyticsApp: what happened, counted and told."""

from django.apps import AppConfig


class AnalyticsApp(AppConfig):
    name = "analytics"

    def ready(self) -> None:
        """Webhooks' times move along wherever a jump of the clock is noticed."""
        from analytics.webhooks import moved  # noqa: F401 — registers itself
