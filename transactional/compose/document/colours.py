"""Contrast of two colours (WCAG 2.2, relative luminance), and the ink that reads on one."""

LIGHT_INK, DARK_INK = "#ffffff", "#14161c"


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, 0 to 1."""

    def channel(at: int) -> float:
        share = int(colour[at : at + 2], 16) / 255
        return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)

    return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)


def contrast(one: str, other: str) -> float:
    """The contrast ratio, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def ink_on(colour: str) -> str:
    """Light or dark text, whichever reads better on a colour."""
    return max((LIGHT_INK, DARK_INK), key=lambda ink: contrast(ink, colour))


def mixed(one: str, other: str, share: float) -> str:
    """`share` of the first colour over the second."""
    return "#" + "".join(
        f"{round(int(one[at : at + 2], 16) * share + int(other[at : at + 2], 16) * (1 - share)):02x}"
        for at in (1, 3, 5)
    )
