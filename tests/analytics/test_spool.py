"""No hit is lost and none is read twice, whoever stops, is killed or takes the segment when."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import orjson
import pytest

from analytics import spool
from analytics.spool import Hit

RECIPIENT = uuid.UUID("0192f3a4-0000-7000-8000-00000000002a")
ROOT = Path(__file__).parents[2]
WRITER = """
import os, sys, uuid
import django
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()
from django.conf import settings
from pathlib import Path
settings.DATA_DIR = Path(sys.argv[1])
from analytics import spool
recipient = uuid.UUID(int=7)
for n in range(int(sys.argv[2])):
    hit = spool.new_hit("click", recipient, ip="192.0.2.1", user_agent="x", link_index=n, url="https://a/")
    assert spool.add(hit)
    print(hit.id, flush=True)
"""


def hit(**more: object) -> Hit:
    values = {"ip": "192.0.2.7", "user_agent": "Mozilla/5.0", **more}
    return spool.new_hit("click", RECIPIENT, link_index=3, url="https://a/?ü", **values)  # type: ignore[arg-type]


def collect() -> list[Hit]:
    found: list[Hit] = []
    spool.drain(found.extend)
    return found


def test_a_hit_comes_back_whole(spool_dir: Path) -> None:
    one = hit()
    assert spool.add(one)
    assert collect() == [one]
    assert list(spool_dir.iterdir()) == []
    assert collect() == []


def test_strangers_cannot_fill_or_break_a_line(spool_dir: Path) -> None:
    assert spool.add(hit(user_agent="a\nb\x00\ud800" + "x" * 10_000))
    (found,) = collect()
    assert found.user_agent.startswith("a\nb?xx") and len(found.user_agent) == 500


def test_a_segment_stays_until_its_hits_are_recorded(spool_dir: Path) -> None:
    one, two = hit(), hit()
    spool.add(one)

    def fail(hits: list[Hit]) -> None:
        raise RuntimeError("the database is away")

    with pytest.raises(RuntimeError):
        spool.drain(fail)
    spool.add(two)
    with pytest.raises(RuntimeError):
        spool.drain(fail)
    assert {found.id for found in collect()} == {one.id, two.id}


def test_what_is_added_while_a_segment_is_recorded_is_kept(spool_dir: Path) -> None:
    first, second = hit(), hit()
    spool.add(first)

    def record(hits: list[Hit]) -> None:
        assert spool.add(second)

    spool.drain(record)
    assert collect() == [second]


def test_what_is_given_back_stays_in_the_spool(spool_dir: Path) -> None:
    first, second, third = hit(), hit(), hit(hint="head")
    for one in (first, second, third):
        spool.add(one)
    assert spool.drain(lambda hits: hits[1:]) == 1
    assert spool.drain(lambda hits: hits) == 0
    assert collect() == [second, third]
    assert list(spool_dir.iterdir()) == []


def test_a_segment_stays_while_what_is_given_back_cannot_be_written(
    spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = hit()
    spool.add(one)

    def full(fd: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        spool.drain(lambda hits: hits)
    monkeypatch.undo()
    assert collect() == [one]


def test_hits_of_an_older_program_are_read(spool_dir: Path) -> None:
    one = hit()
    line = {
        name: value for name, value in orjson.loads(orjson.dumps(one)).items() if name != "hint"
    }
    spool_dir.mkdir()
    (spool_dir / spool.ACTIVE).write_bytes(orjson.dumps(line))
    assert collect() == [one]


def test_a_writer_that_holds_its_segment_is_waited_for(spool_dir: Path) -> None:
    spool.add(hit())
    fd = os.open(spool_dir / spool.ACTIVE, os.O_WRONLY | os.O_APPEND)
    fcntl.flock(fd, fcntl.LOCK_SH)
    assert collect() == []  # renamed, not read: its writer is not through
    late = hit()
    os.write(fd, orjson.dumps(late) + b"\n")
    os.close(fd)
    assert late.id in {found.id for found in collect()}


def test_a_writer_that_opened_a_segment_before_it_went_writes_to_the_new_one(
    spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.add(hit())
    real = spool._open
    taken: list[Hit] = []

    def open_then_lose(path: Path) -> int:
        fd = real(path)
        if not taken:
            spool.drain(taken.extend)  # the whole of a rotation between open and lock
        return fd

    monkeypatch.setattr(spool, "_open", open_then_lose)
    late = hit()
    assert spool.add(late)
    assert len(taken) == 1
    assert collect() == [late]


def test_a_line_cut_short_spoils_no_other(spool_dir: Path) -> None:
    one = hit()
    spool.add(one)
    with (spool_dir / spool.ACTIVE).open("ab") as file:
        file.write(b'\n{"id": "0192')
    two = hit()
    spool.add(two)
    with (spool_dir / spool.ACTIVE).open("ab") as file:
        file.write(b'[1]\n{"id": 7}\n\xff\xfe\n{"kind":null}\n')
    assert collect() == [one, two]


def test_a_full_disk_is_counted_and_raises_nothing(
    spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = spool.Lost.count

    def full(fd: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    assert spool.add(hit()) is False
    monkeypatch.setattr(os, "write", lambda fd, data: len(data) - 1)
    assert spool.add(hit()) is False
    assert spool.Lost.count == before + 2


def test_a_spool_that_cannot_be_made_raises_nothing(spool_dir: Path) -> None:
    spool_dir.write_text("a file in the way")
    assert spool.add(hit()) is False


def test_threads_and_an_ingester_at_once_lose_nothing(spool_dir: Path) -> None:
    written: list[uuid.UUID] = []
    read: list[Hit] = []
    done = threading.Event()

    def write() -> None:
        for _ in range(150):
            one = hit()
            assert spool.add(one)
            written.append(one.id)

    def ingest() -> None:
        while not done.is_set():
            spool.drain(read.extend)

    writers = [threading.Thread(target=write) for _ in range(4)]
    readers = [threading.Thread(target=ingest) for _ in range(2)]
    for thread in writers + readers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    spool.drain(read.extend)
    assert sorted(found.id for found in read) == sorted(written)


def test_two_processes_stopped_and_killed_lose_nothing_they_answered(tmp_path: Path) -> None:
    from django.conf import settings as live

    kept = live.DATA_DIR
    live.DATA_DIR = tmp_path
    children = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), "1000000"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    told: list[list[str]] = [[], []]

    def listen(index: int) -> None:
        out = children[index].stdout
        assert out is not None
        told[index].extend(line.strip() for line in out)

    listeners = [threading.Thread(target=listen, args=(n,)) for n in range(2)]
    read: list[Hit] = []
    try:
        for thread in listeners:
            thread.start()
        while not (told[0] and told[1]):
            spool.drain(read.extend)
        for _ in range(5):
            children[0].send_signal(signal.SIGSTOP)
            for _ in range(5):
                spool.drain(read.extend)
            children[0].send_signal(signal.SIGCONT)
            spool.drain(read.extend)
    finally:
        for child in children:
            child.kill()
            child.wait()
        for thread in listeners:
            thread.join()
        spool.drain(read.extend)
        live.DATA_DIR = kept
    ids = [str(found.id) for found in read]
    assert len(ids) == len(set(ids))
    answered = {line for lines in told for line in lines if len(line) == 36}
    assert answered <= set(ids)
