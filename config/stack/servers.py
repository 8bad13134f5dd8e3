"""PostgreSQL and Valkey as children of the supervisor."""

import signal

from config.stack import postgres, valkey
from config.stack.child import Child
from config.stack.postgres import EmbeddedPostgres
from config.stack.valkey import EmbeddedValkey

DATABASE = "postino"


def postgres_child(server: EmbeddedPostgres) -> Child:
    """PostgreSQL: our killer gets it a fast shutdown, a restart waits for old backends."""
    server.prepare()
    return Child(
        name="postgres",
        argv=tuple(server.argv()),
        ready=server.answers,
        before=server.prepare,
        stop_signal=postgres.STOP_SIGNAL,
        stop_timeout=60.0,
        death_signal=signal.SIGINT,
        uid=server.uid,
        log_path=server.log_path,
        cwd="/",
    )


def valkey_child(server: EmbeddedValkey) -> Child:
    """Valkey: it keeps nothing, so it may go at once."""
    server.prepare()
    return Child(
        name="valkey",
        argv=tuple(server.argv()),
        ready=server.answers,
        before=server.prepare,
        stop_signal=valkey.STOP_SIGNAL,
        death_signal=signal.SIGKILL,
        log_path=server.log_path,
        cwd="/",
    )
