"""The URLs of this porch."""

from django.urls import URLPattern, URLResolver, path

from transactional.views import (
    brand,
    contact_files,
    contact_privacy,
    contacts,
    email_compose,
    email_edit,
    email_send,
    emails,
    image_file,
    images,
    inbox,
    keys,
    messages,
    preferences,
    saved_blocks,
    suppressions,
    web_version,
)

ACCOUNT = "a/<int:account_id>/"
SMTP_TOKEN = f"{ACCOUNT}keys/smtp/<int:credential_id>/"
CONTACT = f"{ACCOUNT}contacts/<int:contact_id>/"
IMPORT = f"{ACCOUNT}contacts/import/<int:import_id>/"
EMAIL = f"{ACCOUNT}emails/<int:email_id>/"
IMAGE = f"{ACCOUNT}images/<int:image_id>/"
SUPPRESSIONS = f"{ACCOUNT}suppressions/"

urlpatterns: list[URLPattern | URLResolver] = [
    path("v/<str:token>", web_version.web_version, name="web_version"),
    path(f"{ACCOUNT}emails/", emails.email_list, name="emails"),
    path(f"{ACCOUNT}emails/new/", emails.email_create, name="email_create"),
    path(EMAIL, emails.email_detail, name="email"),
    path(f"{EMAIL}edit/", email_edit.email_edit, name="email_edit"),
    path(f"{EMAIL}edit/line/", email_edit.email_inbox_line, name="email_inbox_line"),
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
    path(f"{SUPPRESSIONS}export/", suppressions.suppression_export, name="suppression_export"),
    path(
        f"{SUPPRESSIONS}<int:suppression_id>/remove/",
        suppressions.suppression_remove,
        name="suppression_remove",
    ),
    path("i/<str:name>", image_file.image_file, name="image_file"),
    path(f"{ACCOUNT}images/", images.image_list, name="images"),
    path(f"{ACCOUNT}images/choices/", images.image_choices, name="image_choices"),
    path(f"{ACCOUNT}images/upload/", images.image_upload, name="image_upload"),
    path(IMAGE, images.image_detail, name="image"),
    path(f"{IMAGE}smaller/", images.image_smaller, name="image_smaller"),
    path(f"{IMAGE}delete/", images.image_delete, name="image_delete"),
    path("u/p/<str:token>", preferences.preferences_contact, name="preferences_contact"),
    path("u/p/<str:token>/<str:what>", preferences.preferences_contact, name="preferences_leave"),
    path("u/<str:token>/preferences", preferences.preferences_mail, name="preferences_mail"),
    path(f"{ACCOUNT}brand/", brand.brand_kit, name="brand"),
    path(f"{ACCOUNT}brand/preview/", brand.brand_preview, name="brand_preview"),
    path(f"{ACCOUNT}brand/apply/", brand.brand_apply, name="brand_apply"),
    path(f"{ACCOUNT}brand/drafts/<int:email_id>/", brand.brand_draft, name="brand_draft"),
    path(f"{ACCOUNT}saved-blocks/", saved_blocks.saved_list, name="saved_blocks"),
    path(f"{ACCOUNT}saved-blocks/all/", saved_blocks.saved_json, name="saved_blocks_json"),
    path(f"{ACCOUNT}saved-blocks/<int:saved_id>/", saved_blocks.saved_change, name="saved_block"),
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
