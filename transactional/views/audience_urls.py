"""The URLs of pages about whom mail is for: sends, lists, subscriptions, and the readers' own pages."""

from django.urls import URLPattern, URLResolver, path

from transactional.views import (
    contact_audience,
    lists,
    opt_in,
    preferences,
    send_start,
    sends,
    subscription_types,
)

ACCOUNT = "a/<int:account_id>/"
EMAIL = f"{ACCOUNT}emails/<int:email_id>/"
SEND = f"{ACCOUNT}sends/<int:send_id>/"
LIST = f"{ACCOUNT}lists/<int:list_id>/"
TYPES = f"{ACCOUNT}subscription-types/"
CONTACT = f"{ACCOUNT}contacts/<int:contact_id>/"

urlpatterns: list[URLPattern | URLResolver] = [
    path(f"{EMAIL}send/start/", send_start.send_start, name="send_start"),
    path(f"{ACCOUNT}sends/", sends.send_list, name="sends"),
    path(SEND, sends.send_detail, name="send"),
    path(f"{SEND}act/", sends.send_act, name="send_act"),
    path(f"{SEND}preview/<int:place>/", sends.send_preview, name="send_preview"),
    path(f"{SEND}problems/", sends.send_problems, name="send_problems"),
    path(f"{SEND}results/", sends.send_results, name="send_results"),
    path(f"{ACCOUNT}lists/", lists.list_list, name="contact_lists"),
    path(f"{ACCOUNT}lists/new/", lists.list_create, name="contact_list_create"),
    path(LIST, lists.list_detail, name="contact_list"),
    path(f"{LIST}edit/", lists.list_edit, name="contact_list_edit"),
    path(f"{LIST}members/", lists.list_members, name="contact_list_members"),
    path(f"{LIST}delete/", lists.list_delete, name="contact_list_delete"),
    path(TYPES, subscription_types.type_list, name="subscription_types"),
    path(f"{TYPES}new/", subscription_types.type_edit, name="subscription_type_create"),
    path(f"{TYPES}<int:type_id>/", subscription_types.type_edit, name="subscription_type"),
    path(f"{CONTACT}subscription/", contact_audience.subscription, name="contact_subscription"),
    path(f"{CONTACT}lists/", contact_audience.membership, name="contact_membership"),
    path(f"{CONTACT}opt-in/", contact_audience.ask_opt_in, name="contact_opt_in"),
    path("u/c/<str:token>", opt_in.confirm, name="opt_in_confirm"),
    path("u/p/<str:token>", preferences.preferences_contact, name="preferences_contact"),
    path("u/p/<str:token>/<str:what>", preferences.preferences_contact, name="preferences_leave"),
    path("u/<str:token>/preferences", preferences.preferences_mail, name="preferences_mail"),
]
