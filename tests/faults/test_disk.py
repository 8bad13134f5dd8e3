"""A disk that fills up: refused in time while there is a reserve, and nothing lost when it is gone."""

import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.cluster import plant
from tests.faults.conftest import Scale
from tests.faults.load import Load
from tests.faults.site import Sink, Site, balance, drained, within
from tests.installation import Installation

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1500)]
DISK_MB = 400  # PostgreSQL's files take about 130 when new
RESERVE_MB = 60


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A file system of its own size; needs root, as CI is."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0755", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def site() -> Iterator[Site]:
    with TemporaryDirectory(prefix="postino-disk-") as directory:
        root = Path(directory)
        root.chmod(0o755)  # root's PostgreSQL has a uid of its own
        sink = Sink(root)
        with closing(sink), small_disk(root / "disk") as disk:
            made = Installation(
                disk / "data",
                EGRESS=f"relay://127.0.0.1:{sink.port}",
                DISK_RESERVE_MB=str(RESERVE_MB),
                LEASE_SECONDS="10",
                RETRY_SCALE="0.02",
            )
            plant(made.data_dir)
            try:
                made.start()
                assert made.ready(), "".join(made.lines[-30:])
                yield Site(made, sink)
            finally:
                made.destroy()


def fill(path: Path, leave_mb: int) -> None:
    """Take all of the disk but this much."""
    (free,) = subprocess.run(
        ["df", "--output=avail", "-m", str(path)], capture_output=True, text=True, check=True
    ).stdout.split()[1:]
    with (path / "ballast").open("ab") as ballast:
        block = b"\0" * (1 << 20)
        for _ in range(max(0, int(free) - leave_mb)):
            try:
                ballast.write(block)
                ballast.flush()
            except OSError:
                return


def test_a_disk_that_fills_up_and_is_emptied_again(site: Site, scale: Scale) -> None:
    disk = site.installation.data_dir.parent
    with Load(site.installation.quickstart, "disk", 10**9, pause=0.05) as load:
        assert within(120, lambda: len(load.acknowledged) > scale.messages // 3)
        fill(disk, RESERVE_MB // 2)  # below the reserve: refused, while everything runs on
        assert within(120, lambda: load.answers["452"] > 3 and load.answers["507"] > 3)
        assert drained(site) == 0  # what was accepted goes out all the same
        fill(disk, 0)  # to the last block
        asked = sum(load.answers.values())
        assert within(120, lambda: sum(load.answers.values()) > asked + 20)
        before = len(load.acknowledged)
        (disk / "ballast").unlink()
        assert within(120, lambda: len(load.acknowledged) > before + scale.messages // 3)
    assert within(120, site.whole)
    assert drained(site) == 0
    found = balance(site, "disk", load.acknowledged)
    print(f"disk: {found}; answers {dict(load.answers)}")
    assert not load.unexpected
    assert found.lost == [] and found.wrong == [] and found.unmarked == []
