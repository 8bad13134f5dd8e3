"""The table of every URL. The roof: it may import any porch."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path

import analytics.metrics  # noqa: F401 — registers what is measured
import config.stack_metrics  # noqa: F401
import transactional.metrics  # noqa: F401
from config import probes
from config.calls import NoSuchCall

admin.autodiscover()

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("metrics", probes.measured),
    path("healthz", probes.alive),
    path("readyz", probes.ready),
    path("", include("tokens.views.urls")),
    path("", include("tokens.api.urls")),
    path("", include("domains.views.urls")),
    path("", include("domains.api.urls")),
    path("", include("transactional.views.urls")),
    path("", include("transactional.api.urls")),
    path("", include("analytics.views.urls")),
    path("", include("analytics.api.urls")),
    re_path(
        "^(?:marketing|communication-preferences|email/public/v1|api/v1)(?:/|$)",
        NoSuchCall.as_view(),
    ),
]
