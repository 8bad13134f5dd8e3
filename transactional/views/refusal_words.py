"""The one place that says a refusal of the pipeline in the reader's language, and what to do."""

import re
from functools import cache

from django.utils.translation import gettext

from config.sentences import pattern
from domains import why
from transactional.views.refusal_sentences_table import REMEDIES, SENTENCES


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Each sentence with what recognises it."""
    return tuple((pattern(one), one) for one in SENTENCES)


def told(message: str) -> str:
    """The core's sentence in the language of the page; one that is not known stays as it is."""
    for known, sentence in _patterns():
        found = known.fullmatch(message)
        if found:
            values = found.groupdict()
            if "reason" in values:  # it may be a sentence of another core
                values["reason"] = why.told(values["reason"])
            return gettext(sentence) % values if "%(" in sentence else gettext(sentence)
    return message


def remedy(code: str) -> str:
    """What to do about a refusal of this code; empty where the sentence says it all."""
    return str(REMEDIES.get(code, ""))
