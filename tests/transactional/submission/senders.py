"""How the tests of the door knock: one single send, one SMTP message."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.cast import make_email
from tokens import credentials
from tokens.auth import Principal
from tokens.models import Account
from transactional.compose import versions
from transactional.models import (
    Campaign,
    Email,
    Source,
)
from transactional.submission.accept import accept_many
from transactional.submission.request import (
    Accepted,
    RawSubmission,
    Refused,
    TemplateSubmission,
)

RAW = (
    b"From: Shop <orders@shop.example>\r\nTo: anna@x.example\r\nSubject: Hi\r\n"
    b"Bcc: hidden@x.example\r\n\r\nHello\r\n"
)


@pytest.fixture
def key(account: Account) -> Principal:
    row, _ = credentials.create_api_key(account, name="k", scopes=["transactional-email"], by="a")
    return Principal(account_id=account.pk, kind="api", credential_id=row.pk, name="k")


@pytest.fixture
def smtp_principal(account: Account) -> Principal:
    row, _ = credentials.create_smtp(account, campaign_name="c", create_contact=True, by="a")
    Campaign.objects.open_for(row)
    return Principal(account_id=account.pk, kind="smtp", credential_id=row.pk, name=row.username)


@pytest.fixture
def email(account: Account) -> Email:
    email = make_email(account)
    versions.publish(email, by="alice@shop.example")
    return email


Send = Callable[..., Accepted | Refused]


@pytest.fixture
def send(key: Principal, email: Email) -> Send:
    def one(**fields: Any) -> Accepted | Refused:
        values: dict[str, Any] = {
            "principal": key,
            "source": Source.API,
            "email_id": email.pk,
            "to": "Anna <anna@x.example>",
            "custom": {"order_id": "7"},
            **fields,
        }
        (answer,) = accept_many([TemplateSubmission(**values)])
        return answer

    return one


def raw(token: Principal, data: bytes = RAW, *to: str, **fields: Any) -> Accepted | Refused:
    values: dict[str, Any] = {"reverse_path": "bounces@shop.example", **fields}
    (answer,) = accept_many(
        [RawSubmission(principal=token, raw=data, recipients=to or ("anna@x.example",), **values)]
    )
    return answer


def code(answer: Accepted | Refused) -> str:
    return answer.refusal.code if isinstance(answer, Refused) else ""
