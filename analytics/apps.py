"""AnalyticsApp: what happened, counted and told."""

from django.apps import AppConfig


class AnalyticsApp(AppConfig):
    name = "analytics"
