"""HubL's filters of numbers and money; text that is no number passes through, as in jinjava."""

import math
import re
from collections.abc import Callable
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Decimal,
    InvalidOperation,
)
from typing import Any

from transactional.compose.hubl.money_table import AT_HOME, CURRENCIES, STYLES, Style
from transactional.compose.hubl.run import current
from transactional.compose.hubl.text import string, width_of

Number = int | float
DIGITS_LIMIT = 40  # of a number that is read from text: more is no amount


def number_of(value: object) -> Number | None:
    """A value as a number; None for what is none."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    text = string(value).strip()
    if len(text) > DIGITS_LIMIT or not re.fullmatch(r"[-+]?\d+(\.\d+)?([eE][-+]?\d{1,2})?", text):
        return None
    return float(text) if set(text) & set(".eE") else int(text)


def _needed(value: object, name: str) -> Number:
    found = number_of(value)
    if found is None:
        raise ValueError(f"{name} needs a number")
    return found


def _finite(value: Number) -> Number:
    """Bounded, so that no chain of products grows without end."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("the result is too large")
    if abs(value) >= 10**DIGITS_LIMIT:
        raise ValueError("the result is too large")
    return value


def _arithmetic(name: str, work: Callable[[Number, Number], Number]) -> Callable[..., Any]:
    def filter_(value: object, other: object) -> object:
        left = number_of(value)
        return value if left is None else _finite(work(left, _needed(other, name)))

    return filter_


def _divided(left: Number, right: Number) -> Number:
    if right == 0:
        raise ValueError("divide: by zero")
    if isinstance(left, int) and isinstance(right, int):
        return left // right if left % right == 0 else left / right
    return left / right


add = _arithmetic("add", lambda left, right: left + right)
multiply = _arithmetic("multiply", lambda left, right: left * right)
divide = _arithmetic("divide", _divided)


def divisible(value: object, by: object) -> bool:
    """Whether a number divides without a rest."""
    left, right = number_of(value), _needed(by, "divisible")
    return left is not None and right != 0 and left % right == 0


def root(value: object, nth: object = 2) -> object:
    """The square root, or the nth."""
    number, degree = number_of(value), _needed(nth, "root")
    if number is None:
        return value
    if number <= 0 or degree <= 0:
        raise ValueError("root needs numbers above 0")
    found = math.sqrt(number) if degree == 2 else float(number) ** (1 / degree)
    return float(round(found)) if abs(found - round(found)) < 1e-12 else found


def rounded(value: object, precision: object = 0, method: object = "common") -> object:
    """A number rounded: half away from zero, or always up (`ceil`) or down (`floor`)."""
    number = number_of(value)
    if number is None:
        return value
    places = int(_needed(precision, "round"))
    ways = {"common": ROUND_HALF_UP, "ceil": ROUND_CEILING, "floor": ROUND_FLOOR}
    if string(method) not in ways or not -20 <= places <= 20:
        raise ValueError("round knows common, ceil and floor, and up to 20 places")
    try:
        step = Decimal(1).scaleb(-places)
        found = Decimal(str(number)).quantize(step, ways[string(method)])
    except InvalidOperation as err:
        raise ValueError("this number has too many digits") from err
    return float(found) if isinstance(number, float) or places > 0 else int(found)


def random(value: object) -> object:
    """One of a list, a number below the value; the same at every rendering of a message."""
    dice = current().dice
    if isinstance(value, list | tuple):
        return dice.choice(value) if value else ""
    if isinstance(value, dict):
        return dice.choice(list(value.values())) if value else ""
    number = number_of(value)
    if number is None:
        return dice.choice(string(value)) if string(value) else ""
    return dice.randrange(int(number)) if number >= 1 else 0


def convert_rgb(value: object) -> str:
    """A hexadecimal colour as `r, g, b`."""
    digits = string(value).strip().removeprefix("#")
    if not re.fullmatch(r"[0-9a-fA-F]{3}|[0-9a-fA-F]{6}", digits):
        return string(value)
    if len(digits) == 3:
        digits = "".join(char * 2 for char in digits)
    return ", ".join(str(int(digits[at : at + 2], 16)) for at in (0, 2, 4))


def format_currency(
    value: object,
    locale: object = "en-US",
    currency: object = "USD",
    use_default_decimal_digits: object = False,
) -> str:
    """An amount as a locale writes it; `True` for the currency's own number of decimals."""
    if number_of(value) is None:
        return string(value)
    code = string(currency).upper()
    sign, digits = CURRENCIES.get(code, (code[:3], 2))
    style, region = _style(string(locale))
    sign = AT_HOME.get((code, region), sign)
    places = digits if use_default_decimal_digits is True or digits == 0 else 2
    amount = written(value, group=style.group, decimal=style.decimal, places=places)
    minus = "-" if amount.startswith("-") else ""
    pattern = style.pattern
    if pattern == "$#" and sign[-1].isalpha():  # a code stands apart from its number
        pattern = "$\u00a0#"
    return minus + pattern.replace("#", amount.removeprefix("-")).replace("$", sign, 1)


def _style(locale: str) -> tuple[Style, str]:
    tag = locale.replace("_", "-").lower()
    language, _, region = tag.partition("-")
    return STYLES.get(tag) or STYLES.get(language) or STYLES["en"], region


def format_number(value: object, locale: object = "en-US", max_decimals: object = 3) -> str:
    """A number with a locale's separators, rounded to at most so many decimals."""
    number = number_of(value)
    if number is None:
        return string(value)
    places = width_of(max_decimals, limit=20, name="the decimals of format_number")
    style, _ = _style(string(locale))
    text = written(value, group=style.group, decimal=style.decimal, places=places)
    return text.rstrip("0").removesuffix(style.decimal) if style.decimal in text else text


def written(value: object, *, group: str, decimal: str, places: int) -> str:
    """A number rounded half to even and grouped by thousands."""
    try:
        exact = Decimal(str(value).strip()).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    except InvalidOperation as err:
        raise ValueError("this number has too many digits") from err
    text = f"{exact:,f}"
    return text.replace(",", "\0").replace(".", decimal).replace("\0", group)


def log(value: object, base: object = math.e) -> object:
    """The logarithm: natural, or to a base."""
    number, to = number_of(value), _needed(base, "log")
    if number is None:
        return value
    if number <= 0 or to <= 0 or to == 1:
        raise ValueError("log needs numbers above 0")
    found = math.log(number) / math.log(to)
    return float(round(found)) if abs(found - round(found)) < 1e-12 else found
