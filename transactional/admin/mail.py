"""Operators' view of mail: the log is to be read, settings and people may be changed.

The tables of the log are big and partitioned: their lists never count rows, and page by the id
that they are searched by.
"""

from typing import Any

from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from transactional import suppression_list
from transactional.models import (
    Body,
    BrandKit,
    Campaign,
    Contact,
    ContactChange,
    ContactImport,
    DeliveryAttempt,
    DismissedProblem,
    Email,
    EmailVersion,
    Event,
    GlobalBlock,
    Image,
    ImageContent,
    LinkProbe,
    Message,
    QueueRow,
    SampleSet,
    SavedBlock,
    SecretBody,
    SendIdentity,
    Stream,
    Suppression,
    SuppressionChange,
    TemplateImport,
)

NEWEST = 5000  # rows of the log that can be paged through; older ones are found by their id


class NewestOnly(Paginator[Any]):
    """Pages over the newest rows, counted only as far as they are shown."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, NEWEST at most: a full count would read every partition."""
        rows: Any = self.object_list  # a query set: the admin gives nothing else
        return len(rows.values_list("pk", flat=True)[:NEWEST])


class Log(ModelAdmin[Any]):
    """Rows that the pipeline alone writes."""

    show_full_result_count = False
    paginator = NewestOnly
    list_per_page = 50
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Newest first, which for these ids is also the order of the partitions."""
        return super().get_queryset(request).order_by("-pk")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: months are dropped whole."""
        return False


@admin.register(Message)
class MessageAdmin(Log):
    """Accepted and refused messages."""

    list_display = ("id", "account_id", "created_at", "kind", "from_address", "subject", "refusal")
    search_fields = ("=id", "=account__id")


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(Log):
    """Each try and what was said."""

    list_display = ("id", "account_id", "at", "number", "host", "stage", "code", "reply")
    search_fields = ("=id", "=message__id")


@admin.register(Event)
class EventAdmin(Log):
    """The log behind every number."""

    list_display = ("id", "account_id", "type", "at", "recipient_id", "campaign_id", "xid")
    search_fields = ("=id", "=message__id")


@admin.register(QueueRow)
class QueueRowAdmin(Log):
    """What is still to be delivered, and who holds it."""

    list_display = ("id", "account_id", "lane", "domain", "attempt", "due_at", "lease_until")
    search_fields = ("=id", "=domain")


@admin.register(SendIdentity)
class SendIdentityAdmin(Log):
    """sendIds that were used."""

    list_display = ("send_id", "account_id", "message_id", "created_at")
    search_fields = ("=send_id",)


@admin.register(Body)
class BodyAdmin(Log):
    """What messages are made of: that it is there, not what it says, which is people's mail."""

    list_display = ("id",)
    fields = ("id",)
    search_fields = ("=id",)


@admin.register(SecretBody)
class SecretBodyAdmin(Log):
    """Messages whose context still holds values of secret variables."""

    list_display = ("id",)
    search_fields = ("=id",)


@admin.register(EmailVersion)
class EmailVersionAdmin(Log):
    """Immutable versions of emails."""

    list_display = ("email_id", "number", "subject", "created_by", "created_at")
    search_fields = ("=email__id",)
    exclude = ("digest",)


@admin.register(Campaign)
class CampaignAdmin(ModelAdmin[Any]):
    """What numbers are kept for."""

    list_display = ("id", "account", "name", "created_at")
    list_select_related = ("account",)
    search_fields = ("name", "=account__id")
    readonly_fields = ("account", "smtp_credential")


@admin.register(Email)
class EmailAdmin(ModelAdmin[Any]):
    """Composed emails. Publishing is done on the email's own page."""

    list_display = ("id", "account", "name", "kind", "archived_at", "updated_at")
    list_select_related = ("account",)
    search_fields = ("name", "=account__id")
    readonly_fields = ("account", "campaign", "published", "revision", "document")


@admin.register(Stream)
class StreamAdmin(ModelAdmin[Any]):
    """Flows of mail: pool, transport, policies."""

    list_display = ("id", "account", "name", "kind", "pool", "transport", "lifetime")
    list_select_related = ("account", "pool")
    search_fields = ("name", "=account__id")
    raw_id_fields = ("account", "pool", "fallback")
    readonly_fields = ("pool_owner",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Once made, a stream stays its account's and of its kind."""
        return ("account", "kind", "pool_owner") if obj else ("pool_owner",)


@admin.register(Contact)
class ContactAdmin(ModelAdmin[Any]):
    """People and their consent."""

    show_full_result_count = False
    list_display = ("email", "account_id", "unsubscribed_at", "quarantined_at", "opt_in")
    search_fields = ("=email",)
    readonly_fields = ("account", "email", "created_at", "updated_at")
    ordering = ("-pk",)


@admin.register(ContactChange)
class ContactChangeAdmin(Log):
    """What members did to contacts by hand."""

    list_display = ("id", "account_id", "contact_id", "what", "by", "at")
    search_fields = ("=id", "=contact__email")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """With the contact they go, so whoever may delete it may delete them."""
        return bool(request.user.has_perm("transactional.delete_contact"))


@admin.register(TemplateImport)
class TemplateImportAdmin(Log):
    """Uploads of templates, with what was said of them."""

    list_display = ("name", "account", "by", "at")
    list_select_related = ("account",)


@admin.register(ContactImport)
class ContactImportAdmin(Log):
    """Files of contacts: how far each was read, not what it says."""

    list_display = ("id", "account_id", "name", "rows", "done", "created", "changed", "by", "at")
    search_fields = ("=account__id",)
    exclude = ("content",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A file that nobody will finish may go."""
        return bool(request.user.has_perm("transactional.delete_contactimport"))


@admin.register(Suppression)
class SuppressionAdmin(ModelAdmin[Any]):
    """Addresses that must not be mailed. Whatever deletes a row is kept as a change of the list.

    Many of one window or rule: filter by it, select them all, delete.
    """

    show_full_result_count = False
    list_display = ("address", "account_id", "reason", "scope", "created_at", "trial_at")
    list_filter = ("reason", "scope", "created_at")
    search_fields = ("=address", "=account__id", "evidence")
    raw_id_fields = ("account",)
    readonly_fields = ("recipient_id", "created_at")
    ordering = ("-pk",)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Off the list, as a member would take it."""
        self.delete_queryset(request, Suppression.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """The same for all that are selected."""
        by = str(getattr(request.user, "email", ""))
        with transaction.atomic():
            rows: dict[int, list[Suppression]] = {}
            for row in queryset.select_for_update():
                rows.setdefault(row.account_id, []).append(row)
            for account_id, its in rows.items():
                suppression_list.lift(account_id, its, why="Django admin", by=by, how="admin")


@admin.register(GlobalBlock)
class GlobalBlockAdmin(ModelAdmin[Any]):
    """Addresses that no account may mail; deleting a row lifts it."""

    list_display = ("address", "accounts", "until", "created_at")
    search_fields = ("=address",)
    readonly_fields = ("accounts", "created_at")
    ordering = ("-pk",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Bounces alone make one."""
        return False


@admin.register(SuppressionChange)
class SuppressionChangeAdmin(Log):
    """What members did to the list of suppressed addresses."""

    list_display = ("id", "account_id", "what", "address", "by", "at")
    search_fields = ("=account__id", "=address")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """With the account it goes, so whoever may delete that may delete this."""
        return bool(request.user.has_perm("tokens.delete_account"))


@admin.register(Image)
class ImageAdmin(ModelAdmin[Any]):
    """Uploaded images. Deleting one leaves a gap in the mail that shows it."""

    list_display = ("id", "account_id", "name", "format", "width", "height", "size", "created_at")
    search_fields = ("=account__id", "name", "=token")
    readonly_fields = ("account", "token", "format", "width", "height", "size", "created_by")
    exclude = ("digest",)


@admin.register(ImageContent)
class ImageContentAdmin(Log):
    """That an image's octets are in the database, not what they show."""

    list_display = ("image_id",)
    fields = ("image",)


@admin.register(SavedBlock)
class SavedBlockAdmin(ModelAdmin[Any]):
    """Blocks that accounts keep under a name."""

    list_display = ("id", "account_id", "name", "section", "has_html", "created_by")
    search_fields = ("=account__id", "name")
    readonly_fields = ("account", "content", "section", "has_html")


@admin.register(BrandKit)
class BrandKitAdmin(ModelAdmin[Any]):
    """Looks of accounts."""

    list_display = ("account_id", "accent", "updated_at", "updated_by")
    search_fields = ("=account__id", "account__name")
    readonly_fields = ("account", "logo")


@admin.register(SampleSet)
class SampleSetAdmin(ModelAdmin[Any]):
    """Named sample data of emails."""

    list_display = ("id", "account_id", "email_id", "name", "updated_at")
    search_fields = ("=account__id", "=email__id", "name")
    readonly_fields = ("account", "email")


@admin.register(DismissedProblem)
class DismissedProblemAdmin(Log):
    """Warnings that members let pass, and why."""

    list_display = ("id", "account_id", "email_id", "code", "why", "by", "at", "withdrawn_at")
    search_fields = ("=account__id", "=email__id", "=code")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """With the email they go, so whoever may delete it may delete them."""
        return bool(request.user.has_perm("transactional.delete_email"))


@admin.register(LinkProbe)
class LinkProbeAdmin(Log):
    """What links answered."""

    list_display = ("id", "account_id", "url", "status", "trouble", "asked_at")
    search_fields = ("=account__id",)
    exclude = ("digest",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """They are asked again."""
        return True
