"""TokensApp: who may: accounts, users, roles, API keys, SMTP credentials."""

from django.apps import AppConfig


class TokensApp(AppConfig):
    name = "tokens"
