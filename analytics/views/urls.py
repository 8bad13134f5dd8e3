"""The URLs of this porch."""

from django.urls import URLPattern, URLResolver, path

from analytics.views import attention, dashboard, jump, performance, tracking

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
