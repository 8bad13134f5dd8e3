"""Operators' view of audiences: subscriptions, lists, and sends from the app."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.http import HttpRequest

from transactional.admin.mail import Log
from transactional.models import (
    Broadcast,
    BroadcastRow,
    ConfirmationEmail,
    ContactList,
    ListMember,
    OptInRequest,
    Subscription,
    SubscriptionChange,
    SubscriptionType,
)


@admin.register(SubscriptionType)
class SubscriptionTypeAdmin(ModelAdmin[Any]):
    """Types of marketing mail."""

    list_display = ("id", "account", "name", "is_active", "is_default", "updated_at")
    list_select_related = ("account",)
    search_fields = ("name", "=account__id")
    readonly_fields = ("account", "is_default")


class OfContact(Log):
    """Rows that are deleted with a contact."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """With the contact they go."""
        return bool(request.user.has_perm("transactional.delete_contact"))


@admin.register(Subscription)
class SubscriptionAdmin(OfContact):
    """What each person answered about each type."""

    list_display = ("id", "account_id", "contact_id", "type_id", "status", "source", "at")
    search_fields = ("=contact__email",)


@admin.register(SubscriptionChange)
class SubscriptionChangeAdmin(OfContact):
    """The history of those answers."""

    search_fields = ("=contact__email",)

    list_display = ("id", "account_id", "contact_id", "type_id", "status", "source", "by", "at")


@admin.register(OptInRequest)
class OptInRequestAdmin(OfContact):
    """Confirmations that people were asked for."""

    search_fields = ("=contact__email",)

    list_display = ("id", "account_id", "contact_id", "type_id", "mails", "mailed_at", "expires_at")


@admin.register(ContactList)
class ContactListAdmin(ModelAdmin[Any]):
    """Lists of people."""

    list_display = ("id", "account", "name", "kind", "created_by", "updated_at")
    list_select_related = ("account",)
    search_fields = ("name", "=account__id")
    readonly_fields = ("account", "kind", "conditions")


@admin.register(ListMember)
class ListMemberAdmin(OfContact):
    """Who is on which static list."""

    list_display = ("id", "list_id", "contact_id", "added_at")
    search_fields = ("=contact__email", "=list__id")


@admin.register(Broadcast)
class BroadcastAdmin(Log):
    """Sends from the app. They are paused and cancelled on their own pages."""

    list_display = ("id", "account_id", "email_id", "audience", "state", "why", "total", "by")
    search_fields = ("=account__id", "=email__id")
    exclude = ("content",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """With the email it goes, so whoever may delete that may delete this."""
        return bool(request.user.has_perm("transactional.delete_email"))


@admin.register(BroadcastRow)
class BroadcastRowAdmin(Log):
    """Who a send is for, and which message each got."""

    list_display = ("id", "broadcast_id", "number", "email", "state", "code", "message_id")
    search_fields = ("=broadcast__id", "=email", "=message_id")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """With its send it goes."""
        return bool(request.user.has_perm("transactional.delete_email"))


@admin.register(ConfirmationEmail)
class ConfirmationEmailAdmin(ModelAdmin[Any]):
    """Which email asks for a double opt-in; deleting the row has a new one made."""

    list_display = ("id", "account", "email")
    list_select_related = ("account", "email")
    readonly_fields = ("account", "email")
