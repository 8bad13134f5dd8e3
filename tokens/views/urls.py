"""The URLs of this porch."""

from django.contrib.auth.views import LogoutView
from django.urls import URLPattern, URLResolver, path

from tokens.views import sign_in

urlpatterns: list[URLPattern | URLResolver] = [
    path("", sign_in.home, name="home"),
    path("login/", sign_in.SignIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("language/", sign_in.language, name="language"),
    path("preferences/", sign_in.preferences, name="preferences"),
]
