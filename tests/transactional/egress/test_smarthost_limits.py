"""What a smarthost cannot carry: it is asked once, and the message waits for the direct way."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from domains.models import SourceState
from tests.transactional.egress.peers import listening, server
from tests.transactional.egress.sink import Sink, running
from tests.transactional.egress.test_engine import (
    HTML_MAIL,
    drained,
    engine,
    eventually,
    send_raw,
    token,
)
from tests.transactional.egress.test_fallback import codes, nowhere
from tests.transactional.egress.test_smarthost_ways import by_smarthost, stand
from tokens.models import Account
from transactional import explain
from transactional.models import DeliveryAttempt, Event, Recipient, Smarthost, Status, Stream
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, RawSubmission

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["nowhere"]
UTF8 = "δοκιμή@x.example"
# What the smarthost says to which command, and what of it the message's page tells
SMALL = ({"EHLO": "250-small\r\n250 SIZE 200"}, "too_large")
SAYS_TOO_BIG = ({".": "552 5.3.4 Message size exceeds the limit of this relay"}, "too_large")
ASCII = ({"EHLO": "250-ascii\r\n250 8BITMIME"}, "no_utf8")
SAYS_ASCII = (
    {"EHLO": "250-old\r\n250 SMTPUTF8", "RCPT": "550 5.6.7 Non-ASCII addresses are not permitted"},
    "no_utf8",
)


@contextmanager
def only(account: Account, says: dict[str, str]) -> Iterator[list[str]]:
    """A smarthost with limits; the EHLOs it got: one for each time that it was tried."""
    asked: list[str] = []

    def answers(line: str) -> str | None:
        command = line.split(" ")[0].split(":")[0].upper()
        if command == "EHLO":
            asked.append(line)
        return says.get(command)

    with listening({"127.0.0.1": server(answers)}) as peers:
        row = Smarthost.objects.create(
            account=account, name="R", host="127.0.0.1", port=peers.port, tls="opportunistic"
        )
        Stream.objects.default(account, "transactional")
        Stream.objects.of(account).update(fallback=row)
        yield asked


def send(account: Account, code: str) -> None:
    if code == "too_large":
        send_raw(account)
        return
    [answer] = accept_many(
        [
            RawSubmission(
                principal=token(account),
                raw=HTML_MAIL,
                reverse_path=None,
                recipients=(UTF8,),
                smtputf8=True,
            )
        ]
    )
    assert isinstance(answer, Accepted)


def passed_over() -> int:
    """How often a try, or a turn without one, has told that the smarthost was passed over."""
    told = [codes(row) for row in DeliveryAttempt.objects.all()]
    waited = Event.objects.filter(type="deferred").values_list("data", flat=True)
    told += [[(d["step"], d["code"]) for d in one.get("decisions", ())] for one in waited]
    return sum(("smarthost", "passed_over") in one for one in told)


@pytest.mark.parametrize(("says", "code"), [SMALL, SAYS_TOO_BIG, ASCII, SAYS_ASCII])
def test_beyond_its_smarthost_s_limits_mail_waits_for_the_direct_way(
    account: Account, settings: Any, says: dict[str, str], code: str
) -> None:
    settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8"]
    settings.RETRY_SCALE = 0.002
    with only(account, says) as asked, running(Sink()) as direct:
        settings.EGRESS = f"relay://127.0.0.1:{direct.port}"
        stand(account, SourceState.ACTIVE)
        send(account, code)
        stand(account, SourceState.LISTED)
        with engine():
            eventually(lambda: passed_over() >= 2)
            assert Recipient.objects.get().status == Status.DEFERRED and not direct.seen
            stand(account, SourceState.ACTIVE)
            eventually(drained)
        assert len(asked) == 1 and len(direct.kept) == 1
    assert Recipient.objects.get().status == Status.DELIVERED
    assert by_smarthost() == [True, False]
    [refused] = [row for row in DeliveryAttempt.objects.all() if ("smarthost", code) in codes(row)]
    [told] = [one.says for one in explain.steps(refused.decisions) if one.step == "smarthost"]
    assert "waits for the direct way" in told


def test_round_an_outage_too_it_arrives_once_the_receiver_is_back(
    account: Account, settings: Any, nowhere: int
) -> None:
    settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8"]
    settings.RETRY_SCALE = 0.005
    with only(account, SMALL[0]) as asked, running(Sink()) as direct:
        send(account, "too_large")
        with engine():
            eventually(lambda: passed_over() >= 1)
            settings.EGRESS = f"relay://127.0.0.1:{direct.port}"
            eventually(drained)
        assert len(asked) == 1 and len(direct.kept) == 1
    assert Recipient.objects.get().status == Status.DELIVERED
    assert by_smarthost().count(True) == 1


def test_another_smarthost_of_the_stream_is_asked(account: Account, settings: Any) -> None:
    settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8"]
    settings.RETRY_SCALE = 0.002
    with only(account, SMALL[0]) as asked, running(Sink()) as large:
        stand(account, SourceState.ACTIVE)
        send(account, "too_large")
        stand(account, SourceState.LISTED)
        with engine():
            eventually(lambda: passed_over() >= 1)
            row = Smarthost.objects.create(
                account=account, name="L", host="127.0.0.1", port=large.port, tls="opportunistic"
            )
            Stream.objects.of(account).update(fallback=row)
            eventually(drained)
        assert len(asked) == 1 and len(large.kept) == 1
    assert Recipient.objects.get().status == Status.DELIVERED
