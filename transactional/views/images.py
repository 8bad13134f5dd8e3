"""The image library: its page, one image, and what the editor asks of it in JSON."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from config.errors import PostinoError, Refusal
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional.library import images, pictures
from transactional.models import Image


def _find(request: AccountRequest, image_id: int) -> Image:
    found: Image = get_object_or_404(Image.objects.of(request.account), pk=image_id)
    return found


def _page(request: AccountRequest) -> dict[str, Any]:
    """A page of the library, as `q` and `before` ask for it."""
    query = request.GET.get("q", "").replace("\0", "").strip()[:200]
    text = request.GET.get("before", "")
    before = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
    rows = images.listed(request.account, query=query, before=before, limit=images.PAGE + 1)
    more = len(rows) > images.PAGE
    return {
        "images": [_shown(image) for image in rows[: images.PAGE]],
        "query": query,
        "paged": before is not None,
        "next": str(rows[images.PAGE - 1].pk) if more else "",
    }


def _shown(image: Image) -> dict[str, Any]:
    return {
        "id": image.pk,
        "name": image.name,
        "alt": image.alt,
        "decorative": image.decorative,
        "width": image.width,
        "height": image.height,
        "size": image.size,
        "heavy": image.size > pictures.HEAVY,
        "format": image.format,
        "url": images.url(image),
        "path": images.path(image),
    }


@require_safe
@account_page(Role.VIEWER)
def image_list(request: AccountRequest) -> HttpResponse:
    """Images, the newest first."""
    return _listed(request, {})


def _listed(request: AccountRequest, more: dict[str, Any], status: int = 200) -> HttpResponse:
    page = _page(request)
    used = images.octets(request.account)
    context = {
        **page,
        "older": "?" + urlencode({"q": page["query"], "before": page["next"]}),
        "newest": "?" + urlencode({"q": page["query"]}),
        "used": used,
        "tab": "images",
        "may_edit": request.may(Role.MARKETER),
        **more,
    }
    return render(request, "transactional/images.html", context, status=status)


@require_safe
@account_page(Role.VIEWER)
def image_choices(request: AccountRequest) -> JsonResponse:
    """A page of the library, for the editor."""
    page = _page(request)
    return JsonResponse({"images": page["images"], "next": page["next"]})


@require_POST
@account_page(Role.MARKETER)
def image_upload(request: AccountRequest) -> HttpResponseBase:
    """Add an image; `Accept: application/json` is answered in JSON."""
    file, typed = request.FILES.get("file"), request.POST
    as_json = "application/json" in request.headers.get("Accept", "")
    try:
        if file is None:
            raise _refusal("empty")
        if (file.size or 0) > pictures.OCTETS:
            raise _refusal("size")
        image, new = images.add(
            request.account,
            file.read(),
            name=file.name or "",
            alt=typed.get("alt", ""),
            decorative=typed.get("decorative", "") in ("1", "on", "true"),
            by=request.user.email,
        )
    except PostinoError as err:
        return _not_added(request, err.refusal, as_json=as_json)
    if as_json:
        return JsonResponse({"image": _shown(image), "new": new}, status=201 if new else 200)
    said = _("Added to the library.") if new else _("This image was in the library already.")
    messages.success(request, said)
    return redirect("image", request.account.pk, image.pk)


def _refusal(code: str) -> PostinoError:
    return PostinoError(
        Refusal(f"IMAGE_{code.upper()}", images.sentence(code), http=422, pointer="file")
    )


def _not_added(request: AccountRequest, refusal: Refusal, *, as_json: bool) -> HttpResponseBase:
    if as_json:
        fault = {"code": refusal.code, "message": refusal.message, "pointer": refusal.pointer}
        return JsonResponse({"errors": [fault]}, status=refusal.http)
    more = {"refusal": refusal, "typed": request.POST}
    return _listed(request, more, status=422)


@account_page(Role.VIEWER)
def image_detail(request: AccountRequest, image_id: int) -> HttpResponseBase:
    """One image: how it looks, what it is called, who uses it."""
    image = _find(request, image_id)
    refusal = None
    if request.method == "POST" and request.may(Role.MARKETER):
        typed = request.POST
        try:
            images.describe(
                image,
                name=typed.get("name", ""),
                alt=typed.get("alt", ""),
                decorative="decorative" in typed,
            )
        except PostinoError as err:
            refusal = err.refusal
            image.alt = typed.get("alt", "")[:500]
        else:
            messages.success(request, _("Saved."))
            return redirect("image", request.account.pk, image.pk)
    context = {
        "image": image,
        "shown": _shown(image),
        "users": images.users(image),
        "refusal": refusal,
        "may_edit": request.may(Role.MARKETER),
    }
    status = 422 if refusal else 200
    return render(request, "transactional/image.html", context, status=status)


@require_POST
@account_page(Role.MARKETER)
def image_smaller(request: AccountRequest, image_id: int) -> HttpResponseBase:
    """Make a lighter copy beside the image."""
    image = _find(request, image_id)
    as_json = "application/json" in request.headers.get("Accept", "")
    try:
        copy = images.add_smaller(image, by=request.user.email)
    except PostinoError as err:
        if as_json:
            return _not_added(request, err.refusal, as_json=True)
        messages.error(request, err.refusal.message)
        return redirect("image", request.account.pk, image.pk)
    if as_json:
        return JsonResponse({"image": _shown(copy), "new": True})
    messages.success(
        request,
        _("A copy of %(size)s kB was made. Emails show the old one until you choose the copy.")
        % {"size": copy.size // 1000},
    )
    return redirect("image", request.account.pk, copy.pk)


@account_page(Role.MARKETER)
def image_delete(request: AccountRequest, image_id: int) -> HttpResponseBase:
    """Ask, then delete; refused while an email, the brand or a saved block shows it."""
    image = _find(request, image_id)
    if request.method == "POST":
        try:
            images.delete(image)
        except PostinoError as err:
            messages.error(request, err.refusal.message)
            return redirect("image", request.account.pk, image.pk)
        messages.success(request, _("Deleted."))
        return redirect("images", request.account.pk)
    context = {"image": image, "shown": _shown(image), "users": images.users(image)}
    return render(request, "transactional/image_delete.html", context)
