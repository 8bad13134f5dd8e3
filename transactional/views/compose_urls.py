"""The URLs of composing: the editor, the Preview tab, the library. Part of this porch's `urls`."""

from django.urls import URLPattern, URLResolver, path

from transactional.views import (
    brand,
    email_checks,
    email_compose,
    email_preview,
    image_file,
    images,
    saved_blocks,
)

ACCOUNT = "a/<int:account_id>/"
EMAIL = f"{ACCOUNT}emails/<int:email_id>/"
IMAGE = f"{ACCOUNT}images/<int:image_id>/"

urlpatterns: list[URLPattern | URLResolver] = [
    path(f"{EMAIL}compose/", email_compose.email_compose, name="email_compose"),
    path(f"{EMAIL}compose/document/", email_compose.email_document, name="email_document"),
    path(f"{EMAIL}compose/canvas/", email_compose.email_canvas, name="email_canvas"),
    path(f"{EMAIL}compose/problems/", email_compose.email_problems, name="email_problems"),
    path(f"{EMAIL}compose/variables/", email_compose.email_variables, name="email_variables"),
    path(f"{EMAIL}preview/", email_preview.email_preview, name="email_preview"),
    path(f"{EMAIL}preview/html/", email_preview.email_preview_html, name="email_preview_html"),
    path(f"{EMAIL}preview/samples/", email_preview.sample_create, name="sample_create"),
    path(f"{EMAIL}preview/samples/<int:set_id>/", email_preview.sample_set, name="sample_set"),
    path(f"{EMAIL}checks/", email_checks.email_checks, name="email_checks"),
    path(f"{EMAIL}checks/pass/", email_checks.email_check_pass, name="email_check_pass"),
    path("i/<str:name>", image_file.image_file, name="image_file"),
    path(f"{ACCOUNT}images/", images.image_list, name="images"),
    path(f"{ACCOUNT}images/choices/", images.image_choices, name="image_choices"),
    path(f"{ACCOUNT}images/upload/", images.image_upload, name="image_upload"),
    path(IMAGE, images.image_detail, name="image"),
    path(f"{IMAGE}smaller/", images.image_smaller, name="image_smaller"),
    path(f"{IMAGE}delete/", images.image_delete, name="image_delete"),
    path(f"{ACCOUNT}brand/", brand.brand_kit, name="brand"),
    path(f"{ACCOUNT}brand/preview/", brand.brand_preview, name="brand_preview"),
    path(f"{ACCOUNT}brand/apply/", brand.brand_apply, name="brand_apply"),
    path(f"{ACCOUNT}brand/drafts/<int:email_id>/", brand.brand_draft, name="brand_draft"),
    path(f"{ACCOUNT}saved-blocks/", saved_blocks.saved_list, name="saved_blocks"),
    path(f"{ACCOUNT}saved-blocks/all/", saved_blocks.saved_json, name="saved_blocks_json"),
    path(f"{ACCOUNT}saved-blocks/<int:saved_id>/", saved_blocks.saved_change, name="saved_block"),
]
