"""The account's own settings: who the mail is from, where that is, language and time zone."""

import zoneinfo
from typing import ClassVar

from django import forms
from django.contrib import messages
from django.core.validators import ProhibitNullCharactersValidator, RegexValidator
from django.db import transaction
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tokens import audit
from tokens.models import Account, Role, Scope
from tokens.web import AccountRequest, account_page

_ONE_LINE = RegexValidator(
    r"^[^\x00-\x1f\x7f\x85\u2028\u2029]*\Z",
    gettext_lazy("This may not contain line breaks or control characters."),
)
ADDRESS = ("street", "street_2", "postcode", "city", "region", "country")
_NAMES = sorted(name for name in zoneinfo.available_timezones() if "/" in name or name == "UTC")
_NAMES = [name for name in _NAMES if not name.startswith(("Etc/", "posix/", "right/"))]
_SCOPES = [
    (Scope.ALL, gettext_lazy("All mail to that address")),
    (Scope.MARKETING, gettext_lazy("Marketing mail only")),
]


class AccountForm(forms.ModelForm[Account]):
    """What an owner may decide about the account."""

    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        choices=[(name, name.replace("_", " ")) for name in _NAMES],
        help_text=gettext_lazy("Pages of this account show times in it."),
    )  # fmt: skip
    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        choices=[("en", "English"), ("it", "Italiano")],
        help_text=gettext_lazy(
            "New emails start in it. Each person chooses the language of the pages on their own."
        ),
    )
    hard_bounce_scope = forms.ChoiceField(
        label=gettext_lazy("A hard bounce stops"), choices=_SCOPES, widget=forms.RadioSelect
    )
    complaint_scope = forms.ChoiceField(
        label=gettext_lazy("A spam report stops"), choices=_SCOPES, widget=forms.RadioSelect
    )
    filter_machines = forms.TypedChoiceField(
        label=gettext_lazy("Opens and clicks count"),
        choices=[
            ("True", gettext_lazy("People’s only")),
            ("False", gettext_lazy("All, machines’ too")),
        ],
        coerce=lambda value: str(value) == "True",
        widget=forms.RadioSelect,
        help_text=gettext_lazy(
            "Both are counted, so all numbers change at once, and back. Whatever is chosen, what "
            "machines did is kept, and each message shows it."
        ),
    )

    approvers = forms.ChoiceField(
        label=gettext_lazy("Who approves what is published"),
        required=False,
        choices=[
            ("", gettext_lazy("Nobody has to: whoever may edit may publish")),
            (Role.OWNER, gettext_lazy("An owner")),
            (Role.DEVELOPER, gettext_lazy("An owner or a developer")),
            (Role.MARKETER, gettext_lazy("Anybody else who may edit")),
        ],
        help_text=gettext_lazy(
            "Nobody approves their own request, and API keys cannot publish around it."
        ),
    )

    class Meta:
        model = Account
        fields = (
            "name", "company_name", *ADDRESS, "language", "time_zone", "approvers",
            "hard_bounce_scope", "complaint_scope", "filter_machines",
        )  # fmt: skip
        labels: ClassVar = {
            "name": gettext_lazy("Name of the account"),
            "company_name": gettext_lazy("Company name"),
            "street": gettext_lazy("Street and number"),
            "street_2": gettext_lazy("Second line"),
            "postcode": gettext_lazy("Postcode"),
            "city": gettext_lazy("City"),
            "region": gettext_lazy("State or province"),
            "country": gettext_lazy("Country"),
        }
        help_texts: ClassVar = {
            "name": gettext_lazy("Your colleagues see it in the menu."),
            "company_name": gettext_lazy(
                "Readers see it in footers. Empty: the name of the account."
            ),
            "street_2": "", "region": "",
        }  # fmt: skip

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        known = {"company_name": "organization", "street": "address-line1", "postcode": "postal-code",
                 "street_2": "address-line2", "city": "address-level2", "region": "address-level1",
                 "country": "country-name"}  # fmt: skip
        for name in ("name", "company_name", *ADDRESS):
            field = self.fields[name]
            field.validators += [ProhibitNullCharactersValidator(), _ONE_LINE]
            field.widget.attrs["autocomplete"] = known.get(name, "off")


@account_page(Role.OWNER)
def account_settings(request: AccountRequest) -> HttpResponseBase:
    """Read and change the account's settings."""
    form = AccountForm(request.POST or None, instance=request.account)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            account = form.save()
            if form.changed_data:
                audit.record(
                    account,
                    "settings.changed",
                    by=request.user.email,
                    name=account.name,
                    data={"changed": ", ".join(form.changed_data)},
                )
        messages.success(request, _("Saved."))
        return redirect("account_settings", request.account.pk)
    request.account.refresh_from_db()  # a form that was refused has changed what the page shows
    status = 422 if form.errors else 200
    return render(request, "tokens/account_settings.html", {"form": form}, status=status)
