"""The table of pages that the accessibility tests walk: a new page is one line here."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.cast import Cast, make_email
from transactional.compose import versions
from transactional.models import Email


@dataclass(frozen=True)
class World:
    """What the pages show: the cast, and a few emails in every state."""

    cast: Cast
    live: Email
    broken: Email

    @property
    def a(self) -> str:
        return f"/a/{self.cast.account.pk}"


def make_world(cast: Cast) -> World:
    sample = {"contact": {"firstname": "Anna"}, "custom": {"order_id": "A-1042"}}
    live = make_email(cast.account, name="Order receipt", sample=sample, updated_by="alice")
    versions.publish(live, by="alice@shop.example")
    live.subject = "Your order {{ custom.order_id }}"
    live.save()
    make_email(cast.account, name="Spring news", kind="marketing", updated_by="alice")
    broken = make_email(cast.account, name="Broken", html="<p>{{ x", updated_by="alice")
    return World(cast, live, broken)


Address = Callable[[World], str]

# Name of the page → its address. Signed in as Alice, who owns the account.
PAGES: dict[str, Address] = {
    "emails": lambda w: f"{w.a}/emails/",
    "emails, archived": lambda w: f"{w.a}/emails/?archived=1",
    "emails, nothing found": lambda w: f"{w.a}/emails/?q=nothing-like-this",
    "new email": lambda w: f"{w.a}/emails/new/",
    "email": lambda w: f"{w.a}/emails/{w.live.pk}/",
    "email, broken": lambda w: f"{w.a}/emails/{w.broken.pk}/",
    "email editor": lambda w: f"{w.a}/emails/{w.live.pk}/edit/",
    "email editor, broken": lambda w: f"{w.a}/emails/{w.broken.pk}/edit/",
    "email preview": lambda w: f"{w.a}/emails/{w.live.pk}/preview/",
    "email preview, phone": lambda w: f"{w.a}/emails/{w.live.pk}/preview/?as=phone",
    "email preview, text": lambda w: f"{w.a}/emails/{w.live.pk}/preview/?as=text",
    "email preview, broken": lambda w: f"{w.a}/emails/{w.broken.pk}/preview/",
    "email send": lambda w: f"{w.a}/emails/{w.live.pk}/send/",
    "no such page": lambda w: "/nothing-here/",
}

# Pages that a browser sees before anybody has signed in
PUBLIC: dict[str, Address] = {
    "sign in": lambda w: "/login/",
}
