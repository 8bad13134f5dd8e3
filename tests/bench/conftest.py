"""One installation for all of `make bench` that is tried here, its queue empty before each."""

import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from types import ModuleType

import pytest

from bench.installation import Installation
from tests.cluster import plant
from tests.config.stack.process_table import eventually
from tests.installation import free_port


@pytest.fixture(scope="module")
def place() -> Iterator[Installation]:
    made = Installation()
    made.ports = {name: int(free_port()) for name in made.ports}
    plant(made.data_dir)
    with made:
        yield made


@pytest.fixture
def run(
    place: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Runs one of bench's programs on the shared installation; what it prints."""
    assert eventually(lambda: place.queued() == 0, 180)

    def of(module: ModuleType, *arguments: str) -> str:
        monkeypatch.setattr(module, "Installation", lambda: nullcontext(place))
        monkeypatch.setattr(sys, "argv", [module.__name__, *arguments])
        module.main()
        return capsys.readouterr().out

    return of
