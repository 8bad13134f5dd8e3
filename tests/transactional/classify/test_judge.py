import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional import classify
from transactional.classify import CATEGORY, WEARING, Category, Reason, judge, phrases
from transactional.wire.reply import Reply, Stage

BOUNCES = Path(__file__).parents[2] / "fixtures" / "bounces"
KNOWN = [
    line.split("\t", 2)
    for name in ("replies.tsv", "documented.tsv")
    for line in (BOUNCES / name).read_text("utf-8").splitlines()
    if not line.startswith("#")
]
_REPLY = re.compile(r"(\d{3})[ -](?:#?(\d\.\d+\.\d+)\s)?(.*)")
_IN_REPLY_TO = {"rcpt": "RCPT TO command", "mail": "MAIL FROM command", "dot": "end of DATA"}


def to_reply(text: str) -> Reply:
    found = _REPLY.match(text)
    assert found, text
    return Reply(int(found[1]), found[2], (found[3],))


@pytest.mark.parametrize(("category", "stage", "text"), KNOWN)
def test_a_well_known_reply_at_the_door_and_in_a_report(
    category: str, stage: str, text: str
) -> None:
    if stage != "-":
        assert classify.reply(to_reply(text), stage=Stage(stage)).category == category
    told = f"{text} (in reply to {_IN_REPLY_TO[stage]})" if stage in _IN_REPLY_TO else text
    assert classify.report(diagnostic=told).category == category


@pytest.mark.parametrize(
    ("status", "diagnostic", "reason"),
    [
        ("5.1.1", "", "userunknown"),
        ("5.1.2", "", "hostunknown"),
        ("5.1.6", "", "hasmoved"),
        ("5.2.1", "", "suspend"),
        ("5.2.2", "", "mailboxfull"),
        ("5.3.4", "", "mesgtoobig"),
        ("4.4.7", "", "expired"),
        ("5.4.4", "", "hostunknown"),
        ("4.4.4", "", "networkerror"),
        ("5.7.1", "", "rejected"),
        ("5.7.26", "", "authfailure"),
        ("5.0.0", "", "undefined"),
        ("5.0.0", "550 user unknown", "userunknown"),
        ("5.0.0", "X-Something; whatever", "undefined"),
        # the far server's own code is nearer to the truth than the reporter's
        ("5.0.0", "550 5.1.1 <a@b.example>", "userunknown"),
        ("5.1.1", "552 5.2.2 <a@b.example>", "mailboxfull"),
        # words of ours and theirs in one text
        ("5.7.1", "550 5.7.1 mail from spamtrap.example refused: SPF check failed", "authfailure"),
        ("", "550 spam-gw.example.net said: no such user <spam@b.example>", "userunknown"),
        ("5.1.1", "550 5.1.1 user unknown; we hate spam", "userunknown"),
        # an IP is no enhanced code
        ("", "550 [5.1.1.9] mailbox is full", "mailboxfull"),
    ],
)
def test_reason_of_a_report(status: str, diagnostic: str, reason: str) -> None:
    assert classify.report(status=status, diagnostic=diagnostic).reason == reason


def test_nothing_said_is_undetermined_and_the_text_for_people_is_the_last_resort() -> None:
    assert classify.report().category is Category.UNDETERMINED
    assert classify.report(status="5.0.0", text="The mailbox is full.").reason == "mailboxfull"
    said = classify.report(diagnostic="550 user unknown", text="Our server is full of spam")
    assert said.reason == "userunknown"


@pytest.mark.parametrize("stage", [Stage.BANNER, Stage.EHLO, Stage.STARTTLS, Stage.MAIL])
def test_before_rcpt_nothing_is_known_of_the_recipient(stage: Stage) -> None:
    for text in ("user unknown", "no such user here", "host not found", "", "unknown address"):
        for code, status in ((550, "5.1.1"), (550, None), (553, None), (554, "5.1.0")):
            found = classify.reply(Reply(code, status, (text,)), stage=stage)
            assert found.category is Category.BLOCK, (code, status, text, found)


def test_a_bare_550_is_about_the_address_only_at_rcpt() -> None:
    bare = Reply(550, None, ("no",))
    assert classify.reply(bare, stage=Stage.RCPT).reason is Reason.USER_UNKNOWN
    assert classify.reply(bare, stage=Stage.DOT).category is not Category.HARD


def test_a_domain_is_not_unknown_because_its_name_server_is_silent() -> None:
    gone = "Host not found"
    assert classify.report(status="5.4.4", diagnostic=gone).category is Category.HARD
    assert classify.report(status="4.4.3", diagnostic=gone).category is Category.SOFT
    assert classify.report(diagnostic=f"{gone}, try again").category is Category.SOFT


def test_every_reason_has_its_category() -> None:
    assert set(CATEGORY) == set(Reason)
    hard = {reason for reason in Reason if CATEGORY[reason] is Category.HARD}
    assert hard == {Reason.USER_UNKNOWN, Reason.HOST_UNKNOWN, Reason.HAS_MOVED}
    assert all(CATEGORY[reason] is Category.SOFT for reason in WEARING)


def test_every_phrase_is_as_texts_are_made() -> None:
    tables = (phrases.AGAINST_SENDER, phrases.PACE, phrases.MAILBOX, phrases.SYSTEM, phrases.WEAK)
    listed = [one for table in tables for _, said in table for one in said]
    for one in (*listed, *phrases.NOBODY_PHRASES):
        assert judge.plain(one) == one, one


@given(st.text(max_size=3000), st.text(max_size=40), st.text(max_size=3000))
def test_no_text_raises(diagnostic: str, status: str, text: str) -> None:
    classify.report(status=status, diagnostic=diagnostic, text=text)


@given(
    st.integers(200, 599),
    st.sampled_from([None, "5.1.1", "5.7.1", "4.2.2", "5.999.999"]),
    st.text(max_size=500),
    st.sampled_from(list(Stage)),
)
def test_no_reply_raises(code: int, status: str | None, text: str, stage: Stage) -> None:
    classify.reply(Reply(code, status, (text,)), stage=stage)


@pytest.mark.parametrize(
    "hostile",
    [
        "a@" * 50_000,
        "5.1." * 50_000,
        "user " * 50_000,
        "no such " * 50_000,
        "<" * 50_000,
        "a." * 50_000,
        "550 " * 50_000,
        "(" * 50_000,
        "host" + " " * 50_000 + "unknown",
    ],
)
def test_hostile_texts_are_judged(hostile: str) -> None:
    classify.report(status=hostile, diagnostic=hostile, text=hostile)
