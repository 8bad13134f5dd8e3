"""Every accepted message arrived exactly once, and a second opinion verifies what arrived signed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dkim


class Unbalanced(Exception):
    """A message was lost, doubled, or does not verify."""


def balance(report: Mapping[str, Any], wanted: Sequence[str]) -> None:
    """Compare the sink's copies with what was accepted. Raises Unbalanced."""
    copies: Mapping[str, int] = report["copies"]
    lost = [key for key in wanted if key not in copies]
    twice = [key for key, number in copies.items() if number > 1]
    strange = copies.keys() - set(wanted)
    if lost or twice or strange:
        raise Unbalanced(f"lost {lost[:5]}, twice {twice[:5]}, strange {sorted(strange)[:5]}")


def verify(report: Mapping[str, Any], records: Mapping[str, str]) -> int:
    """Check all signatures of the sample with dkimpy; how many messages. Raises Unbalanced."""

    def answer(name: bytes, timeout: int = 5) -> bytes | None:
        text = records.get(name.decode())
        return text.encode() if text else None

    for path in report["samples"]:
        message = dkim.DKIM(Path(path).read_bytes())
        for place in range(len(records)):
            if not message.verify(place, dnsfunc=answer):
                raise Unbalanced(f"signature {place} of {path} does not verify")
        if b"/o/" not in message.body or b"/c/" not in message.body:
            raise Unbalanced(f"{path} is not tracked")
    return len(report["samples"])
