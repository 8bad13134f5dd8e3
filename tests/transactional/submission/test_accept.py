import threading
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from domains import pools
from domains.models import Domain, EgressSource, PoolMember
from tests.cast import make_email
from tests.domains.reported import policy_found
from tests.transactional.submission.senders import Send, code, raw
from tokens.auth import Principal
from tokens.models import Account, Scope
from transactional import suppressions
from transactional.compose import versions
from transactional.models import (
    Body,
    Contact,
    Email,
    Event,
    Message,
    QueueRow,
    Recipient,
    Source,
    Status,
    Stream,
    SuppressionReason,
)
from transactional.submission import facts
from transactional.submission.accept import accept_many
from transactional.submission.request import (
    Accepted,
    Refused,
    TemplateSubmission,
)


def test_a_single_send_is_stored_whole(send: Send, account: Account, email: Email) -> None:
    answer = send(cc=("carl@x.example",), bcc=("dora@y.example",))
    assert isinstance(answer, Accepted)
    assert (answer.recipients, answer.suppressed, answer.duplicate) == (3, 0, False)
    message = Message.objects.of(account).get()
    assert message.pk == answer.message_id
    assert (message.subject, message.version_id) == ("Order 7", email.published_id)
    kinds = list(Recipient.objects.of(account).order_by("id").values_list("address", "kind"))
    assert kinds == [
        ("anna@x.example", "to"),
        ("carl@x.example", "cc"),
        ("dora@y.example", "bcc"),
    ]
    assert {row.domain for row in QueueRow.objects.all()} == {"x.example", "y.example"}
    assert Body.objects.get(pk=message.pk).context
    assert {e.type for e in Event.objects.all()} == {"accepted"}


def test_how_it_aligns_is_kept_with_the_message(send: Send, account: Account) -> None:
    assert isinstance(send(), Accepted)
    told = Event.objects.get(type="accepted").data["dmarc"]
    assert told == {"code": "aligned", "dkim": "exact", "spf": "organisation", "policy": ""}


@pytest.mark.parametrize(
    ("policy", "stops"), [("none", False), ("quarantine", True), ("reject", True)]
)
def test_mail_that_its_own_policy_would_stop_is_refused(
    send: Send, account: Account, policy: str, stops: bool
) -> None:
    domain = Domain.objects.of(account).get()
    wrong = [{"purpose": p, "host": p, "status": "wrong", "code": "x"} for p in ("dkim", "spf")]
    domain.findings = wrong
    policy_found(domain, f"v=DMARC1; p={policy}")
    facts.forget()
    answer = send()
    if stops:
        assert code(answer) == "DMARC_WOULD_FAIL" and policy in answer.refusal.message
    else:
        assert isinstance(answer, Accepted)
        assert Event.objects.get(type="accepted").data["dmarc"]["code"] == "fails"


def test_contact_properties_are_kept_and_custom_ones_are_not(send: Send, account: Account) -> None:
    send(contact_properties={"firstname": "Anna"})
    contact = Contact.objects.of(account).get()
    assert (contact.email, contact.properties) == ("anna@x.example", {"firstname": "Anna"})
    send(contact_properties={"city": "Torino"})
    contact.refresh_from_db()
    assert contact.properties == {"firstname": "Anna", "city": "Torino"}


def test_a_missing_property_is_answered_at_once_and_named(send: Send, account: Account) -> None:
    answer = send(custom={})
    assert isinstance(answer, Refused)
    assert answer.refusal.code == "MISSING_TEMPLATE_PROPERTIES"
    assert "custom.order_id" in answer.refusal.message
    assert not QueueRow.objects.exists()
    kept = Message.objects.of(account).get(pk=answer.message_id)
    assert kept.refusal == "MISSING_TEMPLATE_PROPERTIES"
    assert Event.objects.get().type == "dropped"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"email_id": 999_999_999}, "MISSING_CONTENT"),
        ({"custom": {"order_id": "\ud800"}}, "VALIDATION_FAILED"),
        ({"to": "postmaster@x.example"}, "INVALID_TO_ADDRESS"),
        ({"to": "not an address"}, "INVALID_TO_ADDRESS"),
        ({"to": "a@x.example, b@x.example"}, "INVALID_TO_ADDRESS"),
        ({"to": "x@y.example\r\nBcc: z@evil.example"}, "INVALID_TO_ADDRESS"),
        ({"cc": ("=?utf-8?q?x=40ok=2Eexample?= <y@evil>",)}, "INVALID_TO_ADDRESS"),
        ({"from_": "ceo@stranger.example"}, "INVALID_FROM_ADDRESS"),
        ({"from_": "a@shop.example, b@shop.example"}, "INVALID_FROM_ADDRESS"),
        ({"bcc": tuple(f"u{i}@x.example" for i in range(51))}, "TOO_MANY_RECIPIENTS"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_name(
    send: Send, fields: dict[str, Any], expected: str
) -> None:
    assert code(send(**fields)) == expected
    assert not QueueRow.objects.exists()


def test_another_accounts_email_does_not_exist(send: Send, cast: Any) -> None:
    foreign = make_email(cast.other_account)
    versions.publish(foreign, by="charlie@stranger.example")
    assert code(send(email_id=foreign.pk)) == "MISSING_CONTENT"


def test_a_bomb_is_refused(send: Send, email: Email) -> None:
    email.html = "{% for i in range(99999) %}{% for j in range(99999) %}a{% endfor %}{% endfor %}"
    email.save()
    versions.publish(email, by="a")
    assert code(send()) == "HUBL_LIMIT_EXCEEDED"


def test_the_switch_refuses_at_once(
    send: Send, account: Account, smtp_principal: Principal
) -> None:
    Account.objects.filter(pk=account.pk).update(transactional_enabled=False)
    facts.forget()
    assert code(send()) == "PORTAL_NOT_AUTHORIZED_FOR_APPLICATION"
    assert code(raw(smtp_principal)) == "PORTAL_NOT_AUTHORIZED_FOR_APPLICATION"


def test_an_unverified_domain_is_told_apart(send: Send, account: Account) -> None:
    Domain.objects.of(account).update(verified_at=None)
    facts.forget()
    assert code(send()) == "UNCONFIGURED_SENDING_DOMAIN"


def test_without_a_ready_ip_nothing_is_accepted(
    send: Send, account: Account, smtp_principal: Principal
) -> None:
    EgressSource.objects.of(account).update(state="pending")
    facts.forget()
    assert code(send()) == "NO_READY_IP"
    answer = raw(smtp_principal)
    assert isinstance(answer, Refused)
    assert answer.refusal.smtp_line.startswith("451 4.7.1 ")


def test_the_ip_is_usable_the_moment_it_is_ready(send: Send, account: Account) -> None:
    EgressSource.objects.of(account).update(state="pending")
    facts.forget()
    assert code(send()) == "NO_READY_IP"
    EgressSource.objects.of(account).update(state="ready")
    facts.forget()
    assert isinstance(send(), Accepted)


def restless(account: Account) -> None:
    now = timezone.now()
    Contact.objects.create(
        account=account,
        email="anna@x.example",
        unsubscribed_at=now,
        quarantined_at=now,
        opt_in="pending",
    )


def test_transactional_mail_goes_whatever_the_contacts_state(send: Send, account: Account) -> None:
    restless(account)
    assert isinstance(send(), Accepted)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"unsubscribed_at": timezone.now()}, "PREVIOUSLY_UNSUBSCRIBED_PORTAL"),
        ({"quarantined_at": timezone.now()}, "QUARANTINED_ADDRESS"),
        ({"opt_in": "pending"}, "EMAIL_UNCONFIRMED"),
    ],
)
def test_marketing_mail_obeys_it_and_says_why(
    send: Send, account: Account, state: dict[str, Any], expected: str
) -> None:
    marketing = make_email(
        account,
        kind="marketing",
        html='<p>Via Roma 1</p><a href="{{ unsubscribe_link }}">Leave</a>',
    )
    versions.publish(marketing, by="a")
    shared = EgressSource.objects.create(
        address="127.0.0.99", ehlo_name="shared.test", state="ready"
    )
    pools.add(pools.shared_pool(), shared)
    facts.forget()
    contact = Contact.objects.create(account=account, email="anna@x.example")
    assert isinstance(send(email_id=marketing.pk), Accepted)
    Contact.objects.filter(pk=contact.pk).update(**state)
    assert code(send(email_id=marketing.pk)) == expected


def test_marketing_never_uses_the_dedicated_pool(account: Account) -> None:
    marketing = Stream.objects.default(account, "marketing")
    transactional = Stream.objects.default(account, "transactional")
    assert marketing.pool_id != transactional.pool_id
    dedicated = PoolMember.objects.filter(pool__dedicated=True).values("source_id")
    assert not PoolMember.objects.filter(
        pool_id=marketing.pool_id, source_id__in=dedicated
    ).exists()


@pytest.mark.parametrize(
    ("reason", "scope", "expected"),
    [
        (SuppressionReason.HARD_BOUNCE, Scope.ALL, "PREVIOUSLY_BOUNCED"),
        (SuppressionReason.HARD_BOUNCE, Scope.MARKETING, ""),
        (SuppressionReason.COMPLAINT, Scope.MARKETING, ""),
        (SuppressionReason.COMPLAINT, Scope.ALL, "PREVIOUS_SPAM"),
        (SuppressionReason.MANUAL, Scope.ALL, "BLOCKED_ADDRESS"),
    ],
)
def test_suppressions_stop_what_their_scope_says(
    send: Send, account: Account, reason: SuppressionReason, scope: Scope, expected: str
) -> None:
    suppressions.add(account.pk, "ANNA@x.example", reason=reason, scope=scope)
    assert code(send()) == expected


@pytest.mark.parametrize(
    "listed", ["anna@παράδειγμα.δοκιμή", "anna@xn--hxajbheg2az3al.xn--jxalpdlp"]
)
@pytest.mark.parametrize("to", ["Anna@παράδειγμα.δοκιμή", "anna@XN--hxajbheg2az3al.xn--jxalpdlp"])
def test_either_spelling_of_a_domain_is_stopped_by_the_other(
    send: Send, account: Account, listed: str, to: str
) -> None:
    assert code(send(to=to)) == ""
    suppressions.add(account.pk, listed, reason=SuppressionReason.MANUAL)
    assert code(send(to=to)) == "BLOCKED_ADDRESS"


def test_one_suppressed_copy_does_not_stop_the_others(send: Send, account: Account) -> None:
    suppressions.add(account.pk, "anna@x.example", reason=SuppressionReason.MANUAL)
    answer = send(cc=("carl@x.example",))
    assert isinstance(answer, Accepted)
    assert (answer.recipients, answer.suppressed) == (1, 1)
    assert Recipient.objects.get(address="anna@x.example").status == Status.SUPPRESSED
    assert QueueRow.objects.count() == 1


def test_a_send_id_is_used_once(send: Send) -> None:
    first = send(send_id="order-7")
    again = send(send_id="order-7")
    assert isinstance(first, Accepted)
    assert isinstance(again, Accepted)
    assert (first.duplicate, again.duplicate) == (False, True)
    assert again.message_id == first.message_id
    assert Message.objects.count() == 1


def test_a_refused_send_does_not_use_up_its_send_id(send: Send) -> None:
    assert code(send(send_id="order-7", custom={})) == "MISSING_TEMPLATE_PROPERTIES"
    answer = send(send_id="order-7")
    assert isinstance(answer, Accepted)
    assert not answer.duplicate


def test_one_send_id_twice_in_a_batch(key: Principal, email: Email) -> None:
    one = TemplateSubmission(
        principal=key,
        source=Source.API,
        email_id=email.pk,
        to="anna@x.example",
        custom={"order_id": "7"},
        send_id="same",
    )
    answers = accept_many([one, one, one])
    assert [a.duplicate for a in answers if isinstance(a, Accepted)] == [False, True, True]
    assert Message.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_fifty_parallel_identical_calls_make_one_mail(send: Send) -> None:
    answers: list[Accepted | Refused] = []
    start = threading.Barrier(10)

    def work() -> None:
        start.wait()
        answers.extend(send(send_id="order-7") for _ in range(5))
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 50
    assert sum(isinstance(a, Accepted) and not a.duplicate for a in answers) == 1
    assert len({a.message_id for a in answers}) == 1
    assert QueueRow.objects.count() == 1


def test_an_unpublished_email_is_sent_from_its_draft(send: Send, account: Account) -> None:
    draft = make_email(account, subject="Draft {{ custom.order_id }}")
    assert isinstance(send(email_id=draft.pk), Accepted)
    message = Message.objects.of(account).get()
    assert message.subject == "Draft 7"
    assert message.version is not None
    assert message.version.email_id == draft.pk
