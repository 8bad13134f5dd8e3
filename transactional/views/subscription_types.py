"""The pages of subscription types: what people can agree to hear of, in both languages."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from config.errors import PostinoError
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional import subscription_types
from transactional.models import SubscriptionType
from transactional.subscription_types import TypeFields
from transactional.views.settings_fields import one_line


class TypeForm(forms.Form):
    """A type's words."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=100, validators=[one_line],
        help_text=gettext_lazy("What readers see: “Monthly newsletter”."),
    )  # fmt: skip
    description = forms.CharField(
        label=gettext_lazy("Description"), max_length=300, required=False, validators=[one_line]
    )
    name_it = forms.CharField(
        label=gettext_lazy("Name in Italian"), max_length=100, required=False,
        validators=[one_line], help_text=gettext_lazy("Empty: the name above."),
    )  # fmt: skip
    description_it = forms.CharField(
        label=gettext_lazy("Description in Italian"), max_length=300, required=False,
        validators=[one_line],
    )  # fmt: skip
    is_active = forms.BooleanField(
        label=gettext_lazy("Offered to readers"), required=False, initial=True
    )


@require_safe
@account_page(Role.VIEWER)
def type_list(request: AccountRequest) -> HttpResponse:
    """All types, those that are offered no more too."""
    context = {
        "types": subscription_types.all_types(request.account.pk, inactive=True),
        "may_edit": request.may(Role.MARKETER),
    }
    return render(request, "transactional/subscription_types.html", context)


@account_page(Role.MARKETER)
def type_edit(request: AccountRequest, type_id: int | None = None) -> HttpResponseBase:
    """Make a type, or change one."""
    found: SubscriptionType | None = None
    if type_id is not None:
        found = get_object_or_404(SubscriptionType.objects.of(request.account), pk=type_id)
    names = list(TypeForm.base_fields)
    stored = {name: getattr(found, name) for name in names} if found else None
    form = TypeForm(request.POST or None, initial=stored)
    if request.method == "POST" and form.is_valid():
        fields = TypeFields(**form.cleaned_data)
        try:
            if found is None:
                subscription_types.create(request.account.pk, fields)
            else:
                subscription_types.change(found, fields)
        except PostinoError as err:
            words = {
                "TYPE_EXISTS": _("There is a type of this name already."),
                "DEFAULT_TYPE": _(
                    "The default type is always offered: marketing mail without a type is of it."
                ),
            }
            field = err.refusal.pointer or None
            form.add_error(field, words.get(err.refusal.code, err.refusal.message))
        else:
            messages.success(request, _("Saved."))
            return redirect("subscription_types", request.account.pk)
    status = 422 if form.is_bound and form.errors else 200
    context = {"form": form, "type": found}
    return render(request, "transactional/subscription_type.html", context, status=status)
