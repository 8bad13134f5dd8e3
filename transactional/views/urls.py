"""The URLs of this porch."""

from django.urls import URLPattern, URLResolver, path

from transactional.views import email_compose, email_edit, email_send, emails, inbox, keys, messages

ACCOUNT = "a/<int:account_id>/"
SMTP_TOKEN = f"{ACCOUNT}keys/smtp/<int:credential_id>/"
EMAIL = f"{ACCOUNT}emails/<int:email_id>/"

urlpatterns: list[URLPattern | URLResolver] = [
    path(f"{ACCOUNT}emails/", emails.email_list, name="emails"),
    path(f"{ACCOUNT}emails/new/", emails.email_create, name="email_create"),
    path(EMAIL, emails.email_detail, name="email"),
    path(f"{EMAIL}edit/", email_edit.email_edit, name="email_edit"),
    path(f"{EMAIL}compose/", email_compose.email_compose, name="email_compose"),
    path(f"{EMAIL}compose/document/", email_compose.email_document, name="email_document"),
    path(f"{EMAIL}compose/canvas/", email_compose.email_canvas, name="email_canvas"),
    path(f"{EMAIL}compose/variables/", email_compose.email_variables, name="email_variables"),
    path(f"{EMAIL}preview/", email_edit.email_preview, name="email_preview"),
    path(f"{EMAIL}preview/html/", email_edit.email_preview_html, name="email_preview_html"),
    path(f"{EMAIL}publish/", emails.email_publish, name="email_publish"),
    path(f"{EMAIL}archive/", emails.email_archive, name="email_archive"),
    path(f"{EMAIL}send/", email_send.email_send, name="email_send"),
    path(f"{ACCOUNT}messages/", messages.message_list, name="messages"),
    path(f"{ACCOUNT}messages/<uuid:message_id>/", messages.message_detail, name="message"),
    path("sandbox/", inbox.inbox_home, name="sandbox"),
    path(f"{ACCOUNT}sandbox/", inbox.inbox_list, name="sandbox_inbox"),
    path(f"{ACCOUNT}sandbox/<str:name>/", inbox.inbox_message, name="sandbox_message"),
    path(f"{ACCOUNT}sandbox/<str:name>/html/", inbox.inbox_html, name="sandbox_message_html"),
    path(f"{ACCOUNT}keys/", keys.keys, name="keys"),
    path(f"{ACCOUNT}keys/api/new/", keys.api_key_create, name="api_key_create"),
    path(
        f"{ACCOUNT}keys/api/<int:credential_id>/delete/", keys.api_key_delete, name="api_key_delete"
    ),
    path(f"{ACCOUNT}keys/smtp/new/", keys.smtp_token_create, name="smtp_token_create"),
    path(f"{SMTP_TOKEN}reset/", keys.smtp_token_reset, name="smtp_token_reset"),
    path(f"{SMTP_TOKEN}delete/", keys.smtp_token_delete, name="smtp_token_delete"),
]
