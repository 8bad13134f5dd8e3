"""The one place that says a refusal of the pipeline in the reader's language, and what to do."""

import re
from functools import cache

from django.utils.translation import gettext

from transactional.views.refusal_sentences_table import REMEDIES, SENTENCES

_HOLE = re.compile(r"%\((\w+)\)s")


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Each sentence with what recognises it."""
    return tuple((re.compile(_expression(one), re.S), one) for one in SENTENCES)


def _expression(sentence: str) -> str:
    made, at = [], 0
    for hole in _HOLE.finditer(sentence):
        made += [re.escape(sentence[at : hole.start()]), f"(?P<{hole[1]}>.+?)"]
        at = hole.end()
    return "".join([*made, re.escape(sentence[at:])])


def told(message: str) -> str:
    """The core's sentence in the language of the page; one that is not known stays as it is."""
    for pattern, sentence in _patterns():
        found = pattern.fullmatch(message)
        if found:
            return gettext(sentence) % found.groupdict() if "%(" in sentence else gettext(sentence)
    return message


def remedy(code: str) -> str:
    """What to do about a refusal of this code; empty where the sentence says it all."""
    return str(REMEDIES.get(code, ""))
