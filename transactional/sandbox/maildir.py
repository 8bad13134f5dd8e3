"""The sandbox's Maildir: the only place that writes delivered messages, and reads them back."""

import itertools
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

# What may stand in a name we make, and so in a name that a page asks for
_NAME = re.compile(r"[0-9]{1,20}\.[0-9A-Za-z_]{1,60}\.sandbox(?::2,[A-Z]{0,10})?")
_counter = itertools.count()


@dataclass(frozen=True, slots=True)
class Maildir:
    """One Maildir. Names begin with the time of delivery in microseconds, so they sort by it."""

    path: Path

    def make(self) -> None:
        """Create the folders, readable by their owner alone."""
        for name in ("tmp", "new", "cur"):
            (self.path / name).mkdir(parents=True, exist_ok=True, mode=0o700)

    def deliver(self, content: bytes) -> str:
        """Store one message; its name. It appears in `new` whole or not at all. Raises OSError."""
        moment = time.time_ns() // 1000
        name = f"{moment}.P{os.getpid()}Q{next(_counter)}.sandbox"
        unfinished = self.path / "tmp" / name
        with unfinished.open("xb") as out:
            out.write(content)
        unfinished.rename(self.path / "new" / name)
        return name

    def names(self) -> list[str]:
        """Every message, newest first."""
        found: list[str] = []
        for folder in ("new", "cur"):
            try:
                found += [n for n in os.listdir(self.path / folder) if _NAME.fullmatch(n)]
            except FileNotFoundError:
                continue
        found.sort(reverse=True)
        return found

    def read(self, name: str, *, limit: int = -1) -> bytes | None:
        """A message's first `limit` octets, or all of it; None where there is no such message."""
        if not _NAME.fullmatch(name):
            return None
        for folder in ("new", "cur"):
            try:
                with (self.path / folder / name).open("rb") as source:
                    return source.read(limit)
            except FileNotFoundError:
                continue
        return None
