"""Operators' view of versions on their way to readers: counts, roll-outs, approvals. To be read."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from transactional.admin.mail import Log
from transactional.models import (
    Approval,
    ApprovalComment,
    RollOut,
    VersionCount,
    VersionFold,
)


class WithAccount(Log):
    """Rows that go when their account does."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may delete the account may delete them."""
        return bool(request.user.has_perm("tokens.delete_account"))


@admin.register(VersionCount)
class VersionCountAdmin(WithAccount):
    """What became of each version's mail."""

    list_display = ("version_id", "type", "count", "trial")
    search_fields = ("=version__id",)


@admin.register(VersionFold)
class VersionFoldAdmin(WithAccount):
    """How far the log has been counted."""

    list_display = ("name", "xid", "event_id")


@admin.register(RollOut)
class RollOutAdmin(WithAccount):
    """Versions that a share of the readers gets. Held and ended on the email's own page."""

    list_display = ("id", "account_id", "email_id", "share", "state", "started_at", "started_by")
    search_fields = ("=account__id", "=email__id")


@admin.register(Approval)
class ApprovalAdmin(WithAccount):
    """Requests to publish."""

    list_display = ("id", "account_id", "email_id", "state", "asked_by", "decided_by")
    search_fields = ("=account__id", "=email__id")


@admin.register(ApprovalComment)
class ApprovalCommentAdmin(WithAccount):
    """What was said about them."""

    list_display = ("id", "approval_id", "at", "by")
    search_fields = ("=approval__id",)
