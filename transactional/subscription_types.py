"""The types of marketing mail of an account: made and changed here alone."""

from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone

from config.errors import PostinoError, Refusal
from transactional.models import SubscriptionType

TYPES_MAX = 100  # of an account: the preference page shows all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeFields:
    """What a type says. An empty Italian text: as the English one."""

    name: str
    name_it: str = ""
    description: str = ""
    description_it: str = ""
    is_active: bool = True


def all_types(account_id: int, *, inactive: bool = False) -> list[SubscriptionType]:
    """The account's types, its default first, then in order of making."""
    SubscriptionType.objects.default(account_id)
    rows = SubscriptionType.objects.of(account_id)
    if not inactive:
        rows = rows.filter(is_active=True)
    return list(rows.order_by("-is_default", "pk"))


def create(account_id: int, fields: TypeFields) -> SubscriptionType:
    """A new type. Raises PostinoError: TYPE_EXISTS, TOO_MANY_TYPES."""
    if SubscriptionType.objects.of(account_id).count() >= TYPES_MAX:
        words = f"At most {TYPES_MAX} types."
        raise PostinoError(Refusal("TOO_MANY_TYPES", words, http=409))
    return _stored(SubscriptionType(account_id=account_id), fields)


def change(found: SubscriptionType, fields: TypeFields) -> SubscriptionType:
    """Other words, or offered no more; the default type is always offered. Raises PostinoError."""
    if found.is_default and not fields.is_active:
        words = "The default type cannot be switched off: marketing mail without a type is of it."
        raise PostinoError(Refusal("DEFAULT_TYPE", words, http=409, pointer="is_active"))
    return _stored(found, fields)


def _stored(one: SubscriptionType, fields: TypeFields) -> SubscriptionType:
    one.name, one.name_it = fields.name, fields.name_it
    one.description, one.description_it = fields.description, fields.description_it
    one.is_active, one.updated_at = fields.is_active, timezone.now()
    try:
        with transaction.atomic():
            one.save()
    except IntegrityError as err:
        words = f"There is a type “{fields.name}” already."
        raise PostinoError(Refusal("TYPE_EXISTS", words, http=409, pointer="name")) from err
    return one
