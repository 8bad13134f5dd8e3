"""How an API call proves who it is: a bearer key (RFC 6750), and the scopes it must have."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from config.client import client_address
from config.errors import PostinoError
from config.rest import CallRefused, Fault, limited
from tokens import auth, guesses, rate, secrets, throttle
from tokens.auth import Principal

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which itself imports this module at run time

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """What DRF calls the user of a request; what it may do is in `request.auth`."""

    principal: Principal
    is_authenticated: bool = True


class BearerKey(BaseAuthentication):
    """`Authorization: Bearer pk_…`. Sets `request.auth` to the Principal."""

    def authenticate(self, request: Request) -> tuple[Caller, Principal] | None:
        """None without the header. Raises PostinoError (401), CallRefused (429)."""
        scheme, _, key = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        key = key.strip()
        name, host = secrets.prefix_of(key) or "", client_address(request)
        if throttle.blocked(name=name, host=host):
            message = "Too many failed authentications; wait before the next one."
            raise limited(message, policy="FAILED_AUTHENTICATIONS", wait=int(throttle.FIRST_WAIT))
        try:
            principal = auth.authenticate_api_key(key)
        except PostinoError:
            guesses.note("api", name=name, host=host)
            logger.warning("authentication failed: key %r from %s", name, host)
            raise
        throttle.succeeded(name=name, host=host)
        if wait := rate.wait(principal.account_id):
            message = (
                f"You have reached your limit of {settings.RATE_LIMIT_10S} calls in 10 seconds."
            )
            raise limited(message, policy=rate.POLICY, wait=wait)
        return Caller(principal), principal

    def authenticate_header(self, request: Request) -> str:
        """What WWW-Authenticate says."""
        return "Bearer"


class HasScope(BasePermission):
    """The key holds one of the view's `scopes`; a view that names none may not be called."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Raises CallRefused: 401 without a key, 403 MISSING_SCOPES."""
        principal = request.auth
        if not isinstance(principal, Principal):
            message = "Send an API key: Authorization: Bearer pk_…"
            raise CallRefused(401, "INVALID_AUTHENTICATION", message)
        scopes: frozenset[str] = getattr(view, "scopes", frozenset())
        if principal.scopes & scopes:
            return True
        fault = Fault(
            "One or more of the following scopes are required.",
            context={"requiredScopes": sorted(scopes)},
        )
        raise CallRefused(
            403,
            "MISSING_SCOPES",
            "This key does not have the scopes that this call needs.",
            faults=[fault],
            links={"scopes": f"{settings.PUBLIC_URL}/a/{principal.account_id}/keys/"},
        )
