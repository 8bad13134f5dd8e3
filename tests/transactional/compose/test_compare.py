"""What differs between two versions is told block by block; nothing is lost by restoring one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cast import Cast, make_email
from transactional.compose import compare, drafts, restore, versions
from transactional.compose.document import schema
from transactional.models import Email, Kind
from transactional.views import starter


def composed(cast: Cast) -> Email:
    fields = starter.from_template(
        cast.account, "receipt", name="E", kind=Kind.TRANSACTIONAL, language="en",
        domains=["shop.example"],
    )  # fmt: skip
    return drafts.create(cast.account, fields, by="alice")


def saved(email: Email, document: dict[str, Any], **fields: Any) -> Email:
    return drafts.save_document(
        email, schema.parse(document), fields, revision=email.revision, by="bob", may_html=True
    )


@pytest.mark.django_db
def test_blocks_that_were_added_removed_moved_and_changed(cast: Cast) -> None:
    email = composed(cast)
    before = versions.snapshot(email, by="alice")
    document = drafts.stored_document(email).json
    column = document["sections"][0]["blocks"][0]
    heading, removed = column[0], column.pop(2)
    heading["props"]["html"] = "Thanks!"
    column.append({"id": "new", "type": "divider", "props": {}})
    column.insert(1, column.pop(3))
    email = saved(email, document, subject="Another")
    found = compare.compare(before, email, documents=(before.document, email.document))
    told = {(one.kind, one.type) for one in found.blocks or ()}
    assert ("changed", "heading") in told and ("added", "divider") in told
    assert ("removed", removed["type"]) in told and any(kind == "moved" for kind, _t in told)
    changed = next(one for one in found.blocks or () if one.type == "heading")
    assert (changed.words, changed.before) == ("Thanks!", "Thank you for your order")
    assert changed.properties == ("html",)
    assert [(one.name, one.after) for one in found.settings] == [("subject", "Another")]
    assert any(line.sign == "+" and "Thanks!" in line.text for line in found.text)
    assert not found.source and not found.same
    assert compare.compare(email, email, documents=(email.document, email.document)).same


@pytest.mark.django_db
def test_html_is_compared_by_lines_and_variables_by_name(cast: Cast) -> None:
    email = make_email(
        cast.account, html="<p>one</p>\n<p>two</p>", contract=[{"name": "a", "type": "string"}]
    )
    before = versions.snapshot(email, by="a")
    email.html = "<p>one</p>\n<p>three</p>"
    email.contract = [{"name": "a", "type": "number"}, {"name": "b", "type": "url"}]
    found = compare.compare(before, email, documents=(None, None))
    assert found.blocks is None
    assert [(one.sign, one.text) for one in found.source] == [
        (" ", "<p>one</p>"), ("-", "<p>two</p>"), ("+", "<p>three</p>"),
    ]  # fmt: skip
    assert [(one.kind, one.words, one.properties) for one in found.variables] == [
        ("changed", "a", ("type",)), ("added", "b", ()),
    ]  # fmt: skip


@given(st.lists(st.text(max_size=5), max_size=30), st.lists(st.text(max_size=5), max_size=30))
def test_a_diff_rebuilds_both_sides(old: list[str], new: list[str]) -> None:
    before, after = "\n".join(old), "\n".join(new)
    found = compare.lines(before, after)
    removed = [one.text for one in found if one.sign == "-"]
    added = [one.text for one in found if one.sign == "+"]
    assert len(before.splitlines()) - len(removed) == len(after.splitlines()) - len(added)


def test_long_sides_are_compared_as_far_as_they_go() -> None:
    found = compare.lines("\n".join(map(str, range(50_000))), "\n".join(map(str, range(1, 50_000))))
    assert len([one for one in found if one.sign == "-"]) == 1


@pytest.mark.django_db
def test_a_restored_version_brings_its_blocks_and_loses_nothing(cast: Cast) -> None:
    email = composed(cast)
    first = versions.publish(email, by="alice", note="The first")
    document = drafts.stored_document(email).json
    document["sections"][0]["blocks"][0].pop()
    email = saved(email, document, subject="Changed")
    restored = restore.restore(email, first, by="carol")
    assert restored.document == first.document and restored.subject == first.subject
    assert restored.html == first.html and restored.published_id == first.pk
    assert versions.snapshot(restored, by="x").pk == first.pk
    kept = email.versions.get(number=2)
    assert (kept.subject, kept.document) == ("Changed", document)


@pytest.mark.django_db
def test_a_broken_draft_gives_way_too(cast: Cast) -> None:
    email = make_email(cast.account)
    first = versions.publish(email, by="alice")
    email.html = "{{ broken"
    email.save()
    assert restore.restore(email, first, by="a").html == first.html


@pytest.mark.django_db
def test_a_copy_has_everything_and_numbers_of_its_own(cast: Cast) -> None:
    email = composed(cast)
    email.folder, email.tags, email.contract = "Shop", ["a"], [{"name": "x", "type": "string"}]
    email.save()
    versions.publish(email, by="alice")
    copy = restore.clone(email, name="Copy", by="bob")
    assert copy.pk != email.pk and copy.campaign_id != email.campaign_id
    assert (copy.document, copy.html, copy.subject) == (email.document, email.html, email.subject)
    assert (copy.folder, copy.tags, copy.published) == ("Shop", ["a"], None)
    assert copy.contract == email.contract and copy.sample == email.sample
