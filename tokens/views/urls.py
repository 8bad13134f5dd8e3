"""The URLs of this porch."""

from django.contrib.auth.views import LogoutView
from django.urls import URLPattern, URLResolver, path

from tokens.views import account_settings, audit_log, sign_in

urlpatterns: list[URLPattern | URLResolver] = [
    path("", sign_in.home, name="home"),
    path("login/", sign_in.SignIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("language/", sign_in.language, name="language"),
    path("a/<int:account_id>/audit/", audit_log.audit_log, name="audit_log"),
    path("preferences/", sign_in.preferences, name="preferences"),
    path(
        "a/<int:account_id>/settings/", account_settings.account_settings, name="account_settings"
    ),
]
