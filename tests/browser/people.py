"""People and files of people, as the pages show them."""

from tests.cast import Cast
from transactional import contact_changes, contact_import, contacts
from transactional.models import Contact, ContactChanged, ContactImport


def make_contacts(cast: Cast) -> Contact:
    """People in every state; mail has been sent to the first."""
    alice = {"by": "alice@shop.example"}
    known = {
        "firstname": "Anna",
        "city": "Reggio nell’Emilia",
        "a_long_property_name_" * 4: "x" * 90,
    }
    contacts.upsert_many([(cast.account.pk, "anna@cliente.example", known)])
    anna, _ = contact_changes.create(cast.account.pk, "anna@cliente.example", {}, **alice)
    for what in (ContactChanged.UNSUBSCRIBED, ContactChanged.PENDING):
        contact_changes.change(cast.account.pk, anna.pk, what, why="Asked by phone", **alice)
    for number, changes in enumerate(([], [ContactChanged.QUARANTINED])):
        one, _ = contact_changes.create(cast.account.pk, f"c{number}@cliente.example", {}, **alice)
        for what in changes:
            contact_changes.change(cast.account.pk, one.pk, what, why="Spam trap", **alice)
    return anna


def make_files(cast: Cast) -> tuple[ContactImport, ContactImport]:
    """A file of contacts that waits for its columns, and one that was read."""
    content = b"E-mail;First name;City\nfay@cliente.example;Fay;Rome\nnobody;x;y\nz;1;2;3\n"
    made = [
        contact_import.receive(cast.account.pk, name="people.csv", content=content, by="alice")
        for _n in range(2)
    ]
    contact_import.start(cast.account.pk, made[1].pk, ["@", "firstname", ""])
    contact_import.run(cast.account.pk, made[1].pk)
    return made[0], made[1]
