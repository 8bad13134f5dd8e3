"""Pages of an account: `/a/<account>/…` asks for a session and a membership, here alone.

Also who a page or an API call acts as.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from tokens.auth import Principal
from tokens.kept_form import keeping_what_was_typed
from tokens.models import Account, Membership, Role, User

P = ParamSpec("P")

# Each role may do what the ones it includes may
INCLUDES: dict[str, frozenset[str]] = {
    Role.OWNER: frozenset(Role.values),
    Role.DEVELOPER: frozenset({Role.DEVELOPER, Role.MARKETER, Role.VIEWER}),
    Role.MARKETER: frozenset({Role.MARKETER, Role.VIEWER}),
    Role.VIEWER: frozenset({Role.VIEWER}),
}


class AccountRequest(HttpRequest):
    """A request of a signed-in member, with the account and the role it acts in."""

    user: User
    account: Account
    role: str

    def may(self, role: str) -> bool:
        """Whether the member's role includes `role`."""
        return role in INCLUDES[self.role]


class HasAuth(Protocol):
    """What a request of the JSON API has, once its key has been checked."""

    @property
    def auth(self) -> object:
        """The Principal."""


View = Callable[Concatenate[AccountRequest, P], HttpResponseBase]


def account_page(role: Role) -> Callable[[View[P]], Callable[..., HttpResponseBase]]:
    """Decorate a view whose URL starts with `/a/<int:account_id>/`.

    A stranger gets 404, as for an account that does not exist; a member whose role does not
    suffice gets 403 with a page that says who can help. The view is called without `account_id`.
    """

    def decorate(view: View[P]) -> Callable[..., HttpResponseBase]:
        @keeping_what_was_typed
        @login_required
        @wraps(view)
        def page(request: HttpRequest, account_id: int, **kwargs: object) -> HttpResponseBase:
            membership = (
                Membership.objects.of(account_id)
                .filter(user_id=request.user.pk)
                .select_related("account")
                .first()
            )
            if membership is None:
                raise Http404
            request.account = membership.account  # type: ignore[attr-defined]
            request.role = membership.role  # type: ignore[attr-defined]
            request.may = lambda wanted: wanted in INCLUDES[membership.role]  # type: ignore[attr-defined]
            if role not in INCLUDES[membership.role]:
                return forbidden(request, needed=role)
            with timezone.override(_zone(membership.account)):
                return view(request, **kwargs)  # type: ignore[arg-type, call-arg]

        return page

    return decorate


def _zone(account: Account) -> ZoneInfo:
    """The zone in which the account's pages show times; UTC if the system does not know it."""
    try:
        return ZoneInfo(account.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def forbidden(request: HttpRequest, *, needed: Role) -> HttpResponse:
    """The page that says which role is missing and who can give it."""
    owners = Membership.objects.of(request.account).filter(role=Role.OWNER)  # type: ignore[attr-defined]
    names = owners.order_by("pk").values_list("user__email", flat=True)[:5]
    context = {"needed": needed, "owners": list(names)}
    return render(request, "tokens/forbidden.html", context, status=403)


def principal(request: AccountRequest) -> Principal:
    """Who a page acts as when it sends."""
    return Principal(
        account_id=request.account.pk,
        kind="user",
        credential_id=request.user.pk,
        name=request.user.email,
    )


def caller(request: HasAuth) -> Principal:
    """Who an API call acts as; its view is reached only with a valid key."""
    assert isinstance(request.auth, Principal)  # noqa: S101 — for the type checker
    return request.auth
