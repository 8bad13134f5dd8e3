"""The list of emails and the page of one: who may see what, and what the pages say."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tests.cast import Cast, make_email, make_user
from tokens.models import Role, User
from transactional.compose import versions
from transactional.models import Email, Kind

SignedIn = Callable[[User], Client]
XSS = '"><img src=x onerror=alert(1)><script>alert(1)</script>{{ 7*7 }}'
PAGES = ("", "edit/", "preview/", "preview/html/", "send/")
ACTIONS = ("publish/", "archive/", "edit/", "send/")


def url(account: object, email: Email | None = None, tail: str = "") -> str:
    base = f"/a/{account.pk}/emails/"  # type: ignore[attr-defined]
    return f"{base}{email.pk}/{tail}" if email else f"{base}{tail}"


@pytest.mark.parametrize("tail", PAGES)
def test_a_stranger_gets_404_for_every_page(cast: Cast, signed_in: SignedIn, tail: str) -> None:
    email = make_email(cast.account)
    charlie = signed_in(cast.charlie)
    assert charlie.get(url(cast.account, email, tail)).status_code == 404
    # Nor through an account of his own
    assert charlie.get(url(cast.other_account, email, tail)).status_code == 404


@pytest.mark.parametrize("tail", ACTIONS)
def test_a_stranger_gets_404_for_every_action(cast: Cast, signed_in: SignedIn, tail: str) -> None:
    email = make_email(cast.account)
    charlie = signed_in(cast.charlie)
    for account in (cast.account, cast.other_account):
        assert charlie.post(url(account, email, tail)).status_code == 404
    email.refresh_from_db()
    assert (email.published, email.archived_at, email.revision) == (None, None, 1)


@pytest.mark.parametrize("tail", ["", "new/"])
def test_a_stranger_gets_404_for_the_list(cast: Cast, signed_in: SignedIn, tail: str) -> None:
    charlie = signed_in(cast.charlie)
    assert charlie.get(url(cast.account, tail=tail)).status_code == 404
    assert charlie.post(url(cast.account, tail="new/"), {"name": "x"}).status_code == 404
    assert not Email.objects.of(cast.account).exists()


@pytest.mark.parametrize("tail", ACTIONS)
def test_a_viewer_reads_and_changes_nothing(cast: Cast, signed_in: SignedIn, tail: str) -> None:
    email = make_email(cast.account)
    bob = signed_in(cast.bob)
    for page in ("", "preview/", "preview/html/"):
        assert bob.get(url(cast.account, email, page)).status_code == 200
    response = bob.post(url(cast.account, email, tail))
    assert response.status_code == 403
    assert b"alice@shop.example" in response.content
    email.refresh_from_db()
    assert (email.published, email.archived_at, email.revision) == (None, None, 1)


def test_a_viewer_is_offered_nothing_to_change(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.account)
    bob = signed_in(cast.bob)
    pages = [bob.get(url(cast.account, *where)) for where in ((), (email,), (email, "preview/"))]
    for page in pages:
        html = page.content.decode()
        assert "/edit/" not in html and "/send/" not in html and "/new/" not in html
        assert "/archive/" not in html and "/publish/" not in html


@pytest.mark.parametrize("tail", ["publish/", "archive/"])
def test_actions_are_not_for_links(cast: Cast, signed_in: SignedIn, tail: str) -> None:
    email = make_email(cast.account)
    assert signed_in(cast.alice).get(url(cast.account, email, tail)).status_code == 405


@pytest.mark.parametrize("tail", ["publish/", "archive/", "edit/", "send/"])
def test_actions_need_the_forms_token(cast: Cast, tail: str) -> None:
    email = make_email(cast.account)
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.alice)
    assert client.post(url(cast.account, email, tail)).status_code == 403


def test_ids_that_no_row_can_have_are_404(cast: Cast, signed_in: SignedIn) -> None:
    alice = signed_in(cast.alice)
    huge = 10**30
    assert alice.get(f"/a/{cast.account.pk}/emails/{huge}/").status_code == 404
    assert alice.get(f"/a/{huge}/emails/").status_code == 404


def test_an_empty_list_says_what_it_will_hold(cast: Cast, signed_in: SignedIn) -> None:
    html = signed_in(cast.alice).get(url(cast.account)).content.decode()
    assert "No emails yet" in html and "/emails/new/" in html


def test_the_list_shows_each_emails_state(cast: Cast, signed_in: SignedIn) -> None:
    make_email(cast.account, name="Only a draft")
    live = make_email(cast.account, name="Live")
    changed = make_email(cast.account, name="Edited")
    gone = make_email(cast.account, name="Put away")
    for email in (live, changed):
        versions.publish(email, by="alice@shop.example")
    Email.objects.of(cast.account).filter(pk=changed.pk).update(subject="New words")
    Email.objects.of(cast.account).filter(pk=gone.pk).update(archived_at=timezone.now())
    rows = signed_in(cast.alice).get(url(cast.account)).context["emails"]
    states = {row.name: (row.published_id is not None, row.changed) for row in rows}
    assert states == {
        "Only a draft": (False, True),
        "Live": (True, False),
        "Edited": (True, True),
    }
    archived = signed_in(cast.alice).get(url(cast.account) + "?archived=1")
    assert [row.name for row in archived.context["emails"]] == ["Put away"]


def test_paging_shows_every_email_once(cast: Cast, signed_in: SignedIn) -> None:
    moment = timezone.now()
    for number in range(60):
        # Groups of the same instant: the id decides
        at = moment - timedelta(seconds=number // 7)
        make_email(cast.account, name=f"email {number}", updated_at=at)
    alice, seen, query = signed_in(cast.alice), [], "?q=email"
    for _ in range(4):
        page = alice.get(url(cast.account) + query).context
        seen += [row.pk for row in page["emails"]]
        query = page["older"]
        if not query:
            break
        assert "q=email" in query
    assert len(seen) == len(set(seen)) == 60


@pytest.mark.parametrize("before", ["x", "", "AAAA", "MjAyNi0wMS0wMXwx", "é", "\0"])
def test_a_cursor_that_is_not_ours_shows_the_first_page(
    cast: Cast, signed_in: SignedIn, before: str
) -> None:
    make_email(cast.account)
    response = signed_in(cast.alice).get(url(cast.account), {"before": before, "q": "\0"})
    assert len(response.context["emails"]) == 1


def test_the_search_finds_names_and_subjects(cast: Cast, signed_in: SignedIn) -> None:
    make_email(cast.account, name="Order receipt", subject="Thanks")
    make_email(cast.account, name="Reset", subject="Your new PASSWORD")
    alice = signed_in(cast.alice)
    for query, names in (("receipt", ["Order receipt"]), ("password", ["Reset"]), ("%", [])):
        rows = alice.get(url(cast.account), {"q": query}).context["emails"]
        assert [row.name for row in rows] == names


def test_creating_one_leads_to_its_editor(cast: Cast, signed_in: SignedIn) -> None:
    alice = signed_in(cast.alice)
    form = {"name": "Order receipt", "kind": "transactional"}
    response = alice.post(url(cast.account, tail="new/"), form)
    email = Email.objects.of(cast.account).get()
    assert response.headers["Location"] == url(cast.account, email, "edit/")
    assert (email.name, email.kind, email.updated_by) == (
        "Order receipt",
        Kind.TRANSACTIONAL,
        cast.alice.email,
    )
    assert email.from_address == "hello@shop.example"
    assert alice.get(url(cast.account, email, "preview/html/")).content.decode().count("Anna") == 1


@pytest.mark.parametrize("kind", Kind.values)
def test_a_new_email_can_be_published_once_it_has_a_subject(
    cast: Cast, signed_in: SignedIn, kind: str
) -> None:
    cast.account.street = "Via Roma 1"
    cast.account.save()
    alice = signed_in(cast.alice)
    alice.post(url(cast.account, tail="new/"), {"name": "News", "kind": kind})
    email = Email.objects.of(cast.account).get()
    email.subject = "Hello"
    email.save()
    alice.post(url(cast.account, email, "publish/"))
    email.refresh_from_db()
    assert email.published is not None and email.published.kind == kind


@pytest.mark.parametrize(
    "form", [{}, {"name": "", "kind": "transactional"}, {"name": "x", "kind": "spam"},
             {"name": "x" * 201, "kind": "marketing"}, {"name": "a\r\nBcc: b", "kind": "marketing"}],
)  # fmt: skip
def test_a_wrong_form_makes_nothing(cast: Cast, signed_in: SignedIn, form: dict[str, str]) -> None:
    response = signed_in(cast.alice).post(url(cast.account, tail="new/"), form)
    assert response.status_code == 200
    assert not Email.objects.of(cast.account).exists()


def test_publishing_makes_the_draft_live(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.account)
    alice = signed_in(cast.alice)
    response = alice.post(url(cast.account, email, "publish/"), follow=True)
    assert "Version 1 is published" in response.content.decode()
    email.refresh_from_db()
    assert email.published is not None and email.published.created_by == cast.alice.email


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"kind": Kind.MARKETING}, "needs an unsubscribe link"),
        (
            {"kind": Kind.MARKETING, "html": "<a href='{{ unsubscribe_link }}'>Leave</a>"},
            "needs your postal address",
        ),
        ({"subject": " "}, "Write a subject and a body"),
        ({"html": "", "text": ""}, "Write a subject and a body"),
        ({"from_address": ""}, "Choose the address this email comes from"),
        ({"html": "<p>{{ x"}, "Line 1"),
    ],
)
def test_a_refused_publication_says_why(
    cast: Cast, signed_in: SignedIn, fields: dict[str, str], sentence: str
) -> None:
    email = make_email(cast.account, **fields)
    response = signed_in(cast.alice).post(url(cast.account, email, "publish/"), follow=True)
    assert sentence in response.content.decode()
    email.refresh_from_db()
    assert email.published is None


def test_archive_and_bring_back(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.account)
    alice = signed_in(cast.alice)
    alice.post(url(cast.account, email, "archive/"))
    email.refresh_from_db()
    assert email.archived_at is not None
    page = alice.get(url(cast.account, email)).content.decode()
    assert "Bring back" in page and "/publish/" not in page
    alice.post(url(cast.account, email, "archive/"), {"archived": "0"})
    email.refresh_from_db()
    assert email.archived_at is None


def test_a_marketer_may_do_all_of_it(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(cast.account)
    client = signed_in(make_user("mark@shop.example", cast.account, Role.MARKETER))
    for tail in ("edit/", "send/"):
        assert client.get(url(cast.account, email, tail)).status_code == 200
    assert client.post(url(cast.account, email, "publish/")).status_code == 302


def test_the_code_panel_holds_what_a_call_needs(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(
        cast.account,
        html="{{ contact.firstname }} {{ custom.total }} {% for i in custom.items %}{{ i.n }}{% endfor %}",
        sample={"contact": {"firstname": "Anna's"}, "custom": {"items": [{"n": 1}], "unused": 2}},
    )
    curl = signed_in(cast.alice).get(url(cast.account, email)).context["code"].curl
    assert f'"emailId": {email.pk}' in curl
    assert "/marketing/v3/transactional/single-email/send" in curl
    assert '"total": "<total>"' in curl and '"n": 1' in curl and '"order_id"' in curl
    assert "unused" not in curl and "$API_KEY" in curl
    assert "Anna'\"'\"'s" in curl  # quoted for the shell


def test_what_others_typed_is_shown_and_never_run(cast: Cast, signed_in: SignedIn) -> None:
    email = make_email(
        cast.account, name=XSS, subject=XSS, preview_text=XSS, html=XSS, text=XSS, from_name=XSS,
        from_address=XSS, reply_to=XSS, updated_by=XSS, sample={"custom": {XSS: XSS}},
    )  # fmt: skip
    alice = signed_in(cast.alice)
    for where in ((), (email,), (email, "edit/"), (email, "preview/"), (email, "send/"),
                  (email, "preview/?as=text")):  # fmt: skip
        html = alice.get(url(cast.account, *where)).content.decode()
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert "onerror=alert(1)&gt;" in html
