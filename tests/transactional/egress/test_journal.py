"""What a journal says of a process that died at any moment, and of files that are none."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, SupportsIndex
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.installation import ROOT
from transactional.egress import journal
from transactional.egress.journal import SIZE, Entry, Journal, Line, State, read
from transactional.egress.outliving import of_the_dead
from transactional.queue import Job
from transactional.wire.reply import Reply, Stage

WAY = journal.way(7, "192.0.2.1", "mx.far.example", "198.51.100.9", 25, "TLSv1.3", None, "")
TAKEN = Reply(250, "2.0.0", ("Ok: queued as 4F2",))
UNKNOWN = Reply(550, "5.1.1", ("No such user", "here"))


def job(recipient: UUID | None = None) -> Job:
    now = datetime.now(UTC)
    return Job(
        lease=uuid4(), id=recipient or uuid4(), message_id=uuid4(), account_id=1, stream_id=1, lane=1,
        domain="far.example", attempt=0, deliver_by=now + timedelta(days=1), resent=False,
        crashes=0, parked=None, address="a@far.example", campaign_id=None, version_id=None,
        from_domain="shop.example", header_id="<1@shop.example>", created_at=now,
        kind="transactional", raw=b"", context=None,
    )  # fmt: skip


def begun(one: Journal, each: Job) -> Line:
    line = one.begin(each, WAY)
    assert line is not None
    return line


def of_the_killed(folder: Path) -> list[Entry]:
    with of_the_dead(folder) as contents:
        return [entry for content in contents for entry in read(content)]


def kept(one: Journal, folder: Path) -> list[Entry]:
    """What the file says now, though its process lives."""
    (path,) = folder.iterdir()
    return read(path.read_bytes())


def test_it_says_of_each_conversation_how_far_it_had_come(tmp_path: Path) -> None:
    one, jobs = Journal(tmp_path, 8), [job() for _ in range(5)]
    lines = [begun(one, each) for each in jobs]
    for line in lines[1:4]:
        line.leaving()
    lines[2].answered(TAKEN)
    lines[3].answered(UNKNOWN)
    lines[4].refused(UNKNOWN, Stage.RCPT)
    said = {entry.recipient: entry for entry in kept(one, tmp_path)}
    found = [said[each.id] for each in jobs]
    answered = State.ANSWERED
    assert [e.state for e in found] == [State.STAYED, State.LEAVING, answered, answered, answered]
    assert [e.lease for e in found] == [each.lease for each in jobs]
    assert [(e.stage, e.reply) for e in found[2:]] == [
        (Stage.DOT, TAKEN), (Stage.DOT, UNKNOWN), (Stage.RCPT, UNKNOWN)
    ]  # fmt: skip
    way = found[0].way
    assert (way.source_id, way.host, way.address) == (7, "mx.far.example", "198.51.100.9:25")
    assert (way.tls, way.smarthost_id, way.warms_up_at) == ("TLSv1.3", None, "")
    one.end(jobs[2])
    assert jobs[2].id not in {entry.recipient for entry in kept(one, tmp_path)}


def test_another_host_begins_anew_and_the_place_is_given_back(tmp_path: Path) -> None:
    one, first, second = Journal(tmp_path, 1), job(), job()
    old = begun(one, first)
    old.leaving()
    assert one.begin(second, WAY) is None  # full: as without a journal
    begun(one, first)
    assert [entry.state for entry in kept(one, tmp_path)] == [State.STAYED]
    one.end(first)
    one.end(second)
    assert kept(one, tmp_path) == []
    begun(one, second)
    old.leaving()  # by a session that hears late: the place is another's
    old.answered(TAKEN)
    assert [(e.recipient, e.state) for e in kept(one, tmp_path)] == [(second.id, State.STAYED)]


def test_a_way_that_has_no_room_is_not_kept(tmp_path: Path) -> None:
    one, first = Journal(tmp_path, 1), job()
    one.begin(first, WAY)
    long = journal.way(7, "::1", "x" * 800, "::1", 25, "", None, "")
    assert one.begin(first, long) is None
    assert kept(one, tmp_path) == []


def test_an_orderly_end_leaves_only_what_was_not_written_down(tmp_path: Path) -> None:
    one, first = Journal(tmp_path, 2), job()
    begun(one, first).answered(TAKEN)
    one.end(first)
    one.close()
    one.end(first)
    assert list(tmp_path.iterdir()) == []
    two, second = Journal(tmp_path, 2), job()
    begun(two, second).answered(TAKEN)
    two.close()
    assert [entry.recipient for entry in of_the_killed(tmp_path)] == [second.id]


def test_a_reply_without_end_is_cut_and_one_that_answers_nothing_is_none(tmp_path: Path) -> None:
    one, first, second = Journal(tmp_path, 2), job(), job()
    begun(one, first).answered(Reply(554, None, ("è" * 4000,)))
    line = begun(one, second)
    line.leaving()
    line.answered(Reply(354, None, ("go on",)))
    said = {entry.recipient: entry for entry in kept(one, tmp_path)}
    assert said[second.id].state is State.LEAVING
    (text,) = said[first.id].reply.lines
    assert 500 < len(text) < 4000 and set(text) == {"è"}


def test_what_a_restarted_machine_may_have_lost_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that said `leaving` may be gone with the power: that none left is nobody's to say."""
    one, first, second = Journal(tmp_path, 2), job(), job()
    one.begin(first, WAY)
    begun(one, second).answered(TAKEN)
    monkeypatch.setattr(journal, "boot", lambda: str(uuid4()))
    assert [entry.recipient for entry in kept(one, tmp_path)] == [second.id]


CODE = """
import sys
from pathlib import Path
import django
django.setup()
from tests.transactional.egress.test_journal import TAKEN, begun, job
from transactional.egress.journal import Journal
one = Journal(Path(sys.argv[1]), 64)
print("ready", flush=True)
while True:
    for _ in range(64):
        each = job()
        line = begun(one, each)
        line.leaving()
        line.answered(TAKEN)
    for each in list(one._taken):
        one.end(each)
"""


def test_one_that_is_killed_in_the_midst_of_writing_leaves_what_can_be_read(tmp_path: Path) -> None:
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", CODE, str(tmp_path)],
            stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(random.random() / 50)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        entries = of_the_killed(tmp_path)
        assert len(entries) <= 64
        assert {e.reply for e in entries if e.state is State.ANSWERED} <= {TAKEN}
        assert len([e for e in entries if e.state is not State.ANSWERED]) <= 1


class Stores(bytearray):
    """Memory that writes down each store, with what it was before."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.each: list[tuple[bytes, slice, bytes]] = []

    def __setitem__(self, at: Any, value: Any) -> None:
        assert isinstance(at, slice)
        self.each.append((bytes(self), at, bytes(value)))
        super().__setitem__(at, value)


ANSWERS = st.builds(
    Reply,
    st.sampled_from([250, 251, 421, 451, 550, 554]),
    st.sampled_from([None, "2.0.0", "4.7.1", "5.1.1"]),
    st.lists(st.text(st.characters(exclude_characters="\n\0", exclude_categories=["Cs"]), max_size=90),
             min_size=1, max_size=3).map(tuple),
)  # fmt: skip


@given(ANSWERS, ANSWERS, st.data())
@settings(max_examples=150, deadline=None)
def test_a_store_that_was_cut_off_anywhere_claims_no_more_than_was_so(
    first: Reply, second: Reply, data: st.DataObject
) -> None:
    """Two conversations use a place, one after the other; the process dies within any store of any of them, of which any
    octets had been copied.
    """
    memory = Stores(journal._HEAD_SIZE + SIZE)
    one = Journal.__new__(Journal)
    file = type("File", (), {"memory": memory})
    one._file, one._taken = file, {}  # type: ignore[assignment]  # one that is torn on purpose
    one._free = [journal._HEAD_SIZE]
    marks: list[
        tuple[int, Job, str]
    ] = []  # how many stores there were when something had been said

    def so(each: Job, what: str) -> None:
        marks.append((len(memory.each), each, what))

    jobs = [job(), job()]
    for each, reply in zip(jobs, (first, second), strict=True):
        line = begun(one, each)
        so(each, "began")
        line.leaving()
        so(each, "left")
        line.answered(reply)
        so(each, "answered")
        one.end(each)
        so(each, "over")
    cut = data.draw(st.integers(0, len(memory.each) - 1))
    before, at, value = memory.each[cut]
    torn, length = bytearray(before), len(value)
    kind = data.draw(st.sampled_from(["head", "tail", "any"]))
    point = data.draw(st.integers(0, length))
    some = {
        "head": range(point),
        "tail": range(point, length),
        "any": data.draw(st.sets(st.integers(0, length - 1), max_size=length))
        if kind == "any"
        else (),
    }[kind]
    for octet in some:
        torn[at.start + octet] = value[octet]
    entry = journal._entry(bytes(torn[journal._HEAD_SIZE :]))
    if entry is None:
        return
    each = next(one for one in jobs if one.id == entry.recipient)
    reply = first if each is jobs[0] else second
    done = {what for stores, whose, what in marks if whose is each and stores <= cut}
    whole = len(some) == length  # it may have been copied to its end
    said = [what for stores, whose, what in marks if whose is each and stores == cut + 1]
    done |= set(said) if whole else set()
    assert entry.lease == each.lease
    assert "over" not in done
    if entry.state is State.STAYED:
        assert "left" not in done
    if entry.state is State.ANSWERED:
        assert entry.reply == reply and (entry.stage is Stage.DOT)
        assert {"began", "left"} <= done


def one_of_each() -> bytes:
    """A journal with an entry in each state."""
    memory = Stores(journal._HEAD_SIZE + 4 * SIZE)
    about = journal._FILE.pack(
        journal._MAGIC, journal.VERSION, SIZE, 4, UUID(journal.boot()).bytes, bytes(8)
    )
    memory[: len(about) + 4] = about + journal._WORD.pack(journal.crc32(about))
    file: Any = type("File", (), {"memory": memory})
    one = Journal.__new__(Journal)
    one._file, one._taken = file, {}
    one._free = [journal._HEAD_SIZE + n * SIZE for n in range(4)]
    lines = [begun(one, job()) for _ in range(4)]
    for line in lines[1:]:
        line.leaving()
    lines[2].answered(TAKEN)
    lines[3].answered(UNKNOWN)
    return bytes(memory)


WHOLE = one_of_each()
TRUE = read(WHOLE)


@given(st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.data_too_large])
def test_of_a_file_that_is_damaged_nothing_is_said_that_was_not_so(data: st.DataObject) -> None:
    assert len(TRUE) == 4
    damaged = bytearray(WHOLE[: data.draw(st.integers(0, len(WHOLE)))])
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, max(0, len(damaged) - 1)))
        damaged[at : at + data.draw(st.integers(1, 40))] = data.draw(st.binary(max_size=40))
    assert all(entry in TRUE for entry in read(bytes(damaged)))


@given(st.binary(max_size=3000))
@settings(max_examples=100, deadline=None)
def test_garbage_says_nothing(content: bytes) -> None:
    assert read(content) == []
    proved = bytearray(WHOLE[: journal._HEAD_SIZE]) + content + bytes(SIZE)
    assert read(bytes(proved)) == []


@pytest.mark.parametrize(
    "way",
    [b"", b"[]", b"{}", b"nul", b'[1,2,"a","b","c",null,""]', b'[true,"a","b","c","d",null,""]',
     b'[1,"a","\\ud800","c","d",null,""]', b'[1,"a","b","c","d","e","f","g","h"]', b"\xff"],
)  # fmt: skip
def test_a_way_that_is_proved_and_yet_none_says_nothing(tmp_path: Path, way: bytes) -> None:
    one = Journal(tmp_path, 1)
    one.begin(job(), way)
    assert kept(one, tmp_path) == []


@pytest.mark.parametrize(
    "change", [lambda about: (*about[:1], 1, *about[2:]), lambda about: (b"SOMEBODY", *about[1:])]
)
def test_a_file_of_another_version_is_forgotten(
    caplog: pytest.LogCaptureFixture, change: Callable[[Any], Any]
) -> None:
    size: SupportsIndex = journal._FILE.size
    about = journal._FILE.pack(*change(journal._FILE.unpack(WHOLE[:size])))
    other = about + journal._WORD.pack(journal.crc32(about)) + WHOLE[len(about) + 4 :]
    assert read(other) == []
    assert "of another version" in caplog.text
