"""The only place that writes counts for people: grouped by thousands, in the language of now.

Not the setting USE_THOUSAND_SEPARATOR: that would write ids in addresses and forms so, too.
"""

from django.utils import formats


class Grouped(int):
    """A count that is shown as 7,560 or 7.560 wherever it is put into a sentence or a page.

    It stays a number: plural forms go by it.
    """

    def __str__(self) -> str:
        return str(formats.number_format(int(self), use_l10n=True, force_grouping=True))

    def __format__(self, spec: str) -> str:
        return format(int(self), spec) if spec else str(self)


def grouped(value: object) -> object:
    """A whole number as a person reads it; anything else as it is."""
    return Grouped(value) if isinstance(value, int) and not isinstance(value, bool) else value
