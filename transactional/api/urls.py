"""The URLs of this porch."""

from django.urls import URLPattern, URLResolver

from config.calls import call
from transactional.api import audience_urls, email_urls
from transactional.api.email_checks import EmailChecks
from transactional.api.explain import Explain
from transactional.api.held import MessageGiveUp, MessageRelease
from transactional.api.incidents import IncidentById, Incidents, IncidentUndo
from transactional.api.legacy_v1 import SingleEmailSend, SmtpApiTokenReset, SmtpApiTokens
from transactional.api.send_status import SendStatusById
from transactional.api.senders import SenderById, SenderResend, Senders
from transactional.api.single_send import MarketingSingleSend, SingleSend
from transactional.api.smarthosts import SmarthostById, Smarthosts, SmarthostTest
from transactional.api.smtp_tokens import SmtpToken, SmtpTokenReset, SmtpTokens

single_send = SingleSend.as_view()
marketing_send = MarketingSingleSend.as_view()
V3 = "marketing/v3/transactional"
DATED = tuple(f"marketing/transactional/{date}" for date in ("2025-09", "2026-03", "2026-09"))

urlpatterns: list[URLPattern | URLResolver] = [
    *call(f"{V3}/single-email/send", single_send, "single_send"),
    *call("marketing/v4/email/single-send", marketing_send),
    *call("marketing/email-campaigns/2026-03/single-send", marketing_send),
    *call("marketing/v3/email/send-statuses/<str:status_id>", SendStatusById.as_view()),
]
urlpatterns += [
    *call("api/v1/messages/<str:message_id>/explain", Explain.as_view()),
    *call("api/v1/messages/<str:message_id>/release", MessageRelease.as_view()),
    *call("api/v1/messages/<str:message_id>/give_up", MessageGiveUp.as_view()),
    *call("api/v1/senders", Senders.as_view()),
    *call("api/v1/senders/<str:sender_id>", SenderById.as_view()),
    *call("api/v1/senders/<str:sender_id>/resend", SenderResend.as_view()),
]
urlpatterns += [
    *call("api/v1/incidents", Incidents.as_view()),
    *call("api/v1/incidents/<str:incident_id>", IncidentById.as_view()),
    *call("api/v1/incidents/<str:incident_id>/undo", IncidentUndo.as_view()),
]
urlpatterns += [
    *call("api/v1/smarthosts", Smarthosts.as_view()),
    *call("api/v1/smarthosts/<str:smarthost_id>", SmarthostById.as_view()),
    *call("api/v1/smarthosts/<str:smarthost_id>/test", SmarthostTest.as_view()),
]
for _root in DATED:
    urlpatterns += call(f"{_root}/single-email/send", single_send)
for _root in (V3, "marketing/transactional/2026-03"):
    urlpatterns += [
        *call(f"{_root}/smtp-tokens", SmtpTokens.as_view()),
        *call(f"{_root}/smtp-tokens/<str:token_id>", SmtpToken.as_view()),
        *call(f"{_root}/smtp-tokens/<str:token_id>/password-reset", SmtpTokenReset.as_view()),
    ]
V1 = "email/public/v1"
urlpatterns += [
    *call(f"{V1}/singleEmail/send", SingleEmailSend.as_view()),
    *call(f"{V1}/smtpapi/tokens", SmtpApiTokens.as_view()),
    *call(f"{V1}/smtpapi/tokens/<str:username>/password-reset", SmtpApiTokenReset.as_view()),
]
urlpatterns += call("api/v1/emails/<str:email_id>/checks", EmailChecks.as_view())
urlpatterns += audience_urls.urlpatterns + email_urls.urlpatterns
