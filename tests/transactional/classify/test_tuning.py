"""How well whole bounces are read, on the set that the rules were tuned on (flufl.bounce's test
data, Apache-2.0): a floor under regressions, no promise for bounces never seen.
"""

import io
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from transactional import classify
from transactional.wire.notice import read_notice

FIXTURES = Path(__file__).parents[2] / "fixtures"
DATA = FIXTURES / "vendor" / "flufl.bounce-6.0.0-data.zip"
LABELS = FIXTURES / "bounces" / "flufl.tsv"


@dataclass(frozen=True, slots=True)
class Read:
    name: str
    wanted: str
    wanted_reason: str
    wanted_addresses: frozenset[str]
    got: str
    reason: str
    address: str


def read(name: str, raw: bytes, labels: list[str]) -> Read:
    notice = read_notice(raw)
    got, reason, address = "auto_reply" if notice.automatic else "none", "-", ""
    if notice.recipients:
        one = notice.recipients[0]
        said = classify.report(status=one.status, diagnostic=one.diagnostic, text=notice.text)
        got = str(said.category) if one.action == "failed" else one.action
        reason = str(said.reason)
        address = one.original_recipient or one.final_recipient
    wanted, why, addresses = labels
    return Read(
        name, wanted, why, frozenset(addresses.lower().split()), got, reason, address.lower()
    )


@pytest.fixture(scope="module")
def reads() -> list[Read]:
    rows = [line.split("\t") for line in LABELS.read_text().splitlines() if line[0] != "#"]
    with zipfile.ZipFile(io.BytesIO(DATA.read_bytes())) as data:
        return [read(name, data.read(f"{name}.txt"), labels) for name, *labels in rows]


def test_precision_and_recall_on_the_tuning_set(reads: list[Read]) -> None:
    pairs = Counter((one.wanted == "hard", one.got == "hard") for one in reads)
    precision = pairs[True, True] / (pairs[True, True] + pairs[False, True])
    recall = pairs[True, True] / (pairs[True, True] + pairs[True, False])
    category = sum(one.got == one.wanted for one in reads) / len(reads)
    reason = sum(one.reason == one.wanted_reason for one in reads) / len(reads)
    named = [one for one in reads if one.wanted_addresses]
    recipient = sum(one.address in one.wanted_addresses for one in named) / len(named)
    print(
        f"\n{len(reads)} mails: hard precision {precision:.3f} recall {recall:.3f}, "
        f"category {category:.3f}, reason {reason:.3f}, recipient {recipient:.3f}"
    )
    wrong = [(one.name, one.wanted, one.got) for one in reads if one.got != one.wanted]
    assert (precision, recall, category) >= (0.97, 0.93, 0.92), wrong
    assert recall >= 0.93 and category >= 0.92, wrong
    assert reason >= 0.9 and recipient >= 0.95


def test_what_is_no_bounce_is_none(reads: list[Read]) -> None:
    others = {one.name: one.got for one in reads if one.wanted in ("none", "auto_reply")}
    assert others == {"groupwise_03": "none", "qmail_08": "auto_reply"}
