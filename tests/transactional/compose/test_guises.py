"""What the dark does to an email is answered in its source, whatever the reader's screen prefers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.compose.guises import dressed

HTML = (
    '<html><head><meta name="color-scheme" content="light dark"><style>'
    "@media (prefers-color-scheme:dark){p{color:#fff}}"
    "@media screen and ( Prefers-Color-Scheme : light ){p{color:#000}}</style></head><p>Hi</p></html>"
)


@pytest.mark.parametrize(("guise", "never"), [("dark", "light"), ("light", "dark")])
def test_the_questions_are_answered(guise: str, never: str) -> None:
    shown = dressed(HTML, guise)  # type: ignore[arg-type]
    assert "prefers-color-scheme" not in shown.lower()
    assert f"<head><style>:root{{color-scheme:{guise}}}</style>" in shown
    assert f'content="{guise}"' in shown
    dark, light = shown.index("min-width:0"), shown.index("max-width:0")
    assert (dark < light) == (guise == "dark")
    assert never not in shown.replace("color-scheme:", "").replace('name="color-scheme"', "")


@given(st.text())
def test_any_html_is_shown_and_left_alone_unless_asked(html: str) -> None:
    assert dressed(html, "") == html
    assert dressed(html, "dark").endswith(html[-1:])
