"""Sign in and out, the start page, and a person's own preferences."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from config.client import client_address
from tokens import throttle
from tokens.models import User

THEMES = ("", "light", "dark")


class SignInForm(AuthenticationForm):
    """Address and password; after too many failures neither is looked at for a while."""

    error_messages = {
        "invalid_login": _("The e-mail address or the password is wrong."),
        "inactive": _("This user may no longer sign in."),
        "blocked": _("Too many failed attempts. Wait a little and try again."),
    }

    def clean(self) -> dict[str, Any]:
        """Check the credentials, counting failures. Raises ValidationError."""
        name = str(self.cleaned_data.get("username") or "")
        host = client_address(self.request) if self.request else ""
        if throttle.blocked(name=name, host=host):
            raise ValidationError(self.error_messages["blocked"], code="blocked")
        try:
            cleaned = super().clean()
        except ValidationError:
            throttle.failed(name=name, host=host)
            raise
        throttle.succeeded(name=name, host=host)
        return cleaned


class SignIn(LoginView):
    """The sign-in page."""

    template_name = "tokens/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The dashboard of the member's first account; without one, a page that says what to do."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 — login_required; for the type checker
    first = user.memberships.order_by("account__name", "account_id").first()
    if first is None:
        return render(request, "tokens/no_account.html")
    return redirect("dashboard", first.account_id)


def _back(request: HttpRequest) -> str:
    """Where the form came from, if that is one of our pages."""
    wanted = request.POST.get("next", "")
    here = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if here else reverse("home")


def _remember_language(response: HttpResponse, language: str) -> None:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=365 * 86400,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Choose the language of the pages before signing in."""
    response = redirect(_back(request))
    chosen = request.POST.get("language", "")
    if chosen in dict(settings.LANGUAGES):
        _remember_language(response, chosen)
    return response


@require_POST
@login_required
def preferences(request: HttpRequest) -> HttpResponse:
    """Choose theme or language; unknown values change nothing."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 — login_required; for the type checker
    response = redirect(_back(request))
    theme, chosen = request.POST.get("theme"), request.POST.get("language", "")
    if theme is not None and theme in THEMES:
        user.theme = theme
        user.save(update_fields=["theme"])
    if chosen in dict(settings.LANGUAGES):
        user.language = chosen
        user.save(update_fields=["language"])
        _remember_language(response, chosen)
    return response
