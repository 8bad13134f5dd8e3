"""Drafts: made with their campaign, saved against a revision, archived."""

import threading
from dataclasses import replace

import pytest
from django.db import connections

from config.errors import PostinoError
from tests.cast import Cast
from transactional.compose import drafts
from transactional.compose.drafts import DraftFields
from transactional.models import Campaign, Email

FIELDS = DraftFields(name="Receipt", subject="Order {{ custom.id }}", html="<p>Hi</p>", sample={})


def test_a_new_email_has_a_campaign_of_its_name(cast: Cast) -> None:
    email = drafts.create(cast.account, FIELDS, by="alice@shop.example")
    assert email.campaign.name == "Receipt"
    assert (email.revision, email.published, email.updated_by) == (1, None, "alice@shop.example")


def test_a_save_counts_the_revision_and_renames_the_campaign(cast: Cast) -> None:
    email = drafts.create(cast.account, FIELDS, by="alice@shop.example")
    changed = replace(FIELDS, name="Invoice", html="<p>Changed</p>")
    saved = drafts.save_draft(email, changed, revision=1, by="bob@shop.example")
    assert (saved.revision, saved.html, saved.updated_by) == (
        2,
        "<p>Changed</p>",
        "bob@shop.example",
    )
    assert Campaign.objects.of(cast.account).get(pk=email.campaign_id).name == "Invoice"


def test_a_stale_save_changes_nothing_and_says_who_was_first(cast: Cast) -> None:
    email = drafts.create(cast.account, FIELDS, by="alice@shop.example")
    drafts.save_draft(email, replace(FIELDS, html="first"), revision=1, by="alice@shop.example")
    with pytest.raises(PostinoError) as caught:
        drafts.save_draft(email, replace(FIELDS, html="second"), revision=1, by="eve@shop.example")
    assert caught.value.refusal.code == "DRAFT_CHANGED"
    assert caught.value.refusal.http == 409
    assert "alice@shop.example" in caught.value.refusal.message
    email.refresh_from_db()
    assert (email.html, email.revision) == ("first", 2)


@pytest.mark.django_db(transaction=True)
def test_of_two_saves_at_once_one_wins_and_one_is_told(cast: Cast) -> None:
    email = drafts.create(cast.account, FIELDS, by="alice@shop.example")
    start, outcomes = threading.Barrier(2), []

    def save(html: str) -> None:
        start.wait()
        try:
            drafts.save_draft(email, replace(FIELDS, html=html), revision=1, by=html)
            outcomes.append("saved")
        except PostinoError as err:
            outcomes.append(err.refusal.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=save, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["DRAFT_CHANGED", "saved"]
    assert Email.objects.of(cast.account).get(pk=email.pk).revision == 2


def test_archiving_and_bringing_back(cast: Cast) -> None:
    email = drafts.create(cast.account, FIELDS, by="alice@shop.example")
    drafts.set_archived(email, True, by="alice@shop.example")
    assert Email.objects.of(cast.account).get(pk=email.pk).archived_at is not None
    drafts.set_archived(email, False, by="alice@shop.example")
    assert Email.objects.of(cast.account).get(pk=email.pk).archived_at is None


def test_problems_name_the_field_and_the_line() -> None:
    broken = replace(FIELDS, subject="{{ a", html="<p>\n\n{% for x in y %}</p>", text="{{ ok }}")
    found = drafts.template_problems(broken)
    assert (found[0].field, found[0].line) == ("subject", 1)
    assert {one.field for one in found} == {"subject", "html"}
    assert all(one.message.endswith(".") for one in found)
