"""Making and ending credentials."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from config.celery import app
from config.errors import PostinoError
from tokens import credentials, tasks
from tokens.models import Account, ApiKey, SmtpCredential


def dump(table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT string_agg(t::text, ' ') FROM {table} t")
        return str(cursor.fetchone()[0])


def test_the_database_holds_no_secret(account: Account) -> None:
    _, key = credentials.create_api_key(
        account, name="shop", scopes=["transactional-email"], by="alice"
    )
    _, password = credentials.create_smtp(
        account, campaign_name="Shop", create_contact=False, by="alice"
    )
    secret = key.rsplit("_", 1)[1]
    for table in ("tokens_apikey", "tokens_smtpcredential"):
        kept = dump(table)
        assert secret not in kept and password not in kept
        assert secret.encode().hex() not in kept and password.encode().hex() not in kept


def test_tokens_made_by_the_api_end_after_twelve_months(account: Account) -> None:
    made, _ = credentials.create_smtp(
        account.pk, campaign_name="Shop", create_contact=False, by="key", made_by_api=True
    )
    kept, _ = credentials.create_smtp(account, campaign_name="Shop", create_contact=False, by="al")
    assert made.expires_at is not None
    left = made.expires_at - timezone.now()
    assert timedelta(days=364) < left < timedelta(days=367)
    assert kept.expires_at is None


def test_what_has_expired_is_removed_and_nothing_else(account: Account) -> None:
    made, _ = credentials.create_smtp(
        account, campaign_name="Shop", create_contact=False, by="key", made_by_api=True
    )
    key, _ = credentials.create_api_key(
        account, name="shop", scopes=["marketing-email"], by="alice"
    )
    SmtpCredential.objects.filter(pk=made.pk).update(expires_at=timezone.now())
    assert credentials.remove_expired() == 1
    assert credentials.remove_expired() == 0
    assert SmtpCredential.objects.get(pk=made.pk).deleted_at is not None
    assert ApiKey.objects.get(pk=key.pk).deleted_at is None


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\nb", "a\0b", "a\r\nb"])
def test_names_are_short_printable_lines(account: Account, name: str) -> None:
    with pytest.raises(PostinoError) as caught:
        credentials.create_smtp(account, campaign_name=name, create_contact=False, by="alice")
    assert caught.value.refusal.pointer == "campaignName"
    assert not SmtpCredential.objects.exists()


@pytest.mark.parametrize("scopes", [[], ["everything"], ["transactional-email", "admin"]])
def test_a_key_has_scopes_that_exist(account: Account, scopes: list[str]) -> None:
    with pytest.raises(PostinoError) as caught:
        credentials.create_api_key(account, name="shop", scopes=scopes, by="alice")
    assert caught.value.refusal.pointer == "scopes"


def test_a_key_does_not_begin_expired(account: Account) -> None:
    with pytest.raises(PostinoError):
        credentials.create_api_key(
            account, name="x", scopes=["marketing-email"], by="a", expires_at=timezone.now()
        )


def test_the_chore_takes_expired_ones_off_the_lists(account: Account) -> None:
    key, _ = credentials.create_api_key(
        account, name="shop", scopes=["marketing-email"], by="alice"
    )
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now())
    tasks.remove_expired()
    assert not ApiKey.objects.filter(deleted_at=None).exists()
    assert {"task": "tokens.remove_expired"}.items() <= app.conf.beat_schedule["expired"].items()
