"""A migrated database, made once for a session, that whole installations of the tests begin from.

`tests/config/stack/test_up.py` shows that one begins from nothing as well.
"""

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from config.stack.postgres import EmbeddedPostgres
from config.stack.servers import DATABASE

ROOT = Path(__file__).parents[1]
_PASSWORD = "postgres.password"


@functools.cache
def _seed() -> EmbeddedPostgres:
    """A stopped server's files: every migration applied, nothing else in it."""
    directory = Path(tempfile.mkdtemp(prefix="postino-seed-"))
    directory.chmod(0o755)  # root's PostgreSQL has a uid of its own
    server = EmbeddedPostgres(directory, settings={"fsync": "off"})
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    atexit.register(server.destroy)
    server.start()
    try:
        server.create_database(DATABASE)
        environment = {**os.environ, "DATABASE_URL": server.dsn(DATABASE)}
        migrate = [sys.executable, "-W", "ignore", "manage.py", "migrate", "--no-input", "-v", "0"]
        subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
    finally:
        server.stop()
    return server


def plant(data_dir: Path) -> None:
    """Put a migrated cluster into a DATA_DIR that is yet to be used."""
    seed = _seed()
    data_dir.mkdir(parents=True, exist_ok=True)
    shutil.copy(seed.data_dir / _PASSWORD, data_dir / _PASSWORD)  # 0600, as it is there
    mine = EmbeddedPostgres(data_dir)
    shutil.copytree(seed.cluster, mine.cluster, dirs_exist_ok=True)
    for directory, names, files in os.walk(mine.cluster):
        for name in (*names, *files):
            if mine.uid is not None:
                os.lchown(Path(directory, name), mine.uid, mine.uid)
    if mine.uid is not None:
        os.chown(mine.cluster, mine.uid, mine.uid)
