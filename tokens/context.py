"""What the page shell knows on every page: the account, the memberships, the role, the sandbox."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from tokens.models import Membership


def _memberships(request: HttpRequest) -> list[Membership]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return []
    mine = user.memberships.select_related("account").order_by("account__name", "account_id")
    return list(mine)


def shell(request: HttpRequest) -> dict[str, object]:
    """Context processor. Outside the pages of an account, `account` is the member's first one."""
    memberships = SimpleLazyObject(lambda: _memberships(request))
    account = getattr(request, "account", None)
    if account is None:
        account = SimpleLazyObject(lambda: memberships[0].account if memberships else None)
    return {
        "account": account,
        "memberships": memberships,
        "role": getattr(request, "role", ""),
        "sandbox": settings.SANDBOX,
    }
