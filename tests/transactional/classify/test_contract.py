"""The refusals that the contract on deliverability wants recognised: category, reason, and what is done."""

import pytest

from transactional import classify
from transactional.incidents.watch import BLOCKS, Watch
from transactional.wire.reply import ReplyClass, ReplyParser, Stage
from transactional.wire.reply import classify as class_of

GMAIL = (
    "421-4.7.%s This mail has been rate limited because %s. Gmail requires it\r\n421 4.7.%s of all"
)
REFUSALS = [
    # Gmail: authentication, for now and for good
    (GMAIL % (26, "it is unauthenticated", 26), "authfailure", "temporary"),
    (GMAIL % (27, "SPF does not pass", 27), "authfailure", "temporary"),
    (GMAIL % (30, "DKIM does not pass", 30), "authfailure", "temporary"),
    (GMAIL % (32, "the From: header isn't aligned", 32), "authfailure", "temporary"),
    (GMAIL % (40, "the sending domain has no policy", 40), "authfailure", "temporary"),
    ("421-4.7.26 rate limited\r\n421 4.7.26 see the page", "authfailure", "temporary"),
    ("421 This mail has been rate limited because it is unauthenticated", "authfailure", "throttled"),
    (
        "550-5.7.26 This mail has been blocked because the sender is unauthenticated.\r\n"
        "550-5.7.26 Gmail requires all senders to authenticate with either SPF or DKIM.\r\n"
        "550 5.7.26 Authentication results: DKIM = did not pass",
        "authfailure",
        "policy_block",
    ),
    ("550 5.7.27 This mail has been blocked because SPF does not pass", "authfailure", "policy_block"),
    # its PTR and TLS
    (GMAIL % (25, "the sending IP has no PTR record", 25), "requireptr", "temporary"),
    (GMAIL % (23, "the IP's PTR record doesn't match", 23), "requireptr", "temporary"),
    (
        "550 5.7.25 The IP address sending this message does not have a PTR record setup",
        "requireptr",
        "policy_block",
    ),
    (GMAIL % (29, "it wasn't sent over a TLS connection", 29), "failedstarttls", "temporary"),
    ("550 5.7.29 blocked: it wasn't sent over a TLS connection", "failedstarttls", "policy_block"),
    # Microsoft
    (
        "550 5.7.515 Access denied, sending domain SHOP.EXAMPLE does not meet the required "
        "authentication level. The sender's domain in the 5322.From address doesn't meet the "
        "authentication requirements. Spf= Fail , Dkim= Pass , DMARC= Fail",
        "authfailure",
        "policy_block",
    ),
    (
        "550 5.7.515 Access denied, sending domain SHOP.EXAMPLE does not meet the required level",
        "authfailure",
        "policy_block",
    ),
    # Yahoo
    (
        "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or "
        "user complaints - 4.16.55.1; see https://postmaster.example/error-codes",
        "blocked",
        "throttled",
    ),
    ("421 [TSS04] Messages from 192.0.2.1", "blocked", "throttled"),
    (
        "553 [TS03] All messages from 192.0.2.1 will be permanently deferred; Retrying will NOT succeed.",
        "blocked",
        "policy_block",
    ),
    (
        "553 5.7.1 [TS03] All messages from 192.0.2.1 will be permanently deferred",
        "blocked",
        "policy_block",
    ),
    ("421 4.7.1 [TS03] All messages from 192.0.2.1 will be permanently deferred", "blocked", "throttled"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason", "action"), REFUSALS)
@pytest.mark.parametrize("stage", [Stage.RCPT, Stage.DOT])
def test_a_refusal_is_a_block_for_its_own_reason(
    text: str, reason: str, action: str, stage: Stage
) -> None:
    (said,) = ReplyParser().feed(text.encode() + b"\r\n")
    verdict = classify.reply(said, stage=stage)
    assert (verdict.reason, verdict.category) == (reason, "block")
    assert class_of(said, stage=stage) == action
    told = classify.report(diagnostic=f"smtp; {text}")
    assert (told.reason, told.category) == (reason, "block")
    watch = Watch()
    found = [
        watch.refused((1, "x"), 1, verdict, str(said), n * 1.0, domain="shop.example")
        for n in range(BLOCKS[0])
    ]
    assert found[-1] is not None and found[-1].verdict == verdict


@pytest.mark.parametrize(
    "text",
    [
        "421 4.7.28 Gmail has detected an unusual rate of mail originating from your SPF domain "
        "[shop.example 35]. To protect our users from spam, mail sent from your domain has been "
        "temporarily rate limited.",
        "450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents",
    ],
)
def test_the_mere_pace_is_no_block(text: str) -> None:
    (said,) = ReplyParser().feed(text.encode() + b"\r\n")
    verdict = classify.reply(said, stage=Stage.DOT)
    assert (verdict.reason, verdict.category) == ("speeding", "soft")


def test_a_rate_of_gmails_still_slows_the_site_down() -> None:
    said = ReplyParser().feed(b"421 4.7.28 unusual rate of unsolicited mail\r\n")[0]
    assert class_of(said, stage=Stage.DOT) is ReplyClass.THROTTLED
