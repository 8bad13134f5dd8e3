"""The URLs of calls about emails: drafts, versions, publishing, roll-outs."""

from django.urls import URLPattern, URLResolver

from config.calls import call
from transactional.api import email_publishing as publishing
from transactional.api import emails

EMAILS = "api/v1/emails"
EMAIL = f"{EMAILS}/<str:email_id>"

urlpatterns: list[URLPattern | URLResolver] = [
    *call(EMAILS, emails.Emails.as_view()),
    *call(EMAIL, emails.EmailById.as_view()),
    *call(f"{EMAIL}/draft", emails.EmailDraft.as_view()),
    *call(f"{EMAIL}/validate", emails.EmailValidate.as_view()),
    *call(f"{EMAIL}/render", emails.EmailRender.as_view()),
    *call(f"{EMAIL}/versions", emails.EmailVersions.as_view()),
    *call(f"{EMAIL}/versions/<str:number>", emails.EmailVersionByNumber.as_view()),
    *call(f"{EMAIL}/versions/<str:number>/restore", publishing.VersionRestore.as_view()),
    *call(f"{EMAIL}/publish", publishing.EmailPublish.as_view()),
    *call(f"{EMAIL}/rollout", publishing.EmailRollOut.as_view()),
]
