"""The pages of sends: a wizard that tells numbers before it sends, and progress afterwards."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from tests.cast import Cast
from tests.transactional.broadcast.sends import csv_file, from_csv, make_published, outcome, steps
from tokens.models import Account, AuditEntry, User
from transactional import contact_lists, suppressions
from transactional.broadcast import control, run
from transactional.models import (
    Broadcast,
    BroadcastRow,
    Email,
    Message,
    QueueRow,
    SuppressionReason,
)

pytestmark = pytest.mark.django_db
SignedIn = Callable[[User], Client]


def upload(client: Client, email: Email, content: bytes, name: str = "people.csv") -> Any:
    data = {"audience": "csv", "file": SimpleUploadedFile(name, content)}
    return client.post(f"/a/{email.account_id}/emails/{email.pk}/send/start/", data, follow=True)


def page(account: Account, send: Broadcast, rest: str = "") -> str:
    return f"/a/{account.pk}/sends/{send.pk}/{rest}"


def test_from_a_file_to_messages(cast: Cast, signed_in: SignedIn) -> None:
    alice, email = signed_in(cast.alice), make_published(cast)
    suppressions.add(cast.account.pk, "r2@far.example", reason=SuppressionReason.MANUAL)
    content = csv_file(4) + b"\nnobody,1,x\nR1@far.example,1,x\n"
    columns = upload(alice, email, content)
    text = columns.content.decode()
    assert "Choose the columns" in text and "6 rows" in text
    assert '<option value="@" selected>' in text
    assert '<option value="contact.firstname" selected>' in text
    send = Broadcast.objects.get()
    here = page(cast.account, send)
    chosen = {
        "column-0": "@", "column-1": "custom.order_id", "column-2": "contact.firstname",
        "step": "columns",
    }  # fmt: skip
    review = alice.post(here, chosen, follow=True).content.decode()
    assert "Order A-0" in review and review.count("<iframe") == 4
    assert re.search(r"Will get it</dt><dd class=\"n\">3<", review)
    assert "On the list of suppressed addresses" in review
    assert "This is not one email address." in review
    assert "The address stands in the file before." in review
    first = alice.get(f"{here}preview/0/")
    assert b"Hello Name 0, order A-0" in first.content
    assert "sandbox" in first["Content-Security-Policy"]
    assert alice.get(f"{here}preview/4/").status_code == 404
    problems = b"".join(alice.get(f"{here}problems/").streaming_content)  # type: ignore[attr-defined]
    assert problems.decode("utf-8-sig").splitlines()[1].startswith("6,")

    asked = alice.post(here, {"when": "now", "step": "when"}).content.decode()
    assert "Send this to 3 people?" in asked
    assert "orders@shop.example" in asked and "Order A-0" in asked and "Transactional" in asked
    assert not Message.objects.exists()
    alice.post(here, {"when": "now", "step": "confirm"})
    send.refresh_from_db()
    assert send.state == "running"
    steps(send)
    done = alice.get(here).content.decode()
    assert re.search(r'data-count="queued">3<', done) and re.search(
        r'data-count="refused">1<', done
    )
    assert Message.objects.filter(refusal="").count() == 3
    results = b"".join(alice.get(f"{here}results/").streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    assert "r2@far.example,Not sent,On the list of suppressed addresses," in results
    assert [one.what for one in AuditEntry.objects.filter(what__startswith="send.")] == [
        "send.started"
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "The file is empty."),
        (b"a@x.example,1\n", "It must name the columns."),
        (b'Email\n"open\n', "A quotation mark is opened"),
        (b"\x81\x8d" * 40, "This is no text we can read."),
        ("Email\nx".encode("utf-16") + b"\n", "This is no text we can read."),
    ],
)
def test_a_file_that_is_none_gets_a_sentence(
    cast: Cast, signed_in: SignedIn, content: bytes, told: str
) -> None:
    answer = upload(signed_in(cast.alice), make_published(cast), content)
    assert told in answer.content.decode() and answer.status_code == 422
    assert not Broadcast.objects.exists()


def test_a_wrong_delimiter_shows_one_column_and_asks_for_another_choice(
    cast: Cast, signed_in: SignedIn
) -> None:
    alice, email = signed_in(cast.alice), make_published(cast)
    rows = "\n".join(f"r{n}@far.example|A-{n}" for n in range(10_000))
    text = upload(alice, email, f"Email|Order\n{rows}".encode()).content.decode()
    assert "10000 rows" in text.replace(",", "").replace("\xa0", "") and "Email|Order" in text
    send = Broadcast.objects.get()
    answer = alice.post(page(cast.account, send), {"step": "columns", "column-0": ""})
    assert answer.status_code == 422
    assert "Choose the one column that holds the addresses." in answer.content.decode()
    forced = alice.post(
        page(cast.account, send), {"step": "columns", "column-0": "@"}, follow=True
    ).content.decode()
    assert "There is nobody to send this to." in forced
    assert not BroadcastRow.objects.exists()


def test_formulas_in_a_file_stay_text(cast: Cast, signed_in: SignedIn) -> None:
    alice = signed_in(cast.alice)
    content = b'Email,Order,First name\nr0@far.example,=HYPERLINK("x"),+1\n=cmd@far.example,@x,\n'
    send = from_csv(cast, content)
    row = BroadcastRow.objects.order_by("number").first()
    assert row is not None and row.values["custom"]["order_id"] == '=HYPERLINK("x")'
    results = b"".join(alice.get(page(cast.account, send, "results/")).streaming_content)  # type: ignore[attr-defined]
    for line in results.decode("utf-8-sig").splitlines()[1:]:
        assert not line.split(",")[1].startswith(("=", "+", "-", "@"))


def test_what_people_write_is_escaped(cast: Cast, signed_in: SignedIn) -> None:
    alice = signed_in(cast.alice)
    evil = "<script>alert(1)</script>"
    content = f'Email,Order,"{evil}"\n"""{evil}""@far.example",{evil},{evil}\n'.encode()
    made = upload(alice, make_published(cast), content, name=f"{evil}.csv")
    assert evil not in made.content.decode()
    send = Broadcast.objects.get()
    chosen = {"step": "columns", "column-0": "@", "column-1": "custom.order_id", "column-2": ""}
    assert evil not in alice.post(page(cast.account, send), chosen, follow=True).content.decode()


def test_typed_addresses_and_lists(cast: Cast, signed_in: SignedIn) -> None:
    alice, email = signed_in(cast.alice), make_published(cast)
    start = f"/a/{cast.account.pk}/emails/{email.pk}/send/start/"
    friends = contact_lists.create(cast.account.pk, name="Friends", by="a")
    others = contact_lists.create(cast.account.pk, name="Others", by="a")
    contact_lists.add(cast.account.pk, friends, ["a@x.example", "b@x.example"])
    contact_lists.add(cast.account.pk, others, ["b@x.example"])
    custom = '{"order_id": "7"}'
    typed = alice.post(
        start,
        {"audience": "typed", "typed-to": "Ann <a@x.example>\nnobody", "typed-custom": custom},
        follow=True,
    ).content.decode()
    assert "Order 7" in typed and "This is not one email address." in typed
    listed = alice.post(
        start,
        {
            "audience": "lists", "lists-include": [friends.pk], "lists-exclude": [others.pk],
            "lists-custom": custom,
        },
        follow=True,
    ).content.decode()  # fmt: skip
    assert "Friends" in listed and "without Others" in listed
    assert re.search(r"Will get it</dt><dd class=\"n\">1<", listed)
    wrong = alice.post(start, {"audience": "typed", "typed-to": "a@x.example", "typed-custom": "{"})
    assert wrong.status_code == 422 and "a@x.example" in wrong.content.decode()
    theirs = contact_lists.create(cast.other_account.pk, name="Theirs", by="c")
    stolen = alice.post(start, {"audience": "lists", "lists-include": [theirs.pk]})
    assert stolen.status_code == 422
    assert Broadcast.objects.count() == 2


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ("2020-01-01T09:00", "This time is over."),
        ("2040-01-01T09:00", "At most a year ahead."),
        ("", "Say when."),
        ("soon", "Write date and time like"),
    ],
)
def test_a_time_at_which_nothing_can_go(
    cast: Cast, signed_in: SignedIn, at: str, told: str
) -> None:
    send = from_csv(cast, csv_file(1))
    data = {"when": "later", "at": at, "zone": "Europe/Rome", "step": "when"}
    answer = signed_in(cast.alice).post(page(cast.account, send), data)
    assert answer.status_code == 422 and told in answer.content.decode()


def test_a_scheduled_send_says_when_as_its_zones_clocks_show_it(
    cast: Cast, signed_in: SignedIn
) -> None:
    alice, send = signed_in(cast.alice), from_csv(cast, csv_file(2))
    now = timezone.now()
    # A day of winter time that is at least a fortnight ahead, and less than a year
    day = f"{now.year}-12-15" if now.month < 12 else f"{now.year + 1}-01-15"
    data = {"when": "later", "at": f"{day}T09:30", "zone": "Europe/Rome"}
    here = page(cast.account, send)
    asked = alice.post(here, {**data, "step": "when"}).content.decode()
    assert f"{day} 09:30 Europe/Rome (UTC+0100)" in asked and "Schedule 2 messages" in asked
    alice.post(here, {**data, "step": "confirm"})
    send.refresh_from_db()
    assert send.state == "scheduled" and send.scheduled_at is not None
    assert (send.scheduled_at.hour, send.scheduled_at.minute) == (8, 30)
    assert f"{day} 09:30" in alice.get(here).content.decode()


def test_progress_is_asked_for_until_all_is_known(cast: Cast, signed_in: SignedIn) -> None:
    alice, send = signed_in(cast.alice), from_csv(cast, csv_file(3))
    control.confirm(cast.account.pk, send.pk)
    here = page(cast.account, send)
    steps(send)
    assert 'hx-trigger="every 2s"' in alice.get(here).content.decode()
    asked = alice.get(here, HTTP_HX_REQUEST="true")
    assert asked.status_code == 200 and "<html" not in asked.content.decode()
    assert "<button" not in asked.content.decode()  # the focus is never swapped away
    assert "HX-Refresh" not in alice.get(f"{here}?seen=sent", HTTP_HX_REQUEST="true")
    changed = alice.get(f"{here}?seen=running", HTTP_HX_REQUEST="true")
    assert changed["HX-Refresh"] == "true"
    outcome(send, "delivered")
    Broadcast.objects.update(looked_at=None)
    QueueRow.objects.all().delete()
    run.step(send.pk)
    over = alice.get(here, HTTP_HX_REQUEST="true")
    assert over.status_code == 286
    assert re.search(r'data-count="delivered">3<', over.content.decode())


def test_pause_go_on_cancel_and_throw_away(cast: Cast, signed_in: SignedIn) -> None:
    alice, send = signed_in(cast.alice), from_csv(cast, csv_file(3))
    here, act = page(cast.account, send), page(cast.account, send, "act/")
    control.confirm(cast.account.pk, send.pk)
    for asked, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        answer = alice.post(act, {"act": asked}, follow=True)
        assert answer.status_code == 200
        send.refresh_from_db()
        assert send.state == state
    alice.post(act, {"act": "nonsense"})
    assert re.search(r'data-count="cancelled">3<', alice.get(here).content.decode())
    other = from_csv(cast, csv_file(1))
    alice.post(page(cast.account, other, "act/"), {"act": "discard"})
    assert not Broadcast.objects.filter(pk=other.pk).exists()


def test_an_unpublished_email_is_only_tested(cast: Cast, signed_in: SignedIn) -> None:
    email = make_published(cast)
    email.published = None
    email.save()
    alice = signed_in(cast.alice)
    text = alice.get(f"/a/{cast.account.pk}/emails/{email.pk}/send/").content.decode()
    assert "Not published yet" in text and "Send a test" in text
    told = alice.post(
        f"/a/{cast.account.pk}/emails/{email.pk}/send/start/",
        {"audience": "typed", "typed-to": "a@x.example"},
        follow=True,
    ).content.decode()
    assert "Publish this email first" in told


def test_roles_and_strangers(cast: Cast, signed_in: SignedIn) -> None:
    send = from_csv(cast, csv_file(1))
    bob, charlie = signed_in(cast.bob), signed_in(cast.charlie)
    start = f"emails/{send.email_id}/send/start/"
    for rest in (f"sends/{send.pk}/", f"sends/{send.pk}/results/", f"sends/{send.pk}/problems/",
                 f"sends/{send.pk}/preview/0/", "sends/"):  # fmt: skip
        assert charlie.get(f"/a/{cast.account.pk}/{rest}").status_code == 404
        assert charlie.get(f"/a/{cast.other_account.pk}/{rest}").status_code in (200, 404)
    assert (
        f"sends/{send.pk}/"
        not in charlie.get(f"/a/{cast.other_account.pk}/sends/").content.decode()
    )
    for rest in (f"sends/{send.pk}/act/", start):
        assert charlie.post(f"/a/{cast.account.pk}/{rest}").status_code == 404
        assert charlie.post(f"/a/{cast.other_account.pk}/{rest}").status_code == 404
        assert bob.post(f"/a/{cast.account.pk}/{rest}").status_code == 403
        assert signed_in(cast.alice).get(f"/a/{cast.account.pk}/{rest}").status_code == 405
    assert bob.get(f"/a/{cast.account.pk}/sends/{send.pk}/").status_code == 404  # not confirmed
    control.confirm(cast.account.pk, send.pk)
    shown = bob.get(f"/a/{cast.account.pk}/sends/{send.pk}/").content.decode()
    assert "Cancel what is left" not in shown
    assert Broadcast.objects.get().state == "running"
    checked = Client(enforce_csrf_checks=True)
    checked.force_login(cast.alice)
    assert checked.post(f"/a/{cast.account.pk}/sends/{send.pk}/act/").status_code == 403
