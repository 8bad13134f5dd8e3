"""What makes an incident of refusals, and what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.classify import Category, Reason, Verdict
from transactional.incidents.skeleton import LONGEST, skeleton
from transactional.incidents.watch import BLOCKS, RECIPIENTS, WINDOW, Suspicion, Watch

KEY = (7, "google")
BLOCKED = Verdict(Reason.BLOCKED, Category.BLOCK)
UNKNOWN = Verdict(Reason.USER_UNKNOWN, Category.HARD)
FULL = Verdict(Reason.MAILBOX_FULL, Category.SOFT)


def refuse(
    watch: Watch, n: int, verdict: Verdict = BLOCKED, at: float = 0.0, text: str = ""
) -> Suspicion | None:
    found = None
    for i in range(n):
        reply = (
            text or f"550 5.7.1 [192.0.2.{i % 250}] blocked, see https://x.example/{i} abc{i}000"
        )
        found = watch.refused(KEY, i % 3, verdict, reply, at + i * 0.01) or found
    return found


def test_many_alike_refusals_are_an_incident_and_tell_whose_mail_it_was() -> None:
    watch = Watch()
    assert refuse(watch, BLOCKS[0] - 1) is None
    found = watch.refused(
        KEY, 9, BLOCKED, "550 5.7.1 [192.0.2.77] blocked, see https://x.example/z abc1000", 1.0
    )
    assert found is not None
    assert (found.source_id, found.site, found.alike) == (7, "google", BLOCKS[0])
    assert found.accounts == {0, 1, 2, 9}
    assert found.first_at == 0.0
    # counted anew: the next one alone opens nothing
    assert refuse(watch, 1, at=2.0) is None


def test_refusals_that_differ_are_none() -> None:
    watch = Watch()
    words = ("alpha", "beta", "gamma", "delta", "omega", "sigma", "kappa")
    for n in range(60):
        text = f"550 5.7.1 refused {words[n % 7]} {words[n // 7 % 7]}"
        assert watch.refused(KEY, 1, BLOCKED, text, n * 0.1) is None


def test_few_among_much_that_is_taken_are_none() -> None:
    watch = Watch()
    for n in range(100):
        watch.took(KEY, 1, n * 0.1)
        if n % 4 == 0:
            assert refuse(watch, 1, at=n * 0.1) is None


def test_bad_addresses_are_one_only_where_nearly_everything_is_refused() -> None:
    text = "550 5.1.1 no such user"
    watch = Watch()
    for n in range(10):
        watch.took(KEY, 1, n * 0.1)
    assert refuse(watch, 3 * RECIPIENTS[0], UNKNOWN, 2.0, text) is None
    assert refuse(Watch(), RECIPIENTS[0], UNKNOWN, 0.0, text) is not None


def test_full_mailboxes_and_faults_of_our_own_never_are() -> None:
    assert refuse(Watch(), 200, FULL) is None
    assert refuse(Watch(), 200, Verdict(Reason.CONTENT_ERROR, Category.BLOCK)) is None


def test_what_is_older_than_the_window_does_not_count() -> None:
    watch = Watch()
    refuse(watch, BLOCKS[0] - 1)
    assert refuse(watch, 1, at=WINDOW + 10) is None
    slow = Watch()
    assert all(refuse(slow, 1, at=n * WINDOW / 5) is None for n in range(40))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "550 5.7.1 Unfortunately, messages from [40.1.2.3] weren't sent. (S3150) [AB2PEPF0000.prod]",
            "550 5.7.1 Unfortunately, messages from [198.51.100.9] weren't sent. (S3150) [DB5EUR03FT.prod]",
        ),
        (
            "550 5.1.1 <anna@x.example> user unknown q9-20020a170902",
            "550 5.1.1 <bob.c@y.example> user unknown z3-20020b88112",
        ),
        ("554 listed, see https://a.example/q?1", "554 listed, see https://a.example/q?2"),
        ("554 2001:db8::1 is listed", "554 2001:db8:1:2::77 is listed"),
    ],
)  # fmt: skip
def test_alike_answers_have_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)
    assert skeleton(one) != skeleton("550 5.1.1 mailbox gone")


@given(st.text(max_size=5000))
def test_any_answer_has_a_bounded_skeleton(text: str) -> None:
    assert len(skeleton(text)) <= LONGEST


def test_of_too_many_receivers_the_longest_silent_are_forgotten_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("transactional.incidents.watch.KEPT", 20)
    watch = Watch()
    assert refuse(watch, BLOCKS[0] - 1) is None
    for n in range(50):
        watch.took((7, f"{n}.example"), 1, 1.0)
        watch.took(KEY, 1, 1.0) if n % 10 == 0 else None
    # Five answers more, and it is still known what was refused before them
    assert refuse(watch, 1, at=2.0) is not None
