"""The URLs of this porch."""

from django.urls import URLPattern, URLResolver

from config.calls import call
from domains.api.ips import IpById, IpCheck, IpHistory, IpMove, Ips
from domains.api.reports import DomainReports
from domains.api.sending_domains import DomainById, DomainCheck, DomainKeys, DomainRotation, Domains

urlpatterns: list[URLPattern | URLResolver] = [
    *call("api/v1/domains", Domains.as_view()),
    *call("api/v1/domains/<str:domain_id>", DomainById.as_view()),
    *call("api/v1/domains/<str:domain_id>/check", DomainCheck.as_view()),
    *call("api/v1/domains/<str:domain_id>/keys", DomainKeys.as_view()),
    *call("api/v1/domains/<str:domain_id>/keys/rotate", DomainRotation.as_view()),
    *call("api/v1/domains/<str:domain_id>/reports", DomainReports.as_view()),
    *call("api/v1/ips", Ips.as_view()),
    *call("api/v1/ips/<str:ip_id>", IpById.as_view()),
    *call("api/v1/ips/<str:ip_id>/check", IpCheck.as_view()),
    *call("api/v1/ips/<str:ip_id>/history", IpHistory.as_view()),
    *(
        pattern
        for act in ("pause", "resume", "warm-up", "skip-warm-up")
        for pattern in call(f"api/v1/ips/<str:ip_id>/{act}", IpMove.as_view(act=act))
    ),
]
