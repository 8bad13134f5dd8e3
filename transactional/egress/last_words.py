"""The only place that keeps, past a process's death, which copy it was building: a note of 16 octets."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from transactional.egress import outliving
from transactional.egress.outliving import Outliving

_SIZE = 16
_NOTHING = bytes(_SIZE)


class LastWords:
    """One process's note. Not thread-safe: one copy at a time is built."""

    def __init__(self, folder: Path) -> None:
        self._file = Outliving(folder, _SIZE, what="what ends this process")
        self._note = self._file.memory

    def begin(self, recipient: UUID) -> None:
        """The copy of this recipient is being built."""
        self._note[:] = recipient.bytes

    def end(self) -> None:
        """The process has outlived the build."""
        self._note[:] = _NOTHING

    def close(self) -> None:
        """Leave nothing behind."""
        self._note = bytearray(_SIZE)
        self._file.close()


@contextmanager
def of_the_dead(folder: Path) -> Iterator[list[UUID]]:
    """Whose copies were being built by processes that have died since; forgotten behind the block, unless it raises."""
    with outliving.of_the_dead(folder) as notes:
        yield [UUID(bytes=n) for n in notes if len(n) == _SIZE and n != _NOTHING]
