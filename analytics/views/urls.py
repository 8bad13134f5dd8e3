"""The URLs of this porch."""

from django.urls import URLPattern, URLResolver, path

from analytics.views import tracking

urlpatterns: list[URLPattern | URLResolver] = [
    path("o/<path:name>", tracking.pixel, name="pixel"),
    path("c/<path:token>", tracking.click, name="click"),
    path("u/<str:token>", tracking.unsubscribe, name="unsubscribe"),
]
