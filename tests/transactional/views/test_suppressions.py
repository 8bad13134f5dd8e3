"""The pages of the suppression list: found, changed by those who may, and nobody else's."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import StreamingHttpResponse
from django.test import Client
from django.utils import timezone

from tests.cast import Cast, make_user
from tests.transactional.mail import delivered_mail
from tests.transactional.views.test_messages import XSS
from tokens.models import Account, Role, Scope, User
from transactional import suppressions
from transactional.models import GlobalBlock, Suppression, SuppressionChange, SuppressionReason

SignedIn = Callable[[User], Client]
HARD = SuppressionReason.HARD_BOUNCE


def suppress(account: Account, address: str, **more: object) -> Suppression:
    suppressions.add(account.pk, address, reason=HARD, **more)  # type: ignore[arg-type]
    found: Suppression = Suppression.objects.of(account).get(address=address.lower(), reason=HARD)
    return found


def path(cast: Cast, rest: str = "") -> str:
    return f"/a/{cast.account.pk}/suppressions/{rest}"


def listed(client: Client, cast: Cast, query: str = "") -> list[str]:
    answer = client.get(path(cast, query))
    assert answer.status_code == 200
    return [one.row.address for one in answer.context["rows"]]


def upload(client: Client, cast: Cast, text: str | bytes, name: str = "list.csv") -> object:
    data = text.encode() if isinstance(text, str) else text
    return client.post(path(cast, "import/"), {"file": SimpleUploadedFile(name, data)})


def exported(client: Client, cast: Cast) -> list[list[str]]:
    answer = client.get(path(cast, "export/"))
    assert isinstance(answer, StreamingHttpResponse)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer["Content-Disposition"]
    return list(csv.reader(io.StringIO(answer.getvalue().decode())))


def test_pages_do_not_overlap(
    cast: Cast, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transactional.views.suppressions.PAGE", 2)
    for number in range(5):
        suppress(cast.account, f"r{number}@far.example")
    client, query, seen = signed_in(cast.bob), "", []
    for number in range(3):
        seen += listed(client, cast, query)
        query = client.get(path(cast, query)).context["older"]
        suppress(cast.account, f"new{number}@far.example")
    assert seen == [f"r{number}@far.example" for number in range(4, -1, -1)]
    assert query == ""


def test_search_by_address_or_its_beginning(cast: Cast, signed_in: SignedIn) -> None:
    for name in ("ann", "anna", "bob"):
        suppress(cast.account, f"{name}@far.example")
    client = signed_in(cast.bob)
    for query, names in {
        "?q=Ann@far.example": ["ann"],
        "?q=ann*": ["anna", "ann"],
        "?q=an%25*": [],
        "?q=ann": [],
        "?q=%00bob*": ["bob"],
        "?q=%ED%A0%80": [],
        "?before=nonsense": ["bob", "anna", "ann"],
        "?before=99999999999999999999": ["bob", "anna", "ann"],
    }.items():
        assert listed(client, cast, query) == [f"{name}@far.example" for name in names], query


def test_a_row_tells_why_and_leads_to_the_message(cast: Cast, signed_in: SignedIn) -> None:
    cause = delivered_mail(cast.account)
    suppress(cast.account, "reader@far.example", evidence=XSS, recipient_id=cause.pk)
    page = signed_in(cast.bob).get(path(cast)).content.decode()
    assert f"/a/{cast.account.pk}/messages/{cause.message_id}/" in page
    assert "Hard bounce" in page and "All mail" in page
    assert "<script>alert(1)" not in page and "&lt;script&gt;alert(1)" in page
    assert "Take off" not in page  # Bob only looks


def test_how_far_a_suppression_reaches_is_said_in_the_readers_language(
    cast: Cast, signed_in: SignedIn
) -> None:
    suppress(cast.account, "anna@cliente.example")
    User.objects.filter(pk=cast.alice.pk).update(language="it")
    page = signed_in(User.objects.get(pk=cast.alice.pk)).get(path(cast)).content.decode()
    assert "Tutta la posta" in page and "All mail" not in page


def test_an_address_is_added_by_hand_and_that_is_logged(cast: Cast, signed_in: SignedIn) -> None:
    client = signed_in(cast.alice)
    form = {"address": " Ann@Far.example ", "scope": "marketing", "why": "asked by phone"}
    assert client.post(path(cast, "new/"), form).status_code == 302
    row = Suppression.objects.of(cast.account).get()
    assert (row.address, row.reason, row.scope) == ("ann@far.example", "manual", Scope.MARKETING)
    client.post(path(cast, "new/"), form)
    log = SuppressionChange.objects.of(cast.account).get()
    assert (log.what, log.address, log.by) == ("added", "ann@far.example", cast.alice.email)
    assert log.why == "asked by phone"
    assert b"asked by phone" in client.get(path(cast, "?q=ann@far.example")).content


@pytest.mark.parametrize(
    "change",
    [{"address": "nonsense"}, {"address": "a@b.example, c@b.example"}, {"scope": "x"}, {"why": ""}],
)
def test_what_is_wrong_is_said(cast: Cast, signed_in: SignedIn, change: dict[str, str]) -> None:
    form = {"address": "ann@far.example", "scope": "all", "why": "x", **change}
    answer = signed_in(cast.alice).post(path(cast, "new/"), form)
    assert answer.status_code == 200 and b'class="error"' in answer.content
    assert not Suppression.objects.of(cast.account).exists()


def test_taking_off_asks_why_and_logs_it(cast: Cast, signed_in: SignedIn) -> None:
    row = suppress(cast.account, "ann@far.example", evidence="550 no")
    client, where = signed_in(cast.alice), path(cast, f"{row.pk}/remove/")
    assert b"550 no" in client.get(where).content
    assert client.post(where, {"why": "  "}).status_code == 200
    assert Suppression.objects.of(cast.account).exists()
    assert client.post(where, {"why": "they wrote to us"}).status_code == 302
    assert not Suppression.objects.of(cast.account).exists()
    log = SuppressionChange.objects.of(cast.account).get()
    assert (log.what, log.address, log.reason) == ("removed", "ann@far.example", HARD)
    assert (log.why, log.by) == ("they wrote to us", cast.alice.email)
    assert client.post(where, {"why": "again"}).status_code == 404


def test_a_file_is_imported_and_its_lines_judged(cast: Cast, signed_in: SignedIn) -> None:
    suppress(cast.account, "old@far.example")
    text = (
        "EmailAddress,SuppressionReason,Origin,CreatedAt\n"
        "Ann@far.example,HardBounce,Recipient,2026-01-01\n"
        "old@far.example,HardBounce,Recipient,2026-01-01\n"
        "nonsense,HardBounce,Recipient,2026-01-01\n"
        "eve@far.example,SpamComplaint,Recipient,2026-01-01\n"
    )
    answer = upload(signed_in(cast.alice), cast, text)
    assert answer.context["read"].form == "Postmark"  # type: ignore[attr-defined]
    done = answer.context["done"]  # type: ignore[attr-defined]
    assert (done.new, done.known) == (2, 1)
    assert [line for line, _ in answer.context["problems"]] == [4]  # type: ignore[attr-defined]
    rows = set(Suppression.objects.of(cast.account).values_list("address", "reason", "scope"))
    assert rows == {
        ("ann@far.example", "hard_bounce", "all"),
        ("old@far.example", "hard_bounce", "all"),
        ("eve@far.example", "complaint", "marketing"),
    }
    log = SuppressionChange.objects.of(cast.account).get()
    assert (log.what, log.why) == (
        "imported",
        "list.csv (Postmark): 2 new, 1 known, 1 left out",
    )


@pytest.mark.parametrize("data", [b"", b"x\ny\n", b"\xff\xfe", b'email\n"a', b"email\n" * 10_003])
def test_a_file_that_is_no_list_is_refused(cast: Cast, signed_in: SignedIn, data: bytes) -> None:
    answer = upload(signed_in(cast.alice), cast, data)
    assert b'class="error"' in answer.content  # type: ignore[attr-defined]
    assert not SuppressionChange.objects.exists()


def test_the_export_is_whole_safe_and_can_be_read_again(
    cast: Cast, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transactional.suppression_list.EXPORT_STEP", 2)
    addresses = ["+ann@far.example", "=cmd@far.example", "c@far.example", "d@far.example"]
    for address in addresses:
        suppress(cast.account, address, evidence='=HYPERLINK("x")\n@y')
    suppress(cast.other_account, "secret@far.example")
    client = signed_in(cast.bob)
    rows = exported(client, cast)
    assert rows[0] == ["address", "reason", "scope", "evidence", "message", "added"]
    assert [row[0].removeprefix("'") for row in rows[1:]] == addresses
    assert not any(cell[:1] in tuple("=+-@\t\r\n") for row in rows for cell in row if cell)
    file = client.get(path(cast, "export/")).getvalue()
    Suppression.objects.of(cast.account).delete()
    done = upload(signed_in(cast.alice), cast, file).context["done"]  # type: ignore[attr-defined]
    assert done.new == 4
    assert exported(client, cast)[1][0] == "'+ann@far.example"


def test_a_viewer_changes_nothing(cast: Cast, signed_in: SignedIn) -> None:
    row = suppress(cast.account, "ann@far.example")
    client = signed_in(cast.bob)
    for rest in ("new/", "import/", f"{row.pk}/remove/"):
        assert client.get(path(cast, rest)).status_code == 403
        assert client.post(path(cast, rest), {"why": "x"}).status_code == 403
    assert Suppression.objects.of(cast.account).exists()
    marketer = make_user("mark@shop.example", cast.account, Role.MARKETER)
    assert signed_in(marketer).get(path(cast, "new/")).status_code == 200


def test_a_stranger_finds_nothing(cast: Cast, signed_in: SignedIn) -> None:
    row = suppress(cast.account, "ann@far.example")
    client = signed_in(cast.charlie)
    for rest in ("", "new/", "import/", "export/", f"{row.pk}/remove/"):
        assert client.get(path(cast, rest)).status_code == 404
        assert client.post(path(cast, rest), {"why": "x"}).status_code in (404, 405)
    own = f"/a/{cast.other_account.pk}/suppressions/{row.pk}/remove/"
    assert client.get(own).status_code == 404
    assert client.post(own, {"why": "x"}).status_code == 404
    assert Client().get(path(cast)).status_code == 302
    assert Suppression.objects.of(cast.account).exists()
    assert not SuppressionChange.objects.exists()


def test_an_undo_is_shown_first_and_done_when_confirmed(cast: Cast, signed_in: SignedIn) -> None:
    suppress(cast.account, "a@far.example", evidence=f"550 5.1.1 {XSS}")
    suppress(cast.account, "b@near.example")
    suppress(cast.other_account, "a@far.example")
    client, at = signed_in(cast.alice), path(cast, "undo/")
    asked = {"domain": "far.example", "why": "their outage"}
    page = client.post(at, asked).content.decode()
    assert "Take 1 address off" in page and "a@far.example" in page and XSS not in page
    assert Suppression.objects.count() == 3
    answer = client.post(at, {**asked, "confirm": "1"}, follow=True)
    assert "1 address was taken off the list." in answer.content.decode()
    left = set(Suppression.objects.values_list("account_id", "address"))
    assert left == {
        (cast.account.pk, "b@near.example"),
        (cast.other_account.pk, "a@far.example"),
    }
    change = SuppressionChange.objects.of(cast.account).order_by("-pk")[0]
    assert (change.address, change.why, change.by) == (
        "a@far.example", "their outage", cast.alice.email,
    )  # fmt: skip
    again = client.post(at, asked).content.decode()
    assert "No suppression fits" in again and 'name="confirm"' not in again


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"why": "w"}, "this would be the whole list"),
        ({"domain": "far.example"}, "This field is required"),
        ({"why": "w", "domain": "no domain"}, "not a domain name"),
        (
            {"why": "w", "since": "2026-11-25T10:00", "until": "2026-11-25T09:00"},
            "before it begins",
        ),
        ({"why": "w", "since": "soon"}, "Enter a valid date"),
    ],
)
def test_an_undo_of_everything_is_refused(
    cast: Cast, signed_in: SignedIn, asked: dict[str, str], said: str
) -> None:
    suppress(cast.account, "a@far.example")
    page = signed_in(cast.alice).post(path(cast, "undo/"), {**asked, "confirm": "1"})
    assert said in page.content.decode()
    assert Suppression.objects.count() == 1


def test_an_undo_is_for_members_who_may_edit(cast: Cast, signed_in: SignedIn) -> None:
    assert signed_in(cast.bob).get(path(cast, "undo/")).status_code == 403
    assert signed_in(cast.charlie).get(path(cast, "undo/")).status_code == 404


def test_the_list_goes_out_in_the_form_of_another_service(cast: Cast, signed_in: SignedIn) -> None:
    suppress(cast.account, "a@far.example")
    client = signed_in(cast.bob)
    answer = client.get(path(cast, "export/?form=ses"))
    assert isinstance(answer, StreamingHttpResponse)
    assert answer.getvalue() == b"a@far.example,BOUNCE\r\n"
    assert client.get(path(cast, "export/?form=hearsay")).status_code == 404


def test_an_address_that_is_blocked_for_all_is_told(cast: Cast, signed_in: SignedIn) -> None:
    until = timezone.now() + timedelta(days=3)
    GlobalBlock.objects.create(address="gone@far.example", accounts=3, until=until)
    page = signed_in(cast.bob).get(path(cast, "?q=Gone@far.example")).content.decode()
    assert "No customer of this installation can mail this address" in page
    other = signed_in(cast.bob).get(path(cast, "?q=other@far.example")).content.decode()
    assert "No customer of this installation" not in other
