"""The brand kit's pages: its form, how it looks, and what it would make of the drafts."""

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from config.errors import PostinoError
from config.headers import EMAIL_POLICY
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional.compose import brand
from transactional.compose.document import mjml, schema, starters
from transactional.compose.document.colours import contrast
from transactional.models import BrandKit, Email, Kind
from transactional.views.brand_forms import BrandForm
from transactional.views.emails import find_email

PAGE = 6  # drafts of a page, each shown twice
LEGIBLE = 4.5  # WCAG 2.2, 1.4.3


@account_page(Role.VIEWER)
def brand_kit(request: AccountRequest) -> HttpResponseBase:
    """Show the brand, or save it. Drafts are changed on a page of their own, and only if asked."""
    kit, may_edit = brand.of(request.account), request.may(Role.MARKETER)
    form = BrandForm.of(kit)
    if request.method == "POST" and may_edit:
        form = BrandForm(request.POST, kit=kit)
        if form.is_valid():
            kit = brand.save(request.account, form.cleaned_data, by=request.user.email)
            messages.success(request, _("Saved. New emails wear it from now on."))
            _warn_if_illegible(request, kit)
            return redirect("brand_apply", request.account.pk)
    context = {
        "form": form, "kit": kit, "may_edit": may_edit, "tab": "brand",
        "may_move": request.may(Role.OWNER),
    }  # fmt: skip
    status = 422 if form.errors else 200
    return render(request, "transactional/brand.html", context, status=status)


def _warn_if_illegible(request: AccountRequest, kit: BrandKit) -> None:
    """Said once, here; the checks of each email say it again."""
    for colour in (kit.text, kit.accent):
        ratio = contrast(colour, kit.surface)
        if ratio < LEGIBLE:
            message = _("%(colour)s is hard to read on %(surface)s: contrast %(ratio)s, not 4.5.")
            values = {"colour": colour, "surface": kit.surface, "ratio": f"{ratio:.1f}"}
            messages.warning(request, message % values)


@account_page(Role.MARKETER)
def brand_apply(request: AccountRequest) -> HttpResponseBase:
    """Drafts that differ from the brand, before and after; the ticked ones are changed."""
    if request.method == "POST":
        return _applied(request)
    text = request.GET.get("before", "")
    before = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
    changes, after = brand.changes(request.account, before=before, limit=PAGE)
    context = {"changes": changes, "next": after, "paged": before is not None, "tab": "brand"}
    return render(request, "transactional/brand_apply.html", context)


def _applied(request: AccountRequest) -> HttpResponseBase:
    ids = [int(one) for one in request.POST.getlist("email") if one.isdigit() and len(one) < 19]
    done, left = 0, []
    for email in Email.objects.of(request.account).filter(
        pk__in=ids[:PAGE], document__isnull=False
    ):
        shown = request.POST.get(f"revision-{email.pk}", "")
        if shown != str(email.revision):
            left.append(email.name)
            continue
        try:
            brand.apply(email, by=request.user.email)
            done += 1
        except PostinoError:
            left.append(email.name)
    if done:
        said = ngettext("%(count)s draft wears it now.", "%(count)s drafts wear it now.", done)
        messages.success(request, said % {"count": done})
    if left:
        said = _("Changed by somebody meanwhile, so left alone: %(names)s.")
        messages.warning(request, said % {"names": ", ".join(left)})
    return redirect("brand_apply", request.account.pk)


@require_safe
@xframe_options_sameorigin
@account_page(Role.VIEWER)
def brand_preview(request: AccountRequest) -> HttpResponse:
    """A receipt that wears the brand, for the frame beside the form."""
    look = brand.look_of(brand.of(request.account))
    language = (get_language() or "en")[:2]
    found = starters.starter(
        "receipt", language, kind=Kind.TRANSACTIONAL, company=request.account.name, look=look
    )
    return _framed(mjml.to_html(schema.parse(found.document), canvas=True))


@require_safe
@xframe_options_sameorigin
@account_page(Role.MARKETER)
def brand_draft(request: AccountRequest, email_id: int) -> HttpResponse:
    """One draft as it is, or with `after=1` as the brand would have it, for a frame."""
    email = find_email(request, email_id)
    if email.document is None:
        raise Http404
    return _framed(brand.shown(email, after=request.GET.get("after") == "1"))


def _framed(html: str) -> HttpResponse:
    response = HttpResponse(html)
    response.headers["Content-Security-Policy"] = f"{EMAIL_POLICY}; sandbox"
    response.headers["Cache-Control"] = "no-store"
    return response
