"""Smarthosts in the admin: the password is written, never shown."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.http import HttpRequest

from transactional.models import Smarthost


class SmarthostForm(forms.ModelForm[Smarthost]):
    """A smarthost with a password to be set; empty: the one that is kept."""

    new_password = forms.CharField(
        required=False,
        strip=False,
        max_length=500,
        label="Password",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Kept encrypted and never shown. Empty: what is kept stays.",
    )

    class Meta:
        model = Smarthost
        fields = ("account", "name", "host", "port", "username", "tls")

    def clean(self) -> dict[str, Any]:
        """A password needs TLS, and another server needs its own."""
        data: dict[str, Any] = super().clean() or {}
        given = data.get("new_password", "")
        if data.get("username") and data.get("tls") == "opportunistic":
            self.add_error("tls", "A password is only sent under TLS: choose one of the others.")
        kept = bool(self.instance.pk and self.instance.password)
        if data.get("username") and not given and not kept:
            self.add_error("new_password", "Give the password of this user name.")
        if kept and not given and {"host", "port"} & set(self.changed_data):
            self.add_error("new_password", "Another server: give its password again.")
        if any(character in given for character in "\0\r\n"):
            self.add_error("new_password", "A password has no line breaks.")
        return data


@admin.register(Smarthost)
class SmarthostAdmin(ModelAdmin[Any]):
    """Servers that relay for streams whose direct way is shut."""

    form = SmarthostForm
    list_display = ("id", "account", "name", "host", "port", "username", "tls")
    list_select_related = ("account",)
    raw_id_fields = ("account",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The password is sealed with the row's number, so the row comes first."""
        super().save_model(request, obj, form, change)
        given = form.cleaned_data.get("new_password", "")
        if given or not obj.username:
            obj.set_password(given if obj.username else "")
            obj.save(update_fields=["password"])
