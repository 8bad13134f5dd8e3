"""`manage.py account …`: set up a real installation, without demo data, from the terminal."""

import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Count

from tokens.models import Account, Membership, Role, User

NEXT = """\
Next:
  1. Sign in as {email} at {url}
  2. Connect a sending domain: {url}/a/{pk}/domains/
  3. Add a dedicated IP there; both are usable the moment their checks pass.
  4. {switch}
  5. Make an API key or an SMTP token: {url}/a/{pk}/keys/
"""


class Command(BaseCommand):
    """account create | list | enable-transactional | disable-transactional."""

    help = "Create and list accounts; turn their transactional sending on or off."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One sub-command each."""
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="Create an account and its owner.")
        create.add_argument("--name", required=True, help="The organisation's name.")
        create.add_argument("--owner-email", required=True, help="Who owns it and signs in.")
        create.add_argument("--password", help="The owner's password; asked for where left out.")
        create.add_argument("--operator", action="store_true", help="May also use /admin/.")
        create.add_argument(
            "--enable-transactional", action="store_true", help="Turn transactional sending on."
        )
        actions.add_parser("list", help="List accounts.")
        for word in ("enable", "disable"):
            text = f"{word.title()} transactional sending of an account."
            switch = actions.add_parser(f"{word}-transactional", help=text)
            switch.add_argument("account", type=int, help="The account's number.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError with what to correct."""
        match options["action"]:
            case "create":
                self._create(options)
            case "list":
                self._list()
            case action:
                self._switch(options["account"], on=action == "enable-transactional")

    def _create(self, options: dict[str, Any]) -> None:
        email = str(options["owner_email"]).strip().lower()
        name = str(options["name"]).strip()
        try:
            validate_email(email)
        except ValidationError as err:
            raise CommandError(f"{email!r} is not an e-mail address.") from err
        if not name or len(name) > 200 or not name.isprintable():
            raise CommandError("A name is 1 to 200 printable characters.")
        with transaction.atomic():
            owner = User.objects.filter(email=email).first()
            if owner is None:
                owner = User.objects.create_user(email, _password(options["password"], email))
            elif options["password"]:
                raise CommandError(f"{email} exists already: leave --password out.")
            if options["operator"]:
                owner.is_staff = owner.is_superuser = True
                owner.save(update_fields=["is_staff", "is_superuser"])
            account = Account.objects.create(
                name=name, transactional_enabled=options["enable_transactional"]
            )
            Membership.objects.create(account=account, user=owner, role=Role.OWNER)
        self.stdout.write(self.style.SUCCESS(f"Account {account.pk}, {name}, owned by {email}."))
        switch = "Transactional sending is on."
        if not account.transactional_enabled:
            switch = f"Turn sending on: python manage.py account enable-transactional {account.pk}"
        self.stdout.write(
            NEXT.format(email=email, url=settings.PUBLIC_URL, pk=account.pk, switch=switch)
        )

    def _list(self) -> None:
        rows = Account.objects.annotate(people=Count("memberships")).order_by("pk")
        if not rows:
            self.stdout.write("No account yet: python manage.py account create --help")
        for account in rows:
            switch = "on" if account.transactional_enabled else "off"
            self.stdout.write(
                f"{account.pk:6}  transactional {switch:3}  {account.people:3} people  {account.name}"
            )

    def _switch(self, pk: int, *, on: bool) -> None:
        if not Account.objects.filter(pk=pk).update(transactional_enabled=on):
            raise CommandError(f"There is no account {pk}: python manage.py account list")
        self.stdout.write(f"Transactional sending of account {pk} is {'on' if on else 'off'}.")


def _password(given: str | None, email: str) -> str:
    """The given password, or one typed twice. Raises CommandError for a weak one."""
    if given is None:
        if not sys.stdin.isatty():
            raise CommandError("Give --password, or run this in a terminal to type one.")
        given = getpass.getpass(f"Password for {email}: ")
        if given != getpass.getpass("Again: "):
            raise CommandError("The two are not the same.")
    try:
        validate_password(given)
    except ValidationError as err:
        raise CommandError(" ".join(err.messages)) from err
    return given
