"""Sentences that were filled in and kept in English: the only place that finds their values again."""

import re

_HOLE = re.compile(r"%\((\w+)\)s")


def pattern(sentence: str) -> re.Pattern[str]:
    """What matches a whole sentence once its holes, %(name)s, were filled; each is a group, but a
    second one of the same name has to be alike.
    """
    made: list[str] = []
    seen: set[str] = set()
    at = 0
    for hole in _HOLE.finditer(sentence):
        name = hole[1]
        made += [
            re.escape(sentence[at : hole.start()]),
            f"(?P={name})" if name in seen else f"(?P<{name}>.+?)",
        ]
        seen.add(name)
        at = hole.end()
    return re.compile("".join([*made, re.escape(sentence[at:])]), re.S)
