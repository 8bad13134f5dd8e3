"""Plain text from HTML: what a reader would see, in order, and nothing hidden."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.wire.text import html_to_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("  \n ", ""),
        ("<p>One</p><p>Two</p>", "One\n\nTwo\n"),
        ("a<br>b<br/>c", "a\nb\nc\n"),
        ("a<br><br>b", "a\n\nb\n"),
        ("<div>a</div><div>b</div>", "a\nb\n"),
        ("<p>a\n  b&nbsp;&nbsp;c</p>", "a b c\n"),
        ("<h1>Hi</h1>there", "Hi\n\nthere\n"),
        ("x &lt;b&gt; &amp; &eacute; 🎉", "x <b> & é 🎉\n"),
        ("👨‍👩‍👧 family", "👨‍👩‍👧 family\n"),
        ("a&zwj; &#847;&zwnj;&nbsp;b", "a b\n"),
        ('<a href="https://x.example/?a&amp;b">Go</a> now', "Go (https://x.example/?a&b) now\n"),
        ('<a href="https://x.example/">https://x.example</a>', "https://x.example\n"),
        ('<a href="https://x.example/">x.example</a>', "x.example\n"),
        ('<a href="mailto:a@x.example">a@x.example</a>', "a@x.example\n"),
        ('<a href="mailto:a@x.example">mail us</a>', "mail us (mailto:a@x.example)\n"),
        ('<a href="#top">top</a>', "top\n"),
        ('<a href="javascript:x">x</a>', "x\n"),
        (
            '<a href="https://x.example"><img src="l.png" alt="Shop"></a>',
            "Shop (https://x.example)\n",
        ),
        ('<a href="https://x.example"><img src="l.png"></a>', "https://x.example\n"),
        ('<img alt="">x', "x\n"),
        ("<ul><li>one<li>two</ul>after", "- one\n- two\n\nafter\n"),
        (
            "<table><tr><td>Roses</td><td>2</td></tr><tr><td>Vase</td><td>1</td></tr></table>",
            "Roses 2\nVase 1\n",
        ),
        ("<head><title>T</title></head><body>b</body>", "b\n"),
        ("a<style>p{}</style><script>x()</script><!-- c -->b", "ab\n"),
        ('<div style="display:none">pre <p style="display:none">in</p></div>b', "b\n"),
        ('<div style="color:red; DISPLAY: none;max-height:0">pre</div>b', "b\n"),
        ("<p hidden>pre</p>b", "b\n"),
        ("<!--[if mso]>word<![endif]-->b", "b\n"),
        # what the parser makes of words that the source has not
        ("<table><td>Roses</td></table><table><th>Vase</th></table>b", "Roses\n\nVase\n\nb\n"),
        ('<div style="&#100;isplay:none">pre</div>b', "b\n"),
        ('<image alt="Shop">b', "Shopb\n"),
        # what begins in one line and ends in the next
        ("a<p\n>b</p\n>c<br\n>d", "a\n\nb\n\nc\nd\n"),
        ("<P\nHIDDEN\n>pre</P>b<STYLE\n>p{}</STYLE>", "b\n"),
    ],
)
def test_html_to_text(html: str, text: str) -> None:
    assert html_to_text(html) == text


@given(st.text(max_size=100) | st.text("<>/abpdivtrl !-='\"&;\n", max_size=100))
def test_any_text_becomes_tidy_text(html: str) -> None:
    text = html_to_text(html)
    assert text == "" or (text.endswith("\n") and not text[:-1].endswith("\n"))
    assert "\n\n\n" not in text
    assert not any(line != line.strip(" ") for line in text.split("\n"))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    [
        "<div>",
        "<p>",
        "<li>",
        "<br>",
        "<table><tr><td>",
        "<a href=http://x>",
        "<b><p>",
        "<!--",
        "<",
        "&",
        "<div style='display:none'>",
        " ",
        "\u200d",
        "\n",
        "<a ",
        "</p>",
        "<style>",
        "\ue000 ",
        "<br",
    ],
)
def test_hostile_html_is_read_in_time(piece: str) -> None:
    html_to_text("x" + piece * (500_000 // len(piece)))


def test_nesting_beyond_any_mail_still_gives_its_words() -> None:
    html = "<div>" * 5_000 + "deep &amp; far" + "</div>" * 5_000
    assert html_to_text(html) == "deep & far\n"
