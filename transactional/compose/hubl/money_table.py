"""How currencies and locales write amounts: the common ones, after CLDR."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Style:
    """A locale's separators, and the pattern in which # is the number and $ the sign."""

    group: str
    decimal: str
    pattern: str


NBSP, NNBSP = "\u00a0", "\u202f"
_EN = Style(",", ".", "$#")
_EU = Style(".", ",", f"#{NBSP}$")

# Language, or language-region where the region differs
STYLES: dict[str, Style] = {
    "en": _EN, "ja": _EN, "zh": _EN, "ko": _EN, "he": Style(",", ".", f"#{NBSP}$"),
    "th": _EN, "de": _EU, "it": _EU, "es": _EU, "nl": Style(".", ",", f"${NBSP}#"),
    "da": _EU, "el": _EU, "ro": _EU, "hr": _EU, "tr": Style(".", ",", "$#"),
    "id": Style(".", ",", f"${NBSP}#"), "vi": _EU, "pt": Style(".", ",", f"${NBSP}#"),
    "pt-pt": Style(NBSP, ",", f"#{NBSP}$"), "fr": Style(NNBSP, ",", f"#{NBSP}$"),
    "fr-ch": Style(NNBSP, ",", f"#{NBSP}$"), "fr-ca": Style(NBSP, ",", f"#{NBSP}$"),
    "de-ch": Style("’", ".", f"${NBSP}#"), "it-ch": Style("’", ".", f"${NBSP}#"),
    "de-at": Style(NBSP, ",", f"${NBSP}#"), "sv": Style(NBSP, ",", f"#{NBSP}$"),
    "nb": Style(NBSP, ",", f"#{NBSP}$"), "no": Style(NBSP, ",", f"#{NBSP}$"),
    "fi": Style(NBSP, ",", f"#{NBSP}$"), "pl": Style(NBSP, ",", f"#{NBSP}$"),
    "cs": Style(NBSP, ",", f"#{NBSP}$"), "sk": Style(NBSP, ",", f"#{NBSP}$"),
    "hu": Style(NBSP, ",", f"#{NBSP}$"), "bg": Style(NBSP, ",", f"#{NBSP}$"),
    "uk": Style(NBSP, ",", f"#{NBSP}$"), "ru": Style(NBSP, ",", f"#{NBSP}$"),
    "es-mx": _EN, "es-us": _EN, "es-ar": Style(".", ",", f"${NBSP}#"),
    "en-za": Style(NBSP, ",", "$#"),
}  # fmt: skip

# Sign, digits after the point
CURRENCIES: dict[str, tuple[str, int]] = {
    "USD": ("$", 2), "EUR": ("€", 2), "GBP": ("£", 2), "JPY": ("¥", 0), "CNY": ("CN¥", 2),
    "CHF": ("CHF", 2), "AUD": ("A$", 2), "CAD": ("CA$", 2), "NZD": ("NZ$", 2), "INR": ("₹", 2),
    "BRL": ("R$", 2), "MXN": ("MX$", 2), "KRW": ("₩", 0), "ILS": ("₪", 2), "VND": ("₫", 0),
    "PLN": ("zł", 2), "CZK": ("Kč", 2), "HUF": ("Ft", 2), "SEK": ("kr", 2), "NOK": ("kr", 2),
    "DKK": ("kr.", 2), "ISK": ("kr", 0), "TRY": ("₺", 2), "UAH": ("₴", 2), "RON": ("RON", 2),
    "BGN": ("лв.", 2), "RUB": ("₽", 2), "ZAR": ("R", 2), "SGD": ("S$", 2), "HKD": ("HK$", 2),
    "TWD": ("NT$", 2), "THB": ("฿", 2), "IDR": ("Rp", 2), "PHP": ("₱", 2), "KWD": ("KWD", 3),
    "BHD": ("BHD", 3), "TND": ("TND", 3), "CLP": ("CLP", 0), "AED": ("AED", 2), "SAR": ("SAR", 2),
}  # fmt: skip
# Where a currency is at home, its sign needs no country before it
AT_HOME: dict[tuple[str, str], str] = {
    ("AUD", "au"): "$", ("CAD", "ca"): "$", ("NZD", "nz"): "$", ("MXN", "mx"): "$",
    ("CNY", "cn"): "¥", ("SGD", "sg"): "$", ("HKD", "hk"): "HK$", ("TWD", "tw"): "$",
    ("JPY", "jp"): "￥",
}  # fmt: skip
