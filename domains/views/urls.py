"""The URLs of this porch."""

from django.urls import URLPattern, URLResolver, path

from domains.checks import PROBE_PATH
from domains.views import (
    attention,
    complaints,
    domains,
    keys,
    pools,
    probe,
    reports,
    shared,
    sources,
)

ACCOUNT = "a/<int:account_id>/domains/"
DOMAIN = f"{ACCOUNT}<int:domain_id>/"
SOURCE = f"{ACCOUNT}ips/<int:source_id>/"

__all__ = ["attention"]  # imported for what it registers

urlpatterns: list[URLPattern | URLResolver] = [
    path(ACCOUNT, domains.overview, name="domains"),
    path(f"{ACCOUNT}new/", domains.create, name="domain_create"),
    path(DOMAIN, domains.detail, name="domain"),
    path(f"{DOMAIN}state/", domains.state, name="domain_state"),
    path(f"{DOMAIN}check/", domains.check, name="domain_check"),
    path(f"{DOMAIN}complaints/lift/", complaints.lift, name="domain_complaints_lift"),
    path(f"{DOMAIN}delete/", domains.delete, name="domain_delete"),
    path(f"{DOMAIN}keys/rotate/", keys.rotate, name="domain_rotate"),
    path(f"{DOMAIN}keys/schedule/", keys.schedule, name="domain_schedule"),
    path(f"{DOMAIN}keys/import/", keys.bring, name="domain_key_import"),
    path(f"{DOMAIN}mode/", keys.mode, name="domain_mode"),
    path(f"{DOMAIN}reports/", reports.detail, name="domain_reports"),
    path(f"{DOMAIN}reports/strangers/", reports.disown, name="domain_strangers"),
    path(f"{DOMAIN}zone-file/", shared.download, name="domain_zone_file"),
    path("dns/<str:token>/", shared.page, name="domain_shared"),
    path("dns/<str:token>/state/", shared.state, name="domain_shared_state"),
    path(f"{ACCOUNT}ips/new/", sources.create, name="source_create"),
    path(SOURCE, sources.detail, name="source"),
    path(f"{SOURCE}state/", sources.state, name="source_state"),
    path(f"{SOURCE}check/", sources.check, name="source_check"),
    path(f"{SOURCE}pause/", sources.pause, name="source_pause"),
    path(f"{SOURCE}warm-up/", sources.warm_up, name="source_warm_up"),
    path(f"{ACCOUNT}pools/", pools.overview, name="pools"),
    path(f"{ACCOUNT}pools/<int:pool_id>/shares/", pools.shares, name="pool_shares"),
    path(f"{PROBE_PATH.lstrip('/')}<str:host>", probe.prove, name="tracking_probe"),
]
