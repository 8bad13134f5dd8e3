"""A8, A9: whoever guesses waits longer and longer, nobody else does, and the answer tells nothing."""

import hmac
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast
from tests.security.line import Line, b64, line
from tests.transactional.submission.conftest import Door, Token, make_token
from tokens import auth, credentials, secrets, throttle
from tokens.models import AuditEntry

GUESSES = 200


def plain(username: str, password: str) -> str:
    return "AUTH PLAIN " + b64(f"\0{username}\0{password}")


@contextmanager
def greeted(door: Door, here: str) -> Iterator[Line]:
    with line(door.tls_port, tls=door.context(), here=here) as talk:
        talk.ask("EHLO client.example")
        yield talk


def guess(door: Door, token: Token, here: str, times: int) -> list[str]:
    """So many wrong passwords from one address, on as few connections as the server allows."""
    said: list[str] = []
    while len(said) < times:
        with greeted(door, here) as talk:
            while len(said) < times:
                answer = talk.ask(plain(token.username, f"wrong-{len(said)}"))
                if not answer:
                    break
                said.append(answer[:3])
                if answer.startswith("421"):
                    break
    return said


def right(door: Door, token: Token, here: str) -> str:
    with greeted(door, here) as talk:
        return talk.ask(plain(token.username, token.password))[:3]


def entries(token: Token) -> list[Any]:
    found = AuditEntry.objects.filter(what="credential.guessed", target=f"smtp:{token.row.pk}")
    return list(found)


def test_a8_two_hundred_wrong_secrets_from_one_address(
    door: Door, token: Token, cast: Cast
) -> None:
    other = make_token(cast.other_account)
    said = guess(door, token, "127.0.0.77", GUESSES)
    refused = said.index("421")
    assert refused <= 10 and said.count("535") <= 10
    assert right(door, token, "127.0.0.77") == "421", "a right guess is told from a wrong one"
    # Everybody else goes on: the same token elsewhere, another account here and elsewhere
    assert right(door, token, "127.0.0.78") == "235"
    assert right(door, other, "127.0.0.78") == "235"
    (entry,) = entries(token)
    assert entry.account_id == token.row.account_id and entry.data["host"] == "127.0.0.77"
    assert token.password not in str(entry.data)


def test_a8_two_hundred_wrong_secrets_from_fifty_addresses(
    door: Door, token: Token, cast: Cast
) -> None:
    other = make_token(cast.other_account)
    assert right(door, token, "127.0.0.90") == "235"  # where its owner sends from
    said = [
        answer
        for number in range(50)
        for answer in guess(door, token, f"127.0.1.{number + 1}", GUESSES // 50)
    ]
    assert said.count("535") <= throttle.NAME[0] and said.count("421") >= GUESSES // 2
    assert right(door, token, "127.0.1.60") == "421", "a stranger's address waits for this name"
    assert right(door, token, "127.0.0.90") == "235", "its owner does not"
    assert right(door, other, "127.0.1.1") == "235"
    assert len(entries(token)) == 1


def test_a8_answers_come_later_with_each_failure_of_a_name_wherever_from(db: None) -> None:
    throttle.forget()
    try:
        failures = [
            throttle.failed(name="n@1.smtp", host=f"127.0.2.{number}") for number in range(1, 45)
        ]
    finally:
        throttle.forget()
    slow = [one.slow for one in failures]
    assert slow == sorted(slow) and slow[:10] == [1] * 10 and slow[10:20] == [2] * 10
    assert slow[-1] == 8
    assert [one.suspicious for one in failures].index(True) == 9
    assert sum(one.suspicious for one in failures) == 1


def test_a8_an_api_keys_owner_is_told_too(cast: Cast) -> None:
    from tests.transactional.api.conftest import Api, make_key

    throttle.forget()
    key = make_key(cast.account)
    wrong = Api(key[:-1] + ("A" if key[-1] != "A" else "B"))
    codes = [wrong("GET", "/marketing/v3/transactional/smtp-tokens").status_code for _ in range(20)]
    throttle.forget()
    assert codes[:10] == [401] * 10 and set(codes[10:]) == {429}
    entry = AuditEntry.objects.get(what="credential.guessed")
    assert entry.account_id == cast.account.pk and entry.target.startswith("api:")


# -- A9: the same work, whatever is wrong (`python -m bench.auth_timing` measures it)


def _cases(token: Token, revoked: Token) -> dict[str, tuple[str, str]]:
    return {
        "unknown user": ("nobody2345ab@1.smtp", token.password),
        "wrong secret": (token.username, "x" * len(token.password)),
        "revoked": (revoked.username, revoked.password),
    }


def test_a9_unknown_wrong_and_revoked_cost_the_same_work(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, revoked = make_token(cast.account), make_token(cast.account)
    credentials.delete(revoked.row)
    done: list[tuple[str, int]] = []
    digest, compare = secrets._digest, hmac.compare_digest

    def hashing(secret: str, key: bytes) -> bytes:
        done.append(("hash", len(key)))
        return digest(secret, key)

    def comparing(one: bytes, other: bytes) -> bool:
        done.append(("compare in constant time", len(other)))
        return compare(one, other)

    monkeypatch.setattr(secrets, "_digest", hashing)
    monkeypatch.setattr(secrets.hmac, "compare_digest", comparing)
    work = {}
    for name, given in _cases(token, revoked).items():
        done.clear()
        with CaptureQueriesContext(connection) as asked, pytest.raises(auth.PostinoError) as no:
            auth.authenticate_smtp(*given)
        queries = [
            one["sql"].partition("tokens_smtpcredential ON")[0] for one in asked.captured_queries
        ]
        work[name] = (tuple(done), tuple(queries), no.value.refusal)
    assert len(work["unknown user"][0]) == 2
    for one, other in itertools.pairwise(work.values()):
        assert one == other


def test_a9_the_replies_are_the_same_to_the_octet(door: Door, token: Token, cast: Cast) -> None:
    revoked = make_token(cast.account)
    credentials.delete(revoked.row)
    said = set()
    for given in _cases(token, revoked).values():
        with greeted(door, "127.0.0.1") as talk:
            said.add(talk.ask(plain(*given)))
    assert len(said) == 1 and said.pop().startswith("535 5.7.8")
