"""The URLs of this porch."""

from django.urls import URLPattern, URLResolver, path

from transactional.views import (
    attention,
    audience_urls,
    compose_urls,
    contact_files,
    contact_privacy,
    contacts,
    email_api,
    email_edit,
    email_import,
    email_list,
    email_send,
    emails,
    held,
    inbox,
    incidents,
    keys,
    messages,
    publishing,
    senders,
    smarthosts,
    streams,
    suppressions,
    versions,
    web_version,
)

__all__ = ["attention"]  # imported for what it registers

ACCOUNT = "a/<int:account_id>/"
SMTP_TOKEN = f"{ACCOUNT}keys/smtp/<int:credential_id>/"
CONTACT = f"{ACCOUNT}contacts/<int:contact_id>/"
IMPORT = f"{ACCOUNT}contacts/import/<int:import_id>/"
EMAIL = f"{ACCOUNT}emails/<int:email_id>/"
SMARTHOST = f"{ACCOUNT}streams/smarthosts/<int:smarthost_id>/"
SUPPRESSIONS = f"{ACCOUNT}suppressions/"

urlpatterns: list[URLPattern | URLResolver] = [
    path("v/<str:token>", web_version.web_version, name="web_version"),
    path(f"{ACCOUNT}emails/", email_list.email_list, name="emails"),
    path(f"{ACCOUNT}emails/new/", emails.email_create, name="email_create"),
    path(f"{ACCOUNT}emails/import/", email_import.email_import, name="email_import"),
    path(
        f"{ACCOUNT}emails/import/<int:import_id>/",
        email_import.email_import_report,
        name="email_import_report",
    ),
    path(EMAIL, emails.email_detail, name="email"),
    path(f"{EMAIL}edit/", email_edit.email_edit, name="email_edit"),
    path(f"{EMAIL}edit/line/", email_edit.email_inbox_line, name="email_inbox_line"),
    path(f"{ACCOUNT}emails/bulk/", email_list.email_bulk, name="email_bulk"),
    path(f"{EMAIL}clone/", versions.email_clone, name="email_clone"),
    path(f"{EMAIL}versions/", versions.version_list, name="email_versions"),
    path(f"{EMAIL}versions/compare/", versions.version_compare, name="email_compare"),
    path(f"{EMAIL}versions/<str:which>/html/", versions.version_html, name="version_html"),
    path(
        f"{EMAIL}versions/<int:number>/restore/", versions.version_restore, name="version_restore"
    ),
    path(f"{EMAIL}api/", email_api.email_api, name="email_api"),
    path(f"{EMAIL}api/run/", email_api.email_api_run, name="email_api_run"),
    path(f"{EMAIL}api/run/<uuid:message_id>/", email_api.email_api_state, name="email_api_state"),
    path(f"{EMAIL}publish/", emails.email_publish, name="email_publish"),
    path(f"{ACCOUNT}approvals/", publishing.approval_list, name="approvals"),
    path(f"{EMAIL}approval/", publishing.email_approval, name="email_approval"),
    path(
        f"{EMAIL}approval/<int:approval_id>/<str:action>/",
        publishing.approval_act,
        name="approval_act",
    ),
    path(f"{EMAIL}rollout/", publishing.email_rollout, name="email_rollout"),
    path(
        f"{EMAIL}rollout/<int:rollout_id>/<str:action>/", publishing.rollout_act, name="rollout_act"
    ),
    path(f"{EMAIL}archive/", emails.email_archive, name="email_archive"),
    path(f"{EMAIL}send/", email_send.email_send, name="email_send"),
    path(f"{ACCOUNT}incidents/", incidents.incident_list, name="incidents"),
    path(f"{ACCOUNT}incidents/<int:incident_id>/", incidents.incident_detail, name="incident"),
    path(
        f"{ACCOUNT}incidents/<int:incident_id>/undo/",
        incidents.incident_undo,
        name="incident_undo",
    ),
    path(f"{ACCOUNT}messages/", messages.message_list, name="messages"),
    path(f"{ACCOUNT}messages/held/", held.held_list, name="held"),
    path(f"{ACCOUNT}messages/held/decide/", held.held_decide, name="held_decide"),
    path(f"{ACCOUNT}messages/<uuid:message_id>/", messages.message_detail, name="message"),
    path(f"{ACCOUNT}contacts/", contacts.contact_list, name="contacts"),
    path(f"{ACCOUNT}contacts/new/", contacts.contact_create, name="contact_create"),
    path(f"{ACCOUNT}contacts/export/", contact_files.export, name="contacts_export"),
    path(f"{ACCOUNT}contacts/import/", contact_files.import_start, name="contacts_import"),
    path(IMPORT, contact_files.import_detail, name="contact_import"),
    path(f"{IMPORT}problems/", contact_files.import_problems, name="contact_import_problems"),
    path(CONTACT, contacts.contact_detail, name="contact"),
    path(f"{CONTACT}data/", contact_privacy.contact_data, name="contact_data"),
    path(f"{CONTACT}erase/", contact_privacy.contact_erase, name="contact_erase"),
    path(f"{CONTACT}edit/", contacts.contact_edit, name="contact_edit"),
    path(f"{CONTACT}consent/", contacts.contact_consent, name="contact_consent"),
    path(SUPPRESSIONS, suppressions.suppression_list, name="suppressions"),
    path(f"{SUPPRESSIONS}new/", suppressions.suppression_add, name="suppression_add"),
    path(f"{SUPPRESSIONS}import/", suppressions.suppression_import, name="suppression_import"),
    path(f"{SUPPRESSIONS}undo/", suppressions.suppression_undo, name="suppression_undo"),
    path(f"{SUPPRESSIONS}export/", suppressions.suppression_export, name="suppression_export"),
    path(
        f"{SUPPRESSIONS}<int:suppression_id>/remove/",
        suppressions.suppression_remove,
        name="suppression_remove",
    ),
    path(f"{ACCOUNT}domains/senders/new/", senders.create, name="sender_create"),
    path(f"{ACCOUNT}domains/senders/<int:sender_id>/resend/", senders.resend, name="sender_resend"),
    path(f"{ACCOUNT}domains/senders/<int:sender_id>/remove/", senders.remove, name="sender_remove"),
    path("confirm/<str:token>/", senders.confirm, name="sender_confirm"),
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
    path(f"{ACCOUNT}streams/", streams.overview, name="streams"),
    path(f"{ACCOUNT}streams/<int:stream_id>/", streams.edit, name="stream_edit"),
    path(f"{ACCOUNT}streams/smarthosts/new/", smarthosts.create, name="smarthost_create"),
    path(SMARTHOST, smarthosts.edit, name="smarthost"),
    path(f"{SMARTHOST}test/", smarthosts.check, name="smarthost_check"),
    path(f"{SMARTHOST}delete/", smarthosts.delete, name="smarthost_delete"),
    *compose_urls.urlpatterns,
]
urlpatterns += audience_urls.urlpatterns
