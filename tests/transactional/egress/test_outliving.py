"""Files that outlive their process: what is none of ours, or cannot be made, stops nobody."""

import os
import resource
from pathlib import Path

import pytest

from transactional.egress.outliving import Outliving, of_the_dead


def read(folder: Path) -> list[bytes]:
    with of_the_dead(folder) as found:
        return found


def left(folder: Path, text: bytes) -> None:
    """As a process leaves it that has died."""
    one = Outliving(folder, len(text), what="it")
    one.memory[:] = text
    one.close(keep=True)


def test_it_is_its_users_alone_and_read_once(tmp_path: Path) -> None:
    left(tmp_path / "deep" / "down", b"abc")
    (path,) = (tmp_path / "deep" / "down").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert read(path.parent) == [b"abc"]
    assert read(path.parent) == []
    assert list(path.parent.iterdir()) == []


def test_one_that_lives_is_not_read(tmp_path: Path) -> None:
    one = Outliving(tmp_path, 3, what="it")
    one.memory[:] = b"abc"
    assert read(tmp_path) == []
    one.close()
    assert list(tmp_path.iterdir()) == []
    one.memory[:] = b"def"  # into nothing


def test_what_raises_behind_it_leaves_it_there(tmp_path: Path) -> None:
    left(tmp_path, b"abc")
    with pytest.raises(OSError, match="no database"), of_the_dead(tmp_path):
        raise OSError("no database")
    assert read(tmp_path) == [b"abc"]


def test_links_pipes_and_folders_are_left_alone(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"not ours to remove")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "1-link").symlink_to(secret)
    (folder / "2-folder").mkdir()
    os.mkfifo(folder / "3-pipe")  # whose reader would wait for ever
    left(folder, b"abc")
    assert read(folder) == [b"abc"]
    assert {path.name for path in folder.iterdir()} == {"1-link", "2-folder", "3-pipe"}
    assert secret.exists()


def test_another_users_file_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    left(tmp_path, b"abc")
    somebody = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: somebody)
    assert read(tmp_path) == []
    assert read(tmp_path) == []
    monkeypatch.undo()
    assert caplog.text.count("is left alone") == 1
    assert read(tmp_path) == [b"abc"]


def test_a_disk_without_room_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        one = Outliving(tmp_path, 5000, what="the last answer")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    one.memory[4000:4003] = b"abc"
    one.close()
    assert "the last answer will not be known" in caplog.text
    assert list(tmp_path.iterdir()) == []
