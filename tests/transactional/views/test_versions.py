"""Versions, comparison, copies, and the list of emails sorted in bulk."""

from collections.abc import Callable

import pytest
from django.test import Client

from tests.cast import Cast, make_email
from tests.transactional.views.test_emails import XSS, url
from tokens import audit
from tokens.models import User
from transactional.compose import versions
from transactional.models import Email

SignedIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db


@pytest.fixture
def live(cast: Cast) -> Email:
    email = make_email(cast.account, subject=XSS)
    versions.publish(email, by="alice@shop.example", note=XSS)
    email.html = "<p>Changed {{ contact.firstname }}</p>"
    email.save()
    return email


@pytest.mark.parametrize(
    "tail",
    ["versions/", "versions/compare/", "versions/compare/?a=1&b=draft", "versions/1/html/",
     "versions/draft/html/"],
)  # fmt: skip
def test_members_see_them_and_strangers_do_not(
    cast: Cast, signed_in: SignedIn, live: Email, tail: str
) -> None:
    for member in (cast.alice, cast.bob):
        response = signed_in(member).get(url(cast.account, live, tail))
        assert response.status_code == 200
        assert "<script>alert" not in response.content.decode()
    assert signed_in(cast.charlie).get(url(cast.account, live, tail)).status_code == 404
    assert signed_in(cast.charlie).get(url(cast.other_account, live, tail)).status_code == 404


@pytest.mark.parametrize("tail", ["versions/1/restore/", "clone/"])
def test_only_those_who_write_may_change(
    cast: Cast, signed_in: SignedIn, live: Email, tail: str
) -> None:
    page = url(cast.account, live, tail)
    assert signed_in(cast.bob).post(page).status_code == 403
    assert signed_in(cast.charlie).post(page).status_code == 404
    assert signed_in(cast.alice).get(page).status_code == 405
    assert Client(enforce_csrf_checks=True).post(page).status_code == 403
    assert signed_in(cast.alice).post(page).status_code == 302


@pytest.mark.parametrize(
    "query", ["?a=99", "?a=x", "?b=99999999999999999999", "?a=%00", "?a=-1", "?a=²"]
)
def test_a_version_that_is_not_there_is_404(
    cast: Cast, signed_in: SignedIn, live: Email, query: str
) -> None:
    page = url(cast.account, live, f"versions/compare/{query}")
    assert signed_in(cast.alice).get(page).status_code == 404
    assert signed_in(cast.alice).get(url(cast.account, live, "versions/7/html/")).status_code == 404


def test_the_frame_runs_nothing(cast: Cast, signed_in: SignedIn, live: Email) -> None:
    response = signed_in(cast.alice).get(url(cast.account, live, "versions/1/html/"))
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and policy.endswith("sandbox")


def test_restoring_and_copying_are_in_the_audit_log(
    cast: Cast, signed_in: SignedIn, live: Email
) -> None:
    alice = signed_in(cast.alice)
    alice.post(url(cast.account, live, "versions/1/restore/"))
    alice.post(url(cast.account, live, "clone/"))
    live.refresh_from_db()
    assert "Changed" not in live.html
    log = audit.page(cast.account, audit.Filters())
    assert [one.what for one in log] == ["email.cloned", "email.restored", "email.published"]
    assert log[2].data["note"] == XSS
    page = alice.get(f"/a/{cast.account.pk}/audit/").content.decode()
    assert "Restored version 1 of “Receipt”" in page and "<script>alert" not in page


def test_the_list_is_narrowed_by_folder_tag_and_type(cast: Cast, signed_in: SignedIn) -> None:
    make_email(cast.account, name="A", folder="Shop", tags=["x", "y"])
    make_email(cast.account, name="B", folder="Shop", tags=["y"], kind="marketing")
    make_email(cast.account, name="C", tags=[XSS[:40]])
    make_email(cast.other_account, name="Theirs", folder="Secret", tags=["z"])
    bob = signed_in(cast.bob)

    def names(**query: str) -> list[str]:
        rows = bob.get(url(cast.account), query).context["emails"]
        return sorted(row.name for row in rows)

    assert names(folder="Shop") == ["A", "B"]
    assert names(folder="Shop", tag="x") == ["A"]
    assert names(tag="y", kind="marketing") == ["B"]
    assert names(folder="Secret") == names(tag="nothing") == []
    assert names(kind="\0", folder="\0") == ["A", "B", "C"]
    page = bob.get(url(cast.account)).content.decode()
    assert "Secret" not in page and "<script>alert" not in page


def test_the_ticked_are_archived_moved_and_brought_back(cast: Cast, signed_in: SignedIn) -> None:
    mine = [make_email(cast.account, name=f"E{n}") for n in range(3)]
    theirs = make_email(cast.other_account)
    ids = [str(one.pk) for one in (*mine[:2], theirs)]
    alice = signed_in(cast.alice)
    page = url(cast.account, tail="bulk/")
    response = alice.post(page, {"email": ids, "action": "archive", "folder": "Shop"}, follow=True)
    assert "2 emails were archived." in response.content.decode()
    assert response.redirect_chain[-1][0].endswith("?folder=Shop")
    alice.post(page, {"email": [*ids, "x", "9" * 30], "action": "move", "into": " New  folder "})
    alice.post(page, {"email": ids[:1], "action": "bring_back", "archived": "1"})
    state = [
        (one.folder, one.archived_at is not None)
        for one in Email.objects.of(cast.account).order_by("pk")
    ]
    assert state == [("New folder", False), ("New folder", True), ("", False)]
    theirs.refresh_from_db()
    assert (theirs.folder, theirs.archived_at) == ("", None)
    assert signed_in(cast.bob).post(page, {"email": ids}).status_code == 403
    assert signed_in(cast.charlie).post(page, {"email": ids}).status_code == 404
    assert "Tick the emails first" in alice.post(page, {}, follow=True).content.decode()
