"""Why mail is held: each moment has its words, and what a release does is true of it."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from tests.cast import Cast
from tests.transactional.api.conftest import Api, make_key
from tests.transactional.test_held import make_held_because, make_undecided
from tests.transactional.views.test_messages import happened
from tokens.models import User
from transactional import events, held
from transactional.egress.poison import HELD_REPLY
from transactional.egress.verdict import IN_DOUBT
from transactional.explain import why_held
from transactional.explain.held_sentences_table import HAPPENED, KEPT_BY, RELEASED
from transactional.models import Body, Event, Message, QueueRow, Recipient

pytestmark = pytest.mark.django_db

DOUBT = {"class": "in_doubt", "copies": 2}
BUSY = "451 4.3.2 Busy, come back later"


@pytest.mark.parametrize(
    ("reply", "tried", "data", "code", "kept_by", "words"),
    [
        ("dot: connection lost", "dot", DOUBT | {"because": "hold"}, "answer_lost", "hold", ""),
        ("dot: timeout", "dot", DOUBT | {"because": "deadline"}, "answer_lost", "deadline", ""),
        ("dot: timeout", "dot", DOUBT | {"because": "copies"}, "answer_lost", "copies", ""),
        ("dot: timeout", "dot", DOUBT, "answer_lost", "", ""),
        ("dot: unexpected reply to the dot: 354 Go", "dot", DOUBT, "answer_unclear", "", "354 Go"),
        (BUSY, "rcpt", DOUBT | {"because": "deadline"}, "refused_since", "", BUSY),
        (BUSY, "", {"reason": "The final dot was sent."}, "process_ended", "hold", ""),
        ("connect: Connection refused", "connect", DOUBT, "unreached_since", "", ""),
        ("451 4.7.1 No IP of this stream is ready: none.", "", DOUBT, "time_over", "", ""),
        (IN_DOUBT, "", DOUBT | {"because": "deadline"}, "time_over", "", ""),
        ("", "", {"class": "in_doubt"}, "answer_lost", "", ""),
    ],
)
def test_each_moment_is_known_and_only_the_others_words_are_shown(
    cast: Cast, reply: str, tried: str, data: dict[str, Any], code: str, kept_by: str, words: str
) -> None:
    one = make_held_because(cast.account, "ann@reader.example", reply, tried=tried, **data)
    why = why_held(cast.account.pk, [one])[one.pk]
    assert (why.code, why.kept_by, why.reply) == (code, kept_by, words)
    assert (why.in_doubt, why.release, why.releasable) == (True, "marked", True)
    assert "%" not in why.says and (not reply or reply not in why.says)


@pytest.mark.parametrize("data", [{"class": "poison", "crashes": 3}, {"response": HELD_REPLY}])
def test_what_could_not_be_built_never_left_and_nobody_says_that_it_did(
    cast: Cast, data: dict[str, Any]
) -> None:
    one = make_held_because(cast.account, "eve@reader.example", HELD_REPLY, **data)
    why = why_held(cast.account.pk, [one])[one.pk]
    assert (why.code, why.in_doubt, why.release, why.reply) == ("unbuilt", False, "anew", "")
    assert "before anything was sent" in why.says and " 3 times" in why.says
    held.release(cast.account.pk, [one.pk], by="alice")
    assert QueueRow.objects.get().resent is False


def test_what_could_not_be_built_after_a_copy_in_doubt_may_have_arrived(cast: Cast) -> None:
    one = make_held_because(cast.account, "e@x.example", HELD_REPLY, **{"class": "poison"})
    events.append([happened(Message.objects.get(), "uncertain", one)])
    why = why_held(cast.account.pk, [one])[one.pk]
    assert (why.code, why.in_doubt, why.release) == ("unbuilt_in_doubt", True, "marked")


def test_what_its_events_are_past_and_what_is_not_held_or_anothers(cast: Cast) -> None:
    one = make_held_because(cast.account, "ann@reader.example", "dot: timeout", tried="dot")
    Event.objects.all().delete()
    assert why_held(cast.account.pk, [one])[one.pk].code == "answer_lost"
    assert why_held(cast.other_account.pk, [one]) == {}
    Body.objects.all().delete()
    assert why_held(cast.account.pk, [one])[one.pk].release == "gone"
    Recipient.objects.update(status="delivered")
    one.refresh_from_db()
    assert why_held(cast.account.pk, [one]) == {}


def test_however_many_they_are_the_queries_are_the_same(cast: Cast) -> None:
    make_undecided(cast.account)
    rows = list(Recipient.objects.of(cast.account))
    with CaptureQueriesContext(connection) as queries:
        found = why_held(cast.account.pk, rows)
    assert len(queries) == 2  # beside the judgement, which is asked on the bare connection
    assert len(found) == len(rows) == 8
    assert {why.release for why in found.values()} == {"marked", "anew", "late", "barred"}


def test_every_sentence_is_told_in_italian_too() -> None:
    for table in (HAPPENED, KEPT_BY, RELEASED):
        for sentence in table.values():
            with translation.override("en"):
                english = str(sentence)
            with translation.override("it"):
                assert str(sentence) != english


def test_pages_call_and_admin_tell_the_same(cast: Cast, client: Client) -> None:
    one = make_held_because(
        cast.account, "eve@reader.example", HELD_REPLY, **{"class": "poison", "crashes": 3}
    )
    make_held_because(
        cast.account, "dan@reader.example", "dot: connection lost", tried="dot", **DOUBT
    )
    client.force_login(cast.alice)
    root = f"/a/{cast.account.pk}/messages"
    for path in (f"{root}/held/", f"{root}/{one.message_id}/"):
        page = client.get(path).content.decode()
        assert "Our own delivery broke down 3 times" in page
        assert "554 5.3.0" not in page.partition("Timeline")[0]
        assert "dot: connection lost" not in page
    told = Api(make_key(cast.account))("GET", f"/api/v1/messages/{one.message_id}/explain").json()
    why = told["recipients"][0]["held"]
    assert (why["code"], why["mayHaveArrived"], why["onRelease"]) == ("unbuilt", False, "anew")
    assert "broke down 3 times" in why["says"] and "put together anew" in why["onReleaseSays"]
    admin = Client()
    admin.force_login(User.objects.create_superuser("ops@postino.example", "x"))
    for path in ("", f"{one.pk}/change/"):
        page = admin.get(f"/admin/transactional/recipient/{path}").content.decode()
        assert "Our own delivery broke down 3 times" in page, path
