"""What the pages of sends, lists and subscriptions show, and their lines in the table of pages."""

from dataclasses import dataclass
from typing import Any

from tests.cast import Cast, make_email
from tokens.auth import Principal
from transactional import contact_lists, opt_in, signing, subscription_types, subscriptions
from transactional.broadcast import audience, control, run
from transactional.compose import versions
from transactional.models import (
    Audience,
    Broadcast,
    Contact,
    ContactList,
    OptInRequest,
    Subscribed,
    SubscriptionSource,
    SubscriptionType,
)
from transactional.subscription_types import TypeFields
from transactional.subscriptions import Origin, Wanted

FILE = (
    b"Email;Order;First name\nfay@cliente.example;A-1;Fay\nben@cliente.example;A-2;Ben\n"
    b"nobody;A-3;x\nFay@cliente.example;A-4;x\nreader@far.example;A-5;Reader\n"
)


@dataclass(frozen=True)
class AudienceWorld:
    """Sends in several states, lists of both kinds, a type of mail, a confirmation asked for."""

    columns: Broadcast
    review: Broadcast
    running: Broadcast
    stopped: Broadcast
    static: ContactList
    filter: ContactList
    type: SubscriptionType
    asked: OptInRequest


def make_audience(cast: Cast, anna: Contact) -> AudienceWorld:
    """Anna is a contact of the account."""
    account = cast.account.pk
    offers = subscription_types.create(
        account, TypeFields(name="Offers", name_it="Offerte", description="Once a week")
    )
    subscription_types.create(account, TypeFields(name="Old", is_active=False))
    wanted = Wanted(
        email=anna.email, type_id=offers.pk, status=Subscribed.SUBSCRIBED,
        legal_basis="CONSENT_WITH_NOTICE", explanation="Ticked the box at the counter",
    )  # fmt: skip
    subscriptions.record(account, [wanted], Origin(source=SubscriptionSource.MEMBER, by="alice"))
    static = contact_lists.create(account, name="Regular customers", by="alice")
    contact_lists.add(account, static, [anna.email, "c0@cliente.example"])
    rules = {"rules": [{"property": "city", "operator": "contains", "value": "Emilia"}]}
    stated = contact_lists.read_conditions(rules)
    filtered = contact_lists.create(account, name="Emilia", conditions=stated, by="alice")
    who = Principal(account, "user", cast.alice.pk, cast.alice.email)
    email = make_email(cast.account, name="Change of terms", updated_by="alice")
    versions.publish(email, by="alice@shop.example")
    sends = [_send(email, who) for _n in range(4)]
    for one in sends[1:]:
        audience.write_file(one, ["@", "custom.order_id", "contact.firstname"])
    for one in sends[2:]:
        control.confirm(account, one.pk)
    run.step(sends[2].pk)
    Broadcast.objects.filter(pk=sends[3].pk).update(state="stopped", why="TOO_MANY_BOUNCES")
    opt_in.ask(account, Contact.objects.get(pk=anna.pk), offers, principal=who)
    asked = OptInRequest.objects.of(cast.account).get()
    return AudienceWorld(*sends, static, filtered, offers, asked)


def _send(email: Any, who: Principal) -> Broadcast:
    return control.begin(
        email, who, audience_kind=Audience.CSV, file_name="customers.csv", content=FILE
    )


AUDIENCE_PAGES: dict[str, Any] = {
    "sends": lambda w: f"{w.a}/sends/",
    "send, columns": lambda w: f"{w.a}/sends/{w.audience.columns.pk}/",
    "send, review": lambda w: f"{w.a}/sends/{w.audience.review.pk}/",
    "send, progress": lambda w: f"{w.a}/sends/{w.audience.running.pk}/",
    "send, stopped": lambda w: f"{w.a}/sends/{w.audience.stopped.pk}/",
    "lists": lambda w: f"{w.a}/lists/",
    "new list": lambda w: f"{w.a}/lists/new/",
    "list": lambda w: f"{w.a}/lists/{w.audience.static.pk}/",
    "list, filter": lambda w: f"{w.a}/lists/{w.audience.filter.pk}/",
    "edit a list": lambda w: f"{w.a}/lists/{w.audience.filter.pk}/edit/",
    "delete a list": lambda w: f"{w.a}/lists/{w.audience.static.pk}/delete/",
    "subscription types": lambda w: f"{w.a}/subscription-types/",
    "subscription type": lambda w: f"{w.a}/subscription-types/{w.audience.type.pk}/",
}
AUDIENCE_PUBLIC: dict[str, Any] = {
    "preferences, leave a type": lambda w: (
        f"/u/p/{signing.preferences_token(w.anna.pk)}/{w.audience.type.pk}"
    ),
    "double opt-in": lambda w: f"/u/c/{signing.opt_in_token(w.audience.asked.pk)}",
}
