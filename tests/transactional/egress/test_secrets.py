"""A one-time code through the whole pipeline: the reader gets it, nothing that stays keeps it."""

import email
import email.policy
from typing import Any

import pytest
from django.db import connection

from tests.cast import make_email
from tests.transactional.egress.test_engine import drained, engine, eventually, key, sink
from tokens.models import Account
from transactional.compose import versions
from transactional.compose.contract import purge, secret
from transactional.models import Body, Message, QueueRow, Recipient, SecretBody, Source
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, Refused, TemplateSubmission
from transactional.tasks import chores

__all__ = ["sink"]
pytestmark = pytest.mark.django_db(transaction=True)
CODE = "CANARY918273"
HTML = (
    "<body><p>Your code is {{ custom.code }}</p>"
    '<a href="https://shop.example/v/{{ custom.code }}">Verify</a>'
    '<a href="https://shop.example/help">Help</a></body>'
)


def coded(account: Account, **fields: Any) -> int:
    composed = make_email(
        account,
        subject="Code {{ custom.code }}",
        html=HTML,
        contract=[{"name": "code", "type": "string", "required": True, "secret": True}],
        language="en-GB",
        **fields,
    )
    versions.publish(composed, by="alice")
    return int(composed.pk)


def send(account: Account, email_id: int, custom: dict[str, Any]) -> Accepted | Refused:
    asked = TemplateSubmission(
        principal=key(account),
        source=Source.API,
        email_id=email_id,
        to="a@x.example",
        custom=custom,
    )
    return accept_many([asked])[0]


def everything_stored() -> str:
    """Every row of every table, as text."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        found = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            found += [row[0] for row in cursor.fetchall()]
    return "\n".join(found)


def test_a_secret_reaches_its_reader_and_is_kept_nowhere(account: Account, sink: Any) -> None:
    email_id = coded(account)
    answer = send(account, email_id, {"code": CODE})
    assert isinstance(answer, Accepted)
    assert Message.objects.of(account).get().subject == f"Code {secret.MASK}"
    assert purge.purge() == 0  # its copy has not left yet
    assert CODE in bytes(Body.objects.get().context or b"").decode()
    with engine():
        eventually(drained)
    row = Recipient.objects.of(account).get()
    assert row.status == "delivered", row.reply
    arrived = email.message_from_bytes(sink.kept[0].data, policy=email.policy.default)
    part = arrived.get_body(("html",))
    assert part is not None
    html = part.get_content()
    assert arrived["Subject"] == f"Code {CODE}"
    assert arrived["Content-Language"] == "en-GB"
    assert f'href="https://shop.example/v/{CODE}"' in html
    assert 'href="https://shop.example/help"' not in html
    chores.purge_secrets()
    assert not SecretBody.objects.exists()
    stored = everything_stored()
    assert CODE not in stored and CODE.encode().hex() not in stored
    assert secret.MASK in bytes(Body.objects.get().context or b"").decode()


def test_a_held_copy_keeps_its_secret(account: Account) -> None:
    answer = send(account, coded(account), {"code": CODE})
    assert isinstance(answer, Accepted)
    Recipient.objects.of(account).update(status="held")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM transactional_queuerow")
    assert purge.purge() == 0
    Recipient.objects.of(account).update(status="bounced")
    assert purge.purge() == 1


def test_a_missing_secret_is_refused_without_a_word_of_the_others(account: Account) -> None:
    answer = send(account, coded(account), {"code": 918273, "other": CODE})
    assert isinstance(answer, Refused)
    assert answer.refusal.code == "MISSING_TEMPLATE_PROPERTIES"
    assert [one.pointer for one in answer.refusal.details] == ["/customProperties/code"]
    assert CODE not in everything_stored() and "918273" not in everything_stored()


def test_lifetime_and_contract_are_those_of_the_version(account: Account) -> None:
    email_id = coded(account, lifetime=600)
    answer = send(account, email_id, {"code": CODE})
    assert isinstance(answer, Accepted)
    row = QueueRow.objects.get()
    assert (row.deliver_by - row.due_at).total_seconds() == 600
