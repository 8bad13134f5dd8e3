"""Who gets in, who does not, and that the difference tells a stranger nothing."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config import bulk, database
from config.errors import PostinoError
from tokens import auth, credentials, secrets
from tokens.models import Account, ApiKey, SmtpCredential, User

SCOPE = "transactional-email"


@pytest.fixture
def key(account: Account) -> tuple[ApiKey, str]:
    return credentials.create_api_key(account, name="shop", scopes=[SCOPE], by="alice")


@pytest.fixture
def token(account: Account) -> tuple[SmtpCredential, str]:
    return credentials.create_smtp(account, campaign_name="Shop", create_contact=True, by="alice")


def refusal(bearer: str) -> tuple[str, str, int]:
    with pytest.raises(PostinoError) as caught:
        auth.authenticate_api_key(bearer)
    found = caught.value.refusal
    return found.code, found.message, found.http


def smtp_refusal(username: str, password: str) -> str:
    with pytest.raises(PostinoError) as caught:
        auth.authenticate_smtp(username, password)
    return caught.value.refusal.smtp_line


def test_a_key_speaks_for_its_account(account: Account, key: tuple[ApiKey, str]) -> None:
    row, secret = key
    principal = auth.authenticate_api_key(secret)
    assert (principal.account_id, principal.label) == (account.pk, f"api:{row.pk}")
    assert principal.scopes == {SCOPE}


def test_a_token_signs_in_whatever_the_case_of_its_name(
    account: Account, token: tuple[SmtpCredential, str]
) -> None:
    row, password = token
    principal = auth.authenticate_smtp(row.username.upper(), password)
    assert (principal.account_id, principal.label) == (account.pk, f"smtp:{row.pk}")
    assert principal.create_contact


def test_unknown_wrong_and_deleted_are_told_the_same(key: tuple[ApiKey, str]) -> None:
    row, secret = key
    unknown = refusal(secrets.mint_api_key()[1])
    wrong = refusal(secret[:-1] + ("A" if secret[-1] != "A" else "B"))
    garbage = refusal("x\0y")
    credentials.delete(row)
    assert refusal(secret) == unknown == wrong == garbage
    assert unknown[0] == "INVALID_AUTHENTICATION"
    assert unknown[2] == 401


def test_a_key_that_another_process_deletes_stops_within_a_second(
    key: tuple[ApiKey, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row, secret = key
    clock = [1000.0]
    monkeypatch.setattr("tokens.auth.time.monotonic", lambda: clock[0])
    auth.authenticate_api_key(secret)
    with CaptureQueriesContext(connection) as asked:
        auth.authenticate_api_key(secret)
    assert not asked.captured_queries
    ApiKey.objects.filter(pk=row.pk).update(deleted_at=timezone.now())
    clock[0] += 1
    assert refusal(secret)[0] == "INVALID_AUTHENTICATION"


def test_a_wrong_secret_and_an_expired_key_are_refused_beside_a_row_that_is_kept(
    key: tuple[ApiKey, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row, secret = key
    ends = timezone.now() + timedelta(hours=1)
    ApiKey.objects.filter(pk=row.pk).update(expires_at=ends)
    auth.authenticate_api_key(secret)
    assert refusal(secret[:-1] + ("A" if secret[-1] != "A" else "B"))[0] == "INVALID_AUTHENTICATION"
    monkeypatch.setattr("tokens.auth.time.time", lambda: ends.timestamp() + 1)
    assert refusal(secret)[0] == "EXPIRED_AUTHENTICATION"


def test_unknown_wrong_and_deleted_smtp_names_are_told_the_same(
    token: tuple[SmtpCredential, str],
) -> None:
    row, password = token
    wrong = smtp_refusal(row.username, "guess")
    assert wrong.startswith("535 5.7.8 ")
    assert smtp_refusal("nobody@1.smtp", password) == wrong
    assert smtp_refusal("x\0y", password) == wrong
    assert smtp_refusal("ü" * 500, password) == wrong
    credentials.delete(row)
    assert smtp_refusal(row.username, password) == wrong


def test_the_same_work_is_done_for_an_unknown_name(
    monkeypatch: pytest.MonkeyPatch, token: tuple[SmtpCredential, str]
) -> None:
    """One query and one hash, whether the name exists or not."""
    hashed: list[int] = []
    digest = secrets._digest
    monkeypatch.setattr(secrets, "_digest", lambda s, k: hashed.append(1) or digest(s, k))
    work = []
    for username in (token[0].username, "nobody@1.smtp"):
        hashed.clear()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            smtp_refusal(username, "guess")
        work.append((len(hashed), len(queries)))
    assert work[0] == work[1] == (1, 1)


def test_an_expired_key_is_told_so_only_to_who_has_its_secret(account: Account) -> None:
    row, secret = credentials.create_api_key(account, name="old", scopes=[SCOPE], by="alice")
    ApiKey.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert refusal(secret)[0] == "EXPIRED_AUTHENTICATION"
    assert refusal(secret[:-4] + "0000")[0] == "INVALID_AUTHENTICATION"


def test_after_a_reset_the_old_password_is_refused_at_once(
    token: tuple[SmtpCredential, str],
) -> None:
    row, old = token
    new = credentials.reset_smtp_password(row)
    assert smtp_refusal(row.username, old)
    assert auth.authenticate_smtp(row.username, new).label == f"smtp:{row.pk}"


def test_a_wrong_secret_of_a_key_in_use_takes_the_way_of_an_unknown_one(
    key: tuple[ApiKey, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "FRESH", 600.0)
    _row, secret = key
    auth.authenticate_api_key(secret)
    asked = []
    for wrong in (secret[:-4] + "0000", "pst_" + "0" * (len(secret) - 4)):
        with CaptureQueriesContext(connection) as queries:
            assert refusal(wrong)[0] == "INVALID_AUTHENTICATION"
        asked.append(len(queries))
    assert asked == [1, 1]
    with CaptureQueriesContext(connection) as queries:
        auth.authenticate_api_key(secret)
    assert len(queries) == 0


def test_a_token_outlives_who_made_it(account: Account, alice: User) -> None:
    row, password = credentials.create_smtp(
        account, campaign_name="Shop", create_contact=False, by=alice.email
    )
    alice.delete()
    assert auth.authenticate_smtp(row.username, password)
    row.refresh_from_db()
    assert row.created_by == "alice@shop.example"


def test_last_use_is_written_and_not_more_than_once_a_minute(key: tuple[ApiKey, str]) -> None:
    row, secret = key
    auth.authenticate_api_key(secret)
    row.refresh_from_db()
    first = row.last_used_at
    assert first is not None
    auth.forget()
    with CaptureQueriesContext(connection) as queries:
        auth.authenticate_api_key(secret)
    assert len(queries) == 1
    auth._touched.clear()
    auth.forget()
    ApiKey.objects.filter(pk=row.pk).update(last_used_at=first - timedelta(minutes=2))
    auth.authenticate_api_key(secret)
    row.refresh_from_db()
    assert row.last_used_at is not None and row.last_used_at >= first


def _alive(grants: set[str]) -> set[str]:
    with database.cursor() as cursor:
        return auth.still_alive(grants, bulk.read(cursor, [auth.question(grants)])[0])


def test_alive_leaves_out_what_was_deleted_reset_or_has_expired(account: Account) -> None:
    tokens = [
        credentials.create_smtp(account, campaign_name="Shop", create_contact=False, by="alice")
        for _ in range(4)
    ]
    open_sessions = [auth.authenticate_smtp(row.username, password) for row, password in tokens]
    (_, _), (deleted, _), (reset, _), (expired, _) = tokens
    credentials.delete(deleted)
    credentials.reset_smtp_password(reset)
    SmtpCredential.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
    asked = {one.grant for one in open_sessions} | {"smtp:999999999", "user:1", "x"}
    assert _alive(asked) == {open_sessions[0].grant}
    assert _alive({f"smtp:{reset.pk}"}) == {f"smtp:{reset.pk}"}


def test_a_principal_carries_no_secret(key: tuple[ApiKey, str]) -> None:
    assert key[1][16:] not in repr(auth.authenticate_api_key(key[1]))
