"""The only place for DATA_DIR/run: the lock of the running `up`, and what others need to join it.

`manage.py shell`, pg_dump and the like find the embedded servers through it.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO


class AlreadyRunning(Exception):
    """Another `up` works on this DATA_DIR."""


@contextlib.contextmanager
def held(data_dir: Path) -> Iterator[None]:
    """Be the one `up` of this DATA_DIR; the kernel lets go when we end, however we end.

    Raises AlreadyRunning.
    """
    run = data_dir / "run"
    run.mkdir(parents=True, exist_ok=True)
    with (run / "up.lock").open("a") as lock:
        if not _locked(lock):
            raise AlreadyRunning(f"Postino is already running on {data_dir}.")
        try:
            yield
        finally:
            (run / "env.json").unlink(missing_ok=True)


def _locked(lock: TextIO) -> bool:
    # more than once: whoever looks whether it is held holds it for an instant (see `published`)
    for _ in range(5):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.1)
        else:
            return True
    return False


def publish(data_dir: Path, values: Mapping[str, str]) -> None:
    """Let other commands join (0600: it holds passwords)."""
    path = data_dir / "run" / "env.json"
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(dict(values), file, indent=1)


def published(data_dir: Path) -> dict[str, str]:
    """The environment of the running `up`; empty where none runs (a killed one leaves its file)."""
    run = data_dir / "run"
    try:
        with (run / "up.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        pass  # held: it runs
    except OSError:
        return {}
    else:
        return {}
    try:
        loaded = json.loads((run / "env.json").read_text())
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in loaded.items()} if isinstance(loaded, dict) else {}
