"""The audit log: what is written stands, whoever asks, and only owners of the account read it."""

from collections.abc import Callable

import pytest
from django.db import ProgrammingError, connection, transaction
from django.test import Client

from tests.cast import Cast, make_user
from tokens import audit
from tokens.audit import Filters
from tokens.audit_words_table import GROUPS, SENTENCES
from tokens.models import Account, AuditEntry, Role, User

SignedIn = Callable[[User], Client]


@pytest.mark.django_db
def test_what_is_recorded_is_told_newest_first_and_narrowed(cast: Cast) -> None:
    for what, by, target in (
        ("email.published", "alice", "email:1"),
        ("rollout.started", "bob", "email:1"),
        ("email.published", "bob", "email:2"),
    ):
        audit.record(cast.account, what, by=by, target=target, data={"version": 3})
    audit.record(cast.other_account, "email.published", by="charlie")

    def told(**narrowed: str) -> list[tuple[str, str]]:
        return [(one.by, one.target) for one in audit.page(cast.account, Filters(**narrowed))]

    assert told() == [("bob", "email:2"), ("bob", "email:1"), ("alice", "email:1")]
    assert told(what="rollout.") == [("bob", "email:1")]
    assert told(by="alice") == [("alice", "email:1")]
    assert told(target="email:2") == [("bob", "email:2")]
    newest = audit.page(cast.account, Filters(), limit=1)[0]
    older = audit.page(cast.account, Filters(), before=newest.pk)
    assert [one.target for one in older] == ["email:1", "email:1"]
    assert audit.last(cast.account, target="email:1", what="rollout.started") is not None
    assert audit.last(cast.account, target="email:1", what="rollout.finished") is None


@pytest.mark.django_db
def test_an_entry_is_neither_changed_nor_removed(cast: Cast) -> None:
    entry = audit.record(cast.account, "email.published", by="alice")
    with pytest.raises(TypeError):
        entry.save()
    with pytest.raises(TypeError):
        entry.delete()
    with pytest.raises(ProgrammingError, match="not changed"), transaction.atomic():
        AuditEntry.objects.of(cast.account).update(by="nobody")
    with pytest.raises(ProgrammingError, match="not shortened"):
        shorten(cast.account)
    assert AuditEntry.objects.of(cast.account).get().by == "alice"


def shorten(account: Account) -> None:
    """Remove the log, as far as the end of the transaction."""
    with transaction.atomic():
        AuditEntry.objects.of(account).delete()
        connection.check_constraints()


@pytest.mark.django_db
def test_entries_go_with_their_account() -> None:
    account = Account.objects.create(name="Closing")
    audit.record(account, "email.published", by="charlie")
    account.delete()
    connection.check_constraints()
    assert AuditEntry.objects.count() == 0


@pytest.mark.django_db
def test_owners_read_the_log_and_nobody_else(cast: Cast, signed_in: SignedIn) -> None:
    data = {"version": 3, "note": "<script>alert(1)</script>"}
    audit.record(cast.account, "email.published", by="alice", name="Receipt", data=data)
    audit.record(cast.account, "pool.renamed", by="postino", name="Fast")
    page = f"/a/{cast.account.pk}/audit/"
    text = signed_in(cast.alice).get(page).content.decode()
    assert "Published version 3 of “Receipt”" in text
    assert "pool.renamed Fast" in text
    assert "<script>alert(1)" not in text and "&lt;script&gt;alert(1)" in text
    developer = make_user("dev@shop.example", cast.account, Role.DEVELOPER)
    assert signed_in(developer).get(page).status_code == 403
    assert signed_in(cast.bob).get(page).status_code == 403
    assert signed_in(cast.charlie).get(page).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query", ["?before=x", "?what=%00", "?by=%00%ed%a0%80", "?before=" + "9" * 30]
)
def test_odd_queries_are_answered(cast: Cast, signed_in: SignedIn, query: str) -> None:
    assert signed_in(cast.alice).get(f"/a/{cast.account.pk}/audit/{query}").status_code == 200


def test_every_sentence_belongs_to_a_group_and_survives_missing_data() -> None:
    from tokens.views.audit_log import sentence

    for code in SENTENCES:
        assert any(prefix and code.startswith(prefix) for prefix in GROUPS)
        assert "%(" not in sentence(AuditEntry(what=code, name="Receipt"))
