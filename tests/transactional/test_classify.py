import pytest

from transactional import classify
from transactional.wire.reply import ReplyClass


@pytest.mark.parametrize(
    ("status", "diagnostic", "category"),
    [
        ("5.1.1", "smtp; 550 5.1.1 <a@b.example>: Recipient address rejected", "hard"),
        ("5.1.2", "", "hard"),
        ("5.1.6", "", "hard"),
        ("5.1.10", "smtp; 556 5.1.10 null MX", "hard"),
        ("5.2.1", "smtp; 550 5.2.1 The account is disabled", "hard"),
        ("", "smtp; 550-5.1.1 The email account does not exist", "hard"),
        ("5.0.0", "smtp; 550 user unknown", "hard"),
        ("5.0.0", "smtp; 550 No such user here", "hard"),
        ("5.2.2", "smtp; 552 5.2.2 over quota", "soft"),
        ("4.4.7", "smtp; 451 4.7.1 greylisted", "soft"),
        ("", "smtp; 421 too many connections", "soft"),
        ("5.7.1", "smtp; 550 5.7.1 blocked, see our policy", "block"),
        ("5.7.26", "smtp; 550 5.7.26 unauthenticated", "block"),
        ("5.0.0", "smtp; 554 message looks like spam", "block"),
        ("5.0.0", "X-Something; whatever", "block"),
        ("", "", "block"),
        # the specific code decides over words
        ("5.7.1", "smtp; 550 5.7.1 recipient unknown", "block"),
    ],
)
def test_category(status: str, diagnostic: str, category: str) -> None:
    assert classify.bounce(status=status, diagnostic=diagnostic).category == category


def test_only_an_address_that_is_no_good_is_hard() -> None:
    hard = {one for one in ReplyClass if classify.category(one) == "hard"}
    assert hard == {ReplyClass.BAD_RECIPIENT, ReplyClass.DNS}
