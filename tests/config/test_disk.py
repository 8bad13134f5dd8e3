"""Room on the disk: measured where DATA_DIR lies, and never guessed to be missing."""

import shutil
from pathlib import Path

import pytest
from pytest_django import Settings

from config import disk


@pytest.fixture(autouse=True)
def _measured_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "FRESH", 0.0)
    monkeypatch.setattr(disk, "_seen", disk._seen)  # as it was, when the test is over


def test_more_reserved_than_there_is_free_is_short(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    free_mb = shutil.disk_usage(tmp_path).free // 2**20
    settings.DISK_RESERVE_MB = free_mb + 1024
    assert disk.short()
    settings.DISK_RESERVE_MB = free_mb // 2
    assert not disk.short()
    settings.DISK_RESERVE_MB = 0
    assert not disk.short()


def test_a_folder_that_is_not_there_is_not_full(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "gone"
    settings.DISK_RESERVE_MB = 10**9
    assert not disk.short()
