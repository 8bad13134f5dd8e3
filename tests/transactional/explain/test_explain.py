"""A message's decisions: told from what was stored when they were taken, each with its sentence."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.utils import translation

from domains import hosts, pools
from domains.models import EgressSource, SourceChange
from tests.cast import Cast
from tests.transactional.api.conftest import Api, make_key
from tests.transactional.egress.sink import Sink, running
from tests.transactional.egress.test_engine import drained, engine, eventually, send_raw
from tokens.models import Account
from transactional import explain
from transactional.explain import Step, steps, story
from transactional.explain.sentences_table import SENTENCES
from transactional.models import Event, QueueRow, Recipient, Suppression
from transactional.submission import policy
from transactional.submission.editions_table import EDITION, EDITIONS
from transactional.submission.request import Accepted
from transactional.wire.reply import Reply

Explained = Callable[[Account, Accepted], dict[str, Any]]


@pytest.fixture
def sink(settings: Any) -> Any:
    later = Reply(451, "4.7.1", ("Greylisted, come back later",))
    with running(Sink(lambda envelope, number: later if number == 0 else None)) as one:
        settings.EGRESS = f"relay://127.0.0.1:{one.port}"
        settings.RETRY_SCALE = 0.01
        yield one


def told(account: Account, answer: Accepted) -> dict[str, Any]:
    api = Api(make_key(account, "transactional-email"))
    found = api("GET", f"/api/v1/messages/{answer.message_id}/explain")
    assert found.status_code == 200
    return dict(found.json())


@pytest.mark.django_db(transaction=True)
def test_every_decision_from_the_door_to_the_delivery(account: Account, sink: Sink) -> None:
    not_chosen(account)
    [answer] = send_raw(account)
    waiting = told(account, answer)
    [one] = waiting["recipients"]
    assert (one["status"], one["attempts"]) == ("queued", [])
    assert one["ahead"]["inFront"] == 0 and one["ahead"]["nextAttempts"]
    assert one["ahead"]["predictedFinish"] <= one["ahead"]["expires"]
    with engine():
        eventually(drained)
    found = told(account, answer)
    assert [step["code"] for step in found["door"]] == [
        *(check.__name__ for check in policy.CHECKS[:-1]),
        "consent_ignored",
    ]
    [one] = found["recipients"]
    assert (one["status"], one["ahead"]) == ("delivered", None)
    first, second = one["attempts"]
    assert (first["code"], second["code"]) == (451, 250)
    assert [step["step"] for step in first["decisions"]][:2] == ["route", "source"]
    assert {"route": "relay", "source": "only", "retry": "greylisted"}.items() <= {
        step["step"]: step["code"] for step in first["decisions"]
    }.items()
    assert all(step["says"] for step in first["decisions"])
    [source] = [step for step in first["decisions"] if step["step"] == "source"]
    others = {one["address"]: (one["code"], one["says"]) for one in source["others"]}
    assert others == {
        "::1": ("other_family", "Does not speak the IP version of the receiver’s address."),
        "127.0.0.61": ("paused", "Was paused by a person."),
        "127.0.0.62": ("blocklisted", "Is on a blocklist (zen.example)."),
        "127.0.0.63": ("waits_for_dns", others["127.0.0.63"][1]),
        "127.0.0.64": ("not_checked", "Has not been checked yet."),
        "127.0.0.65": ("no_share", "Is ready, but the pool gives it no share."),
        "127.0.0.66": ("machine_silent", "Is on a machine that does not report (gone)."),
    }
    assert others["127.0.0.63"][1].startswith("Waits for DNS: The name servers of m.example")
    assert "others" not in source["data"]
    assert any("RCPT TO" in line for line in first["dialogue"])


@pytest.mark.django_db
def test_the_door_tells_the_checks_of_the_edition_that_the_message_passed(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    [answer] = send_raw(account)
    assert Event.objects.get(type="accepted").data["door"] == EDITION
    # a later version of the software has one more check: this message did not pass it
    later = {**EDITIONS, EDITION + 1: (*EDITIONS[EDITION], "a_new_check")}
    monkeypatch.setattr(story, "EDITIONS", later)
    monkeypatch.setattr(story, "EDITION", EDITION + 1)
    codes = [step["code"] for step in told(account, answer)["door"]]
    assert len(codes) == len(EDITIONS[EDITION]) and "a_new_check" not in codes
    # and one from before it was noted is not said to have passed anything
    Event.objects.filter(type="accepted").update(data={})
    first, *rest = told(account, answer)["door"]
    assert first["code"] == "not_noted" and "today" in first["says"]
    assert rest[-1]["code"] == "a_new_check"


def not_chosen(account: Account) -> None:
    """One IP of each sort that mail does not leave from."""
    pool = pools.dedicated_pool(account)
    finding = {"status": "wrong", "code": "timeout", "host": "m.example", "params": {}}
    for address, fields, weight in (
        ("::1", {"state": "active"}, 1),
        ("127.0.0.61", {"state": "paused"}, 1),
        ("127.0.0.62", {"state": "listed"}, 1),
        ("127.0.0.63", {"state": "pending", "findings": [finding]}, 1),
        ("127.0.0.64", {"state": "pending"}, 1),
        ("127.0.0.65", {"state": "active"}, 0),
        ("127.0.0.66", {"state": "active", "host": "gone"}, 1),
    ):
        row = EgressSource.objects.create(
            account=account, address=address, ehlo_name="m.example", **fields
        )
        pools.add(pool, row, weight=weight)
    listed = EgressSource.objects.get(address="127.0.0.62")
    SourceChange.objects.create(
        source=listed, event="listed", state="listed", data={"lists": "zen.example"}
    )
    pools.forget()
    hosts.forget()


@pytest.mark.django_db(transaction=True)
def test_what_waits_in_front_is_counted(account: Account) -> None:
    answers = send_raw(account, 3)
    rows = list(QueueRow.objects.order_by("due_at"))
    for place, row in enumerate(rows):
        row.due_at = rows[0].due_at + place * (rows[0].deliver_by - rows[0].due_at) / 10**6
        row.save(update_fields=["due_at"])
    last = next(a for a in answers if a.message_id == rows[-1].message_id)
    [one] = told(account, last)["recipients"]
    assert one["ahead"]["inFront"] == 2


def test_a_refused_message_says_why_and_a_stranger_gets_404(
    cast: Cast, api: Api, email: Any
) -> None:
    refused = api.send(email, message={"from": "x@stranger.example"}).json()
    path = f"/api/v1/messages/{refused['statusId']}/explain"
    [step] = api("GET", path).json()["door"]
    assert (step["step"], step["code"]) == ("policy", "refused")
    assert "x@stranger.example" in step["says"]
    stranger = Api(make_key(cast.other_account, "transactional-email"))
    unknown = stranger("GET", "/api/v1/messages/00000000-0000-7000-8000-000000000000/explain")
    assert stranger("GET", path).status_code == unknown.status_code == 404
    assert api("GET", "/api/v1/messages/nonsense/explain").status_code == 404
    assert Api("")("GET", path).status_code == 401


def test_an_address_that_is_left_out_is_told_apart(account: Account, api: Api, email: Any) -> None:

    Suppression.objects.create(
        account=account, address="carl@x.example", reason="manual", scope="all"
    )
    sent = api.send(email, message={"cc": ["carl@x.example"]}).json()
    found = api("GET", f"/api/v1/messages/{sent['statusId']}/explain").json()
    carl = next(one for one in found["recipients"] if one["address"] == "carl@x.example")
    assert carl["status"] == "suppressed"
    assert [(step["code"], step["data"]) for step in carl["decisions"]] == [
        ("suppressed", {"reason": "BLOCKED_ADDRESS"})
    ]
    assert Recipient.objects.get(address="carl@x.example").status == "suppressed"


@pytest.mark.parametrize(
    "stored", [None, "x", 7, {}, [1, "a", None], [{"code": "x"}], [{"step": 3}]]
)
def test_what_is_not_a_decision_is_left_out(stored: object) -> None:
    assert steps(stored) == ()


def test_a_step_without_a_sentence_or_with_missing_data_still_says_something() -> None:
    assert "no words for" in Step("new", "thing").says
    assert "–" in Step("shaping", "slowed").says
    assert "spam" in Step("shaping", "rule_suspend", {"rule": "100% spam", "seconds": 5}).says


@pytest.mark.parametrize("language", ["en", "it"])
def test_every_sentence_fills_its_holes(language: str) -> None:
    with translation.override(language):
        for step, code in SENTENCES:
            assert Step(step, code or "other").says


def test_the_story_of_another_account_is_none(cast: Cast, api: Api, email: Any) -> None:

    sent = UUID(api.send(email).json()["statusId"])
    assert explain.explain(cast.account.pk, sent) is not None
    assert explain.explain(cast.other_account.pk, sent) is None


def test_moments_and_waits_are_told_in_words() -> None:
    later = Step("retry", "greylisted", {"due": "2026-11-25T19:56:34.123456+00:00", "tries": 1})
    assert "2026-11-25 19:56:34" in later.says and "+00:00" not in later.says
    with translation.override("en"):
        assert Step("shaping", "waited", {"why": "site_busy microsoft"}).says == (
            "It had waited in the queue for a free connection to Microsoft (Outlook.com)."
        )
        assert (
            "the IP waits for DNS"
            in Step("source", "no_source", {"why": "the IP waits for DNS"}).says
        )
        with translation.override("it"):
            old = Step("source", "no_source", {"why": "192.0.2.1 is paused"})
            assert "192.0.2.1 è in pausa" in old.says
        data = {"address": "192.0.2.1", "used_up": ["192.0.2.2", "192.0.2.3"]}
        assert "192.0.2.2, 192.0.2.3 used up" in Step("source", "spilled", data).says
