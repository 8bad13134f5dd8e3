"""HubL's dates: epoch milliseconds or ISO 8601 text in, text in UTC out; strftime and Java patterns.

A date is text between filters, never an object: templates are given plain data only.
"""

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from datetime import timezone as FixedZone
from importlib import import_module
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import global_settings
from django.utils import dates, formats, translation

from transactional.compose.hubl.numbers import number_of
from transactional.compose.hubl.run import current
from transactional.compose.hubl.text import string

DEFAULT_FORMAT = "%H:%M / %d-%m-%Y"
FORMAT_LIMIT = 200  # characters
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: dict[str, timedelta] = {
    "millis": timedelta(milliseconds=1), "seconds": timedelta(seconds=1),
    "minutes": timedelta(minutes=1), "hours": timedelta(hours=1),
    "half_days": timedelta(hours=12), "halfdays": timedelta(hours=12),
    "days": timedelta(days=1), "weeks": timedelta(weeks=1),
}  # fmt: skip
_MONTHS: dict[str, int] = {"months": 1, "years": 12, "decades": 120, "centuries": 1200}


def date_of(value: object) -> datetime:
    """Epoch milliseconds, ISO 8601 text, or the message's own time for nothing. Raises ValueError.

    Text without an offset is in UTC, as what these filters make.
    """
    if value is None or value == "":
        return current().now.astimezone(UTC)
    number = number_of(value)
    try:
        if number is not None:
            return _EPOCH + timedelta(milliseconds=int(number))
        found = datetime.fromisoformat(string(value).strip())
    except (OverflowError, ValueError) as err:
        text = string(value)[:40]
        raise ValueError(f"“{text}” is not a date: use milliseconds or ISO 8601") from err
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _text(when: datetime) -> str:
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(" ")


def _zone(name: object) -> tzinfo:
    text = string(name).strip()
    if not text or text.lower() in ("utc", "gmt", "z"):
        return UTC
    offset = re.fullmatch(r"(?:utc|gmt)?([+-])(\d{1,2}):?(\d{2})?", text, re.I)
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        if minutes < 24 * 60:
            return FixedZone(timedelta(minutes=minutes if offset[1] == "+" else -minutes))
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as err:
        raise ValueError(f"“{text[:40]}” is not a time zone") from err


def unixtimestamp(value: object = None) -> int:
    """Milliseconds since 1970."""
    return (date_of(value) - _EPOCH) // timedelta(milliseconds=1)


def strtotime(value: object, pattern: object) -> str:
    """A text read by a strftime pattern. Raises ValueError."""
    text, how = string(value), string(pattern)[:FORMAT_LIMIT]
    if "%" not in how:
        how = _from_java(how)
    try:
        found = datetime.strptime(text, how)
    except (ValueError, re.error) as err:
        raise ValueError(f"“{text[:40]}” does not follow the pattern “{how}”") from err
    return _text(found.replace(tzinfo=UTC) if found.tzinfo is None else found)


def plus_time(value: object, amount: object, unit: object) -> str:
    """A date so much later."""
    return _text(_moved(date_of(value), _whole(amount), string(unit)))


def minus_time(value: object, amount: object, unit: object) -> str:
    """A date so much earlier."""
    return _text(_moved(date_of(value), -_whole(amount), string(unit)))


def _whole(value: object) -> int:
    number = number_of(value)
    if number is None or int(number) != number:
        raise ValueError("the amount of time must be a whole number")
    return int(number)


def _moved(when: datetime, amount: int, unit: str) -> datetime:
    name = unit.lower()
    try:
        if name in _MONTHS:
            month = when.year * 12 + when.month - 1 + amount * _MONTHS[name]
            year, index = divmod(month, 12)
            day = min(when.day, monthrange(year, index + 1)[1])
            return when.replace(year=year, month=index + 1, day=day)
        return when + amount * _UNITS[name]
    except KeyError as err:
        raise ValueError(f"“{unit[:20]}” is no unit of time: use days, hours, months …") from err
    except (OverflowError, ValueError) as err:
        raise ValueError("this date is out of reach") from err


def between_times(value: object, end: object, unit: object) -> int:
    """Whole units from a date to another; negative where the other is earlier."""
    start, stop, name = date_of(value), date_of(end), string(unit).lower()
    if name in _UNITS:
        sign = 1 if stop >= start else -1
        return sign * (abs(stop - start) // _UNITS[name])
    if name not in _MONTHS:
        raise ValueError(f"“{name[:20]}” is no unit of time: use days, hours, months …")
    early, late = sorted((start, stop))
    months = (late.year - early.year) * 12 + late.month - early.month
    if (late.day, late.time()) < (early.day, early.time()):
        months -= 1
    return (months // _MONTHS[name]) * (1 if stop >= start else -1)


def datetimeformat(
    value: object, pattern: object = DEFAULT_FORMAT, timezone: object = "", language: object = ""
) -> str:
    """A date as text: strftime directives or a Java pattern, in a zone and a language."""
    when = date_of(value).astimezone(_zone(timezone))
    how = string(pattern)
    if len(how) > FORMAT_LIMIT:
        raise ValueError(f"a date pattern has at most {FORMAT_LIMIT} characters")
    with translation.override(_language(string(language))):
        if how.lower() in ("short", "medium", "long", "full"):
            name = "SHORT_DATETIME_FORMAT" if how.lower() == "short" else "DATETIME_FORMAT"
            return str(formats.date_format(when, _customary(name)))
        if "%" not in how:
            how = _from_java(how)
        return _formatted(when, how)


def _customary(name: str) -> str:
    """A language's own form of dates, as Django ships it: that of our pages is another."""
    locale = translation.to_locale(translation.get_language() or "en")
    try:
        known = import_module(f"django.conf.locale.{locale}.formats")
    except ModuleNotFoundError:
        known = global_settings
    return str(getattr(known, name, getattr(global_settings, name)))


def _language(tag: str) -> str:
    code = tag.replace("_", "-").lower()
    for one in (code, code.partition("-")[0]):
        if one and translation.check_for_language(one):
            return one
    return "en"


def today(zone: object = "") -> str:
    """The start of the message's day."""
    start = current().now.astimezone(_zone(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    return _text(start)


# Languages that write the names of days and months with a capital
_CAPITALS = frozenset({"en", "de", "el", "id", "tr", "ms", "lb"})


def _cased(name: object) -> str:
    """A name of a day or a month as its language writes it within a sentence."""
    capital = (translation.get_language() or "en").partition("-")[0] in _CAPITALS
    return str(name).title() if capital else str(name).lower()


_DIRECTIVES: dict[str, Callable[[datetime], object]] = {
    "a": lambda d: _cased(dates.WEEKDAYS_ABBR[d.weekday()]),
    "A": lambda d: _cased(dates.WEEKDAYS[d.weekday()]),
    "b": lambda d: _cased(dates.MONTHS_3[d.month]), "B": lambda d: _cased(dates.MONTHS_ALT[d.month]),
    "OB": lambda d: _cased(dates.MONTHS[d.month]), "d": lambda d: f"{d.day:02}", "e": lambda d: d.day,
    "f": lambda d: f"{d.microsecond:06}", "H": lambda d: f"{d.hour:02}",
    "h": lambda d: f"{d.hour % 12 or 12:02}", "I": lambda d: f"{d.hour % 12 or 12:02}",
    "j": lambda d: f"{d.timetuple().tm_yday:03}", "k": lambda d: d.hour,
    "l": lambda d: d.hour % 12 or 12, "m": lambda d: f"{d.month:02}",
    "M": lambda d: f"{d.minute:02}", "p": lambda d: "AM" if d.hour < 12 else "PM",
    "S": lambda d: f"{d.second:02}", "U": lambda d: f"{int(d.strftime('%U')) + 1:02}",
    "W": lambda d: f"{int(d.strftime('%U')) + 1:02}", "w": lambda d: d.isoweekday() % 7 + 1,
    "y": lambda d: f"{d.year % 100:02}", "Y": lambda d: f"{d.year:04}",
    "z": lambda d: d.strftime("%z"), "Z": lambda d: d.strftime("%Z"), "%": lambda d: "%",
    "x": lambda d: f"{d.month:02}/{d.day:02}/{d.year % 100:02}",
    "X": lambda d: f"{d.hour:02}:{d.minute:02}:{d.second:02}",
}  # fmt: skip
_DIRECTIVES["c"] = lambda d: _formatted(d, "%a %b %d %X %Y")
_FOUND = re.compile(r"%(-?)(O?[A-Za-z%])")


def _formatted(when: datetime, pattern: str) -> str:
    def one(found: re.Match[str]) -> str:
        make = _DIRECTIVES.get(found[2])
        if make is None:
            raise ValueError(f"the date pattern has no %{found[2]}")
        text = str(make(when))
        return (text.lstrip("0") or "0") if found[1] else text

    return _FOUND.sub(one, pattern)


# Java's letters, longest first, as strftime directives
_JAVA: dict[str, str] = {
    "yyyy": "%Y", "uuuu": "%Y", "yy": "%y", "y": "%Y", "MMMM": "%B", "LLLL": "%OB", "MMM": "%b",
    "MM": "%m", "M": "%-m", "dd": "%d", "d": "%-d", "EEEE": "%A", "EEE": "%a", "EE": "%a",
    "E": "%a", "HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "m": "%-M",
    "ss": "%S", "s": "%-S", "SSS": "%f", "a": "%p", "DDD": "%j", "z": "%Z", "Z": "%z",
}  # fmt: skip
_JAVA_PART = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|.", re.S)


def _from_java(pattern: str) -> str:
    """A Java pattern as strftime. Raises ValueError for letters it does not know."""
    made: list[str] = []
    for found in _JAVA_PART.finditer(pattern):
        if found[1] is not None:
            made.append((found[1] or "'").replace("''", "'").replace("%", "%%"))
        elif found[2]:
            if found[0] not in _JAVA:
                raise ValueError(f"the date pattern has no {found[0]}")
            made.append(_JAVA[found[0]])
        else:
            made.append(found[0].replace("%", "%%"))
    return "".join(made)
