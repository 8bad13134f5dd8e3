"""The operator's view of accounts, people and credentials. Hashes of secrets are not shown, and
credentials are not made here: a secret is only shown where it is made.
"""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import BaseUserCreationForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from tokens.models import Account, ApiKey, AuditEntry, Membership, SmtpCredential, User


class MembersInline(admin.TabularInline[Membership, Account]):
    """Who may use the account."""

    model = Membership
    autocomplete_fields = ("user",)
    extra = 0


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin[Account]):
    """Where operators turn transactional sending on and off."""

    list_display = ("pk", "name", "transactional_enabled", "created_at")
    list_display_links = ("name",)
    list_filter = ("transactional_enabled",)
    search_fields = ("name",)
    inlines = (MembersInline,)
    actions = ("enable_transactional", "disable_transactional")

    @admin.action(description="Turn transactional sending on")
    def enable_transactional(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        """For the chosen accounts; it counts within a second."""
        count = queryset.update(transactional_enabled=True)
        self.message_user(request, f"Turned on for {count} accounts.", messages.SUCCESS)

    @admin.action(description="Turn transactional sending off")
    def disable_transactional(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        """For the chosen accounts; every door refuses within a second."""
        count = queryset.update(transactional_enabled=False)
        self.message_user(request, f"Turned off for {count} accounts.", messages.WARNING)


class NewUserForm(BaseUserCreationForm[User]):
    """A person, with an address and a password."""

    class Meta:
        model = User
        fields = ("email",)


@admin.register(User)
class PersonAdmin(UserAdmin[User]):
    """People, known by their address."""

    add_form = NewUserForm
    ordering = ("email",)
    list_display = ("email", "name", "is_staff", "is_active", "last_login")
    list_filter = ("is_staff", "is_active")
    search_fields = ("email", "name")
    fieldsets = (
        (None, {"fields": ("email", "name", "password", "language", "theme")}),
        (
            "May",
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        ("Dates", {"fields": ("last_login",)}),
    )
    add_fieldsets = ((None, {"fields": ("email", "password1", "password2")}),)


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin[Membership]):
    """A user's role in an account."""

    list_display = ("account", "user", "role")
    list_filter = ("role",)
    list_select_related = ("account", "user")
    search_fields = ("account__name", "user__email")
    autocomplete_fields = ("account", "user")


class CredentialAdmin(admin.ModelAdmin[Any]):
    """What API keys and SMTP tokens share: they can be read, and ended."""

    list_select_related = ("account",)
    exclude = ("secret_hash",)
    actions = ("end",)

    @admin.action(description="End these credentials")
    def end(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """They are refused within a second, in open sessions too."""
        count = queryset.filter(deleted_at=None).update(deleted_at=timezone.now())
        self.message_user(request, f"Ended {count}.", messages.SUCCESS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Made on the account's own page, which shows the secret."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Read only; the list still needs this to offer its action."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows stay: the log names them."""
        return False


@admin.register(ApiKey)
class ApiKeyAdmin(CredentialAdmin):
    """API keys by their public prefix."""

    list_display = ("prefix", "name", "account", "created_by", "last_used_at", "expires_at", "deleted_at")  # fmt: skip
    search_fields = ("prefix", "name", "account__name")


@admin.register(SmtpCredential)
class SmtpCredentialAdmin(CredentialAdmin):
    """SMTP tokens by their user name."""

    list_display = ("username", "campaign_name", "account", "created_by", "last_used_at", "expires_at", "deleted_at")  # fmt: skip
    search_fields = ("username", "campaign_name", "account__name")


@admin.register(AuditEntry)
class AuditEntryAdmin(admin.ModelAdmin[AuditEntry]):
    """Who did what; to be read alone. Entries go with their account."""

    show_full_result_count = False
    list_display = ("id", "account_id", "at", "by", "what", "target", "name")
    search_fields = ("=account__id", "by", "what", "target")
    ordering = ("-pk",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only together with the account: the database refuses anything else."""
        return bool(request.user.has_perm("tokens.delete_account"))
