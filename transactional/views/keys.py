"""The page API keys & SMTP tokens: lists, making, resetting, deleting.

A secret is in the one answer to the POST that made it, and nowhere else: never in an address, a
session or a log.
"""

import shlex
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from domains.models import Domain
from tokens import credentials
from tokens.models import ApiKey, Role, SmtpCredential
from tokens.web import AccountRequest, account_page
from transactional.models import Campaign
from transactional.views.key_forms import ApiKeyForm, SmtpTokenForm

PAGE = 50


@require_safe
@account_page(Role.VIEWER)
def keys(request: AccountRequest) -> HttpResponseBase:
    """Both lists, and the forms for those who may use them."""
    return _page(request)


def _page(
    request: AccountRequest,
    *,
    api_form: ApiKeyForm | None = None,
    smtp_form: SmtpTokenForm | None = None,
    made: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page; `made` holds a fresh secret, which then must not be kept by any cache."""
    api_keys, older_keys = _listed(ApiKey.objects.of(request.account), request, "keys_before")
    tokens, older_tokens = _listed(
        SmtpCredential.objects.of(request.account), request, "tokens_before"
    )
    context: dict[str, Any] = {
        "api_keys": api_keys,
        "older_keys": older_keys,
        "smtp_tokens": tokens,
        "older_tokens": older_tokens,
        "paged": bool(request.GET.get("keys_before") or request.GET.get("tokens_before")),
        "may_change": request.may(Role.DEVELOPER),
        "api_form": api_form or ApiKeyForm(),
        "smtp_form": smtp_form or SmtpTokenForm(),
        "made": made,
        "smtp": _smtp_panel(request, made),
    }
    response = render(request, "transactional/keys.html", context, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _listed(
    rows: QuerySet[Any], request: AccountRequest, cursor: str
) -> tuple[list[Any], int | None]:
    """A page of live credentials, newest first; and the cursor of the next page, if there is one."""
    before = request.GET.get(cursor, "")
    rows = rows.filter(deleted_at=None).order_by("-pk")
    if before.isascii() and before.isdigit() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows[: PAGE + 1])
    return found[:PAGE], found[PAGE - 1].pk if len(found) > PAGE else None


def _smtp_panel(request: AccountRequest, made: dict[str, str] | None) -> dict[str, Any]:
    """Host, ports and a command to paste; with a fresh token, the command is complete."""
    user = (made or {}).get("username") or "$SMTP_USER"
    verified = Domain.objects.of(request.account).filter(verified_at__isnull=False)
    domain = verified.order_by("pk").values_list("name", flat=True).first()
    fresh = bool(made and made.get("username"))
    login = shlex.quote(user) if fresh else f'"{user}"'
    password = shlex.quote(made["secret"]) if made and fresh else '"$SMTP_PASSWORD"'
    return {
        "host": settings.SMTP_HOSTNAME,
        "port": settings.SMTP_PORT,
        "tls_port": settings.SMTPS_PORT,
        "swaks": (
            f"swaks --server {settings.SMTP_HOSTNAME}:{settings.SMTP_PORT} --tls \\\n"
            f"  --auth-user {login} --auth-password {password} \\\n"
            f"  --from hello@{domain or 'your-domain.example'} --to anna@example.com \\\n"
            "  --header 'Subject: Hello' --body 'Sent over SMTP.'"
        ),
    }


@require_POST
@account_page(Role.DEVELOPER)
def api_key_create(request: AccountRequest) -> HttpResponseBase:
    """Make an API key and show its secret, once."""
    form = ApiKeyForm(request.POST)
    if not form.is_valid():
        return _page(request, api_form=form, status=422)
    key, secret = credentials.create_api_key(
        request.account,
        name=form.cleaned_data["name"],
        scopes=form.cleaned_data["scopes"],
        by=request.user.email,
        expires_at=form.cleaned_data["expires"],
    )
    return _page(request, made={"kind": "api", "name": key.name, "secret": secret}, status=201)


@require_POST
@account_page(Role.DEVELOPER)
def smtp_token_create(request: AccountRequest) -> HttpResponseBase:
    """Make an SMTP token with its campaign and show its password, once."""
    form = SmtpTokenForm(request.POST)
    if not form.is_valid():
        return _page(request, smtp_form=form, status=422)
    with transaction.atomic():
        token, password = credentials.create_smtp(
            request.account,
            campaign_name=form.cleaned_data["campaign_name"],
            create_contact=form.cleaned_data["create_contact"],
            by=request.user.email,
        )
        Campaign.objects.open_for(token)
    return _page(request, made=_made_smtp(token, password), status=201)


def _made_smtp(token: SmtpCredential, password: str) -> dict[str, str]:
    return {
        "kind": "smtp",
        "name": token.campaign_name,
        "username": token.username,
        "secret": password,
    }


def _confirm(request: AccountRequest, **words: Any) -> HttpResponse:
    """The question, for browsers without scripts; with them a dialog has asked it already."""
    return render(request, "transactional/keys_confirm.html", words)


@account_page(Role.DEVELOPER)
def smtp_token_reset(request: AccountRequest, credential_id: int) -> HttpResponseBase:
    """Ask, then make a new password and show it, once."""
    token = _find(SmtpCredential, request, credential_id)
    if request.method == "POST":
        return _page(request, made=_made_smtp(token, credentials.reset_smtp_password(token)))
    return _confirm(
        request,
        title=_("Reset the password?"),
        text=_("The old password of %(user)s is refused at once, in open sessions too.")
        % {"user": token.username},
        action=_("Reset password"),
    )


@account_page(Role.DEVELOPER)
def smtp_token_delete(request: AccountRequest, credential_id: int) -> HttpResponseBase:
    """Ask, then delete the token; its numbers stay."""
    token = _find(SmtpCredential, request, credential_id)
    if request.method == "POST":
        credentials.delete(token)
        messages.success(request, _("The SMTP token %s was deleted.") % token.username)
        return redirect("keys", request.account.pk)
    return _confirm(
        request,
        title=_("Delete the SMTP token?"),
        text=_("%(user)s can sign in no more. Its numbers stay.") % {"user": token.username},
        action=_("Delete"),
    )


@account_page(Role.DEVELOPER)
def api_key_delete(request: AccountRequest, credential_id: int) -> HttpResponseBase:
    """Ask, then delete the key."""
    key = _find(ApiKey, request, credential_id)
    if request.method == "POST":
        credentials.delete(key)
        messages.success(request, _("The API key %s was deleted.") % key.name)
        return redirect("keys", request.account.pk)
    return _confirm(
        request,
        title=_("Delete the API key?"),
        text=_("Programs that use %(name)s are refused at once.") % {"name": key.name},
        action=_("Delete"),
    )


def _find(model: type[Any], request: AccountRequest, credential_id: int) -> Any:
    """A live credential of the account. Raises Http404."""
    in_range = credential_id < 2**63
    rows = model.objects.of(request.account).filter(deleted_at=None)
    found = rows.filter(pk=credential_id).first() if in_range else None
    if found is None:
        raise Http404
    return found
