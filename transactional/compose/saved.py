"""The one writer of saved blocks: kept under a name, given out as copies."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from config.errors import PostinoError, Refusal
from tokens.models import Account
from transactional.compose.document import schema
from transactional.models import SavedBlock

MOST = 200  # of an account: the palette shows them all


def listed(account: Account, *, may_html: bool) -> list[SavedBlock]:
    """All of them by name; what holds HTML only to those who may write it."""
    rows = SavedBlock.objects.of(account)
    if not may_html:
        rows = rows.filter(has_html=False)
    return list(rows.order_by("name", "pk")[:MOST])


def save(
    account: Account, *, name: str, section: Any, whole: bool, by: str, may_html: bool
) -> SavedBlock:
    """Keep a section's blocks, or the `whole` section, under a name.

    Raises DocumentRefused for what no document may hold, PostinoError for the name or the number.
    """
    name = _named(name)
    document = schema.parse({"version": schema.VERSION, "sections": [section]})
    blocks = list(document.blocks())
    if not blocks:
        raise _refused("SAVED_EMPTY", _("There is nothing in it to keep."))
    has_html = any(block.type == "html" for block in blocks)
    if has_html and not may_html:
        raise _refused("SAVED_HTML", _("Only developers may write HTML."))
    if SavedBlock.objects.of(account).count() >= MOST:
        words = _("There are %(count)s saved blocks: delete some first.")
        raise _refused("SAVED_MANY", words % {"count": MOST})
    with _name_free(name):
        return SavedBlock.objects.create(
            account=account,
            name=name,
            section=whole,
            has_html=has_html,
            content=document.json["sections"][0],
            created_by=by,
        )


def rename(saved: SavedBlock, name: str) -> None:
    """Give it another name. Raises PostinoError where that is taken."""
    saved.name = _named(name)
    with _name_free(saved.name):
        saved.save(update_fields=["name"])


@contextmanager
def _name_free(name: str) -> Iterator[None]:
    """A write under a name, which nothing else of the account may have."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as err:
        words = _("“%(name)s” is taken: choose another name.") % {"name": name[:80]}
        raise _refused("SAVED_NAME", words, http=409) from err


def _named(name: str) -> str:
    name = "".join(c for c in name if c.isprintable()).strip()
    if not name or len(name) > 200:
        raise _refused("SAVED_NAME", _("Give it a name of at most 200 characters."))
    return name


def _refused(code: str, message: str, *, http: int = 422) -> PostinoError:
    return PostinoError(Refusal(code, message, http=http, pointer="name"))
