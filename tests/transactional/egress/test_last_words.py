"""What a process leaves behind of the copy it was building, and who reads it."""

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from transactional.egress.last_words import LastWords, of_the_dead

CODE = """
import sys, time, uuid
from pathlib import Path
from transactional.egress.last_words import LastWords
words = LastWords(Path(sys.argv[1]))
words.begin(uuid.UUID(sys.argv[2]))
if sys.argv[3] == "ended":
    words.end()
print("ready", flush=True)
time.sleep(600)
"""


def builder(folder: Path, recipient: uuid.UUID, how: str = "building") -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, str(folder), str(recipient), how],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def killed(process: "subprocess.Popen[str]") -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def read(folder: Path) -> list[uuid.UUID]:
    with of_the_dead(folder) as found:
        return found


def test_only_who_died_in_the_middle_of_a_build_is_told_and_once(tmp_path: Path) -> None:
    one, two, three = (uuid.uuid4() for _ in range(3))
    dying, after, living = (
        builder(tmp_path, one),
        builder(tmp_path, two, "ended"),
        builder(tmp_path, three),
    )
    try:
        assert read(tmp_path) == []
        killed(dying)
        killed(after)
        assert read(tmp_path) == [one]
        assert read(tmp_path) == []
    finally:
        killed(living)
    assert read(tmp_path) == [three]
    assert list(tmp_path.iterdir()) == []


def test_what_could_not_be_counted_is_told_again(tmp_path: Path) -> None:
    one = uuid.uuid4()
    killed(builder(tmp_path, one))
    with pytest.raises(OSError, match="no database"), of_the_dead(tmp_path):
        raise OSError("no database")
    assert read(tmp_path) == [one]


def test_two_that_read_at_once_count_it_once(tmp_path: Path) -> None:
    one = uuid.uuid4()
    killed(builder(tmp_path, one))
    with of_the_dead(tmp_path) as first, of_the_dead(tmp_path) as second:
        assert (first, second) == ([one], [])


def test_a_file_that_is_none_of_ours_is_no_death(tmp_path: Path) -> None:
    (tmp_path / "1-short").write_bytes(b"abc")
    (tmp_path / "notes").write_bytes(b"x" * 16)
    assert read(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    words = LastWords(tmp_path / "file" / "below")
    words.begin(uuid.uuid4())
    words.end()
    words.close()


def test_an_orderly_end_leaves_nothing(tmp_path: Path) -> None:
    words = LastWords(tmp_path)
    words.begin(uuid.uuid4())
    words.close()
    words.end()
    assert list(tmp_path.iterdir()) == []
