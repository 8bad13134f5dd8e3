"""Log lines: one event, one line, no control characters (a peer's text must not forge lines)."""

import logging
import time

LINE_LIMIT = 4000  # stops one hostile value from filling the disk


class OneLine(logging.Formatter):
    """`2026-11-23T10:00:00Z LEVEL logger message`, escaped and cut."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line; a traceback's line ends become visible `\\n`."""
        text = super().format(record)
        safe = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
        return safe[:LINE_LIMIT]
