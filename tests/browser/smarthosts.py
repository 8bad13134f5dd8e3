"""Smarthosts, as the pages show them: one that a stream uses, one that none does."""

from collections.abc import Callable
from typing import Any

from tokens.models import Account
from transactional.models import Smarthost, Stream


def make_smarthosts(account: Account) -> None:
    """One of them with a name that is long."""
    used = Smarthost.objects.create(
        account=account, name="Relay in Frankfurt", host="smtp.relay.example", username="shop"
    )
    used.set_password("a password")
    used.save(update_fields=["password"])
    Smarthost.objects.create(account=account, name="W" * 100, host=f"{'a-' * 30}a.example", port=25)
    stream = Stream.objects.default(account, "transactional")
    Stream.objects.filter(pk=stream.pk).update(fallback=used)


def _at(w: Any, *, used: bool) -> str:
    rows = Smarthost.objects.of(w.cast.account).order_by("pk")
    row = rows.first() if used else rows.last()
    assert row is not None
    return f"{w.a}/streams/smarthosts/{row.pk}/"


SMARTHOST_PAGES: dict[str, Callable[[Any], str]] = {
    "new smarthost": lambda w: f"{w.a}/streams/smarthosts/new/",
    "smarthost": lambda w: _at(w, used=True),
    "delete a smarthost": lambda w: f"{_at(w, used=False)}delete/",
    "delete a smarthost, in use": lambda w: f"{_at(w, used=True)}delete/",
}
