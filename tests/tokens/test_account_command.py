"""`manage.py account`: a real installation from the terminal."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tokens.models import Account, Membership, Role, User

OWNER = "ada@example.com"
CREATE = ("account", "create", "--name", "Example Ltd", "--owner-email", OWNER)
PASSWORD = ("--password", "a long enough passphrase")


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_create_makes_an_account_whose_owner_can_sign_in() -> None:
    told = run(*CREATE, *PASSWORD)
    account = Account.objects.get()
    assert not account.transactional_enabled
    owner = Membership.objects.get(account=account, role=Role.OWNER).user
    assert owner.email == OWNER and owner.check_password(PASSWORD[1])
    assert not owner.is_staff
    assert f"enable-transactional {account.pk}" in told
    assert PASSWORD[1] not in told


@pytest.mark.django_db
def test_a_second_account_may_have_the_same_owner_without_a_new_password() -> None:
    run(*CREATE, *PASSWORD)
    run(*CREATE)
    assert User.objects.count() == 1 and Membership.objects.count() == 2
    with pytest.raises(CommandError, match="exists already"):
        run(*CREATE, *PASSWORD)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--name", "X", "--owner-email", "nobody", *PASSWORD), "e-mail address"),
        (("--name", " ", "--owner-email", OWNER, *PASSWORD), "printable"),
        (("--name", "X", "--owner-email", OWNER, "--password", "short"), "too short"),
    ],
)
def test_nonsense_makes_nothing(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run("account", "create", *words)
    assert not Account.objects.exists() and not User.objects.exists()


@pytest.mark.django_db
def test_the_switch_is_turned_and_listed() -> None:
    run(*CREATE, *PASSWORD, "--operator")
    account = Account.objects.get()
    run("account", "enable-transactional", str(account.pk))
    account.refresh_from_db()
    assert account.transactional_enabled
    assert "transactional on" in run("account", "list")
    run("account", "disable-transactional", str(account.pk))
    account.refresh_from_db()
    assert not account.transactional_enabled
    assert User.objects.get().is_superuser
    with pytest.raises(CommandError, match="no account"):
        run("account", "enable-transactional", "999999")
