"""The URLs of this porch."""

from django.urls import URLPattern, URLResolver, path

from analytics.views import (
    attention,
    dashboard,
    jump,
    performance,
    tracking,
    webhook_acts,
    webhooks,
)

ACCOUNT = "a/<int:account_id>/"

__all__ = ["attention"]  # imported for what it registers

urlpatterns: list[URLPattern | URLResolver] = [
    path(ACCOUNT, dashboard.dashboard, name="dashboard"),
    path(f"{ACCOUNT}jump/", jump.jump, name="jump"),
    path("o/<path:name>", tracking.pixel, name="pixel"),
    path("c/<path:token>", tracking.click, name="click"),
    path("u/<str:token>", tracking.unsubscribe, name="unsubscribe"),
    path("u/<str:token>/all", tracking.unsubscribe, {"everything": True}, name="unsubscribe_all"),
    path(
        f"{ACCOUNT}emails/<int:email_id>/performance/",
        performance.email_performance,
        name="email_performance",
    ),
    path(
        f"{ACCOUNT}keys/smtp/<int:credential_id>/performance/",
        performance.smtp_performance,
        name="smtp_performance",
    ),
]

HOOK = f"{ACCOUNT}webhooks/<int:webhook_id>/"
urlpatterns += [
    path(f"{ACCOUNT}webhooks/", webhooks.webhook_list, name="webhooks"),
    path(f"{ACCOUNT}webhooks/new/", webhooks.webhook_create, name="webhook_create"),
    path(HOOK, webhooks.webhook_detail, name="webhook"),
    path(f"{HOOK}edit/", webhooks.webhook_edit, name="webhook_edit"),
    path(
        f"{HOOK}deliveries/<uuid:delivery_id>/", webhooks.webhook_delivery, name="webhook_delivery"
    ),
    path(f"{HOOK}rotate/", webhook_acts.webhook_rotate, name="webhook_rotate"),
    path(f"{HOOK}pause/", webhook_acts.webhook_pause, name="webhook_pause"),
    path(f"{HOOK}resume/", webhook_acts.webhook_resume, name="webhook_resume"),
    path(f"{HOOK}test/", webhook_acts.webhook_test, name="webhook_test"),
    path(f"{HOOK}replay/", webhook_acts.webhook_replay, name="webhook_replay"),
    path(f"{HOOK}delete/", webhook_acts.webhook_delete, name="webhook_delete"),
]
