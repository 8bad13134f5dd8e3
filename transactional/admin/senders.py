"""Operators' view of single From addresses."""

from django.contrib import admin
from django.contrib.admin.options import ModelAdmin

from transactional.models import SenderAddress, SenderMail


@admin.register(SenderAddress)
class SenderAddressAdmin(ModelAdmin[SenderAddress]):
    """From addresses of other domains; the word of an operator may confirm one."""

    list_display = ("address", "account", "sends_as", "state", "asked_by", "confirmed_at")
    list_filter = ("state",)
    search_fields = ("address", "account__name")
    list_select_related = ("account",)
    raw_id_fields = ("account",)
    exclude = ("nonce",)


@admin.register(SenderMail)
class SenderMailAdmin(ModelAdmin[SenderMail]):
    """Confirmations that were mailed, for the limits."""

    list_display = ("address", "account", "at")
    search_fields = ("address",)
    list_select_related = ("account",)
    raw_id_fields = ("account",)
