"""Days and moments as our pages write them."""

from datetime import UTC, datetime

import pytest
from django.utils import translation
from django.utils.formats import date_format

MOMENT = datetime(2026, 11, 6, 8, 19, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "moment", "day"),
    [("en", "6 Nov 2026, 08:19", "6 Nov 2026"), ("it", "6 nov 2026, 08:19", "6 nov 2026")],
)
def test_nobody_takes_a_day_for_a_month(language: str, moment: str, day: str) -> None:
    with translation.override(language):
        for form in ("DATETIME_FORMAT", "SHORT_DATETIME_FORMAT"):
            assert date_format(MOMENT, form) == moment
        for form in ("DATE_FORMAT", "SHORT_DATE_FORMAT"):
            assert date_format(MOMENT, form) == day
