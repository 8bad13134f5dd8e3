"""Rich text: what passes the allow-list, what does not, and that nothing else ever comes out."""

import re
from html import escape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from transactional.compose.document.richtext import RichTextRefused, compile_rich, plain, sanitise
from transactional.compose.document.voice import Voice

_ALLOWED = re.compile(
    r"(?:[^<>]|</?(?:p|strong|em|u|s|ul|ol|li)>|<br>|</(?:a|span)>|"
    r'<a href="[^"<>]*"(?: data-no-track="")?>|<span data-var="[^"<>]*">)*'
)
HOSTILE = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>",
    "<svg><style><img src=x onerror=alert(1)>", "<math><mtext></p><script>1</script>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>", "<template><b>x</template>",
    "<p onclick=alert(1) style='background:url(javascript:1)'>x</p>", "<a name=x>y</a>",
    "<iframe srcdoc='<script>1</script>'></iframe>", "<!--><img src=x onerror=1>-->", "<base href=//x>",
    "<form action=//x><input name=a>", "<p>a<p>b", "</p></div></body></html><script>1</script>",
    "<table><tr><td><a href='https://x.example'>x", "<style>@import '//x'</style>",
    "<plaintext>x</p>", "<xmp><script>1</script></xmp>", "<![CDATA[<script>1</script>]]>",
)  # fmt: skip


@pytest.mark.parametrize(
    ("html", "kept"),
    [
        ("<p>a <b>b</b> <i>c</i> <del>d</del> <u>u</u></p>", "<p>a <strong>b</strong> <em>c</em> <s>d</s> <u>u</u></p>"),
        ("a<br/>b & c < d", "a<br>b &amp; c &lt; d"),
        ("<ul><li><p>one</p></li></ul>", "<ul><li><p>one</p></li></ul>"),
        ("<h1>big</h1><div>in a box</div>", "bigin a box"),
        ('<a href=" https://x.example/?a=1&amp;b=2 " target=_blank onclick=x>y</a>', '<a href="https://x.example/?a=1&amp;b=2">y</a>'),
        ('<span data-var="custom.a|default(&quot;x&quot;)">old</span>', '<span data-var="custom.a|default(&quot;x&quot;)">custom.a|default(&quot;x&quot;)</span>'),
        ('<a href="https://x.example" data-no-track>y</a>', '<a href="https://x.example" data-no-track="">y</a>'),
        ("typed {{ custom.a }} out", 'typed <span data-var="custom.a">custom.a</span> out'),
        ("half {{ typed", "half {{ typed"),
        ("<span style='color:red'>x</span>", "x"),
    ],
)  # fmt: skip
def test_what_is_kept(html: str, kept: str) -> None:
    assert sanitise(html) == kept
    assert sanitise(kept) == kept


@pytest.mark.parametrize(
    "href",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", "jav&#x09;ascript:alert(1)", " javascript:1",
        "&#1;javascript:1", "java\nscript:1", "data:text/html,x", "vbscript:x", "file:///etc/passwd",
        "blob:x", "javascript&colon;alert(1)", "{{ 7*7 }}", "{% x %}", "intent:x", "cid:x",
    ],
)  # fmt: skip
def test_links_that_run_or_hold_something_are_refused(href: str) -> None:
    with pytest.raises(RichTextRefused):
        sanitise(f'<p><a href="{href}">x</a></p>')


_MARKED = '<a href="https://x.example" data-no-track="">y</a>'


@pytest.mark.parametrize(
    "mark",
    [
        "data-no-track", "DATA-No-Track", 'data-no-track="false"', "data-no-track='\"><script>1</script>'",
        "data-no-track=x onclick=alert(1)", 'data-no-track="{{ 7*7 }}"', 'data-no-track="&quot; onclick=&quot;x"',
        "data-no-track data-no-track=2", "data-no-track=javascript:alert(1) data-track=1", "data-no-track/onclick=x",
    ],
)  # fmt: skip
def test_a_link_keeps_that_it_is_not_counted_and_no_value(mark: str) -> None:
    assert sanitise(f'<a href="https://x.example" {mark}>y</a>') == _MARKED
    assert sanitise(f'<a {mark} href="https://x.example">y</a>') == _MARKED


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://x.example" data-no-tracks>y</a>', '<a href="https://x.example" no-track>y</a>',
        '<a href="https://x.example" title="data-no-track">y</a>', "<a data-no-track>y</a>",
        '<a href="" data-no-track>y</a>', "<p data-no-track>y</p>", "<b data-no-track>y</b>",
        '<span data-var="custom.a" data-no-track>y</span>', "<ul data-no-track><li data-no-track>y</li></ul>",
        "y &lt;a data-no-track&gt;",
    ],
)  # fmt: skip
def test_nothing_else_keeps_the_mark(html: str) -> None:
    assert "data-no-track" not in re.sub(r"&lt;.*?&gt;", "", sanitise(html))


@given(st.text(max_size=60))
def test_whatever_the_marks_value_is_none_of_it_is_kept(value: str) -> None:
    assert sanitise(f'<a href="https://x.example" data-no-track="{escape(value)}">y</a>') == _MARKED


@pytest.mark.parametrize("source", ["7*7", "custom.a|safe", "", "config", "custom.a }}{% x %}"])
def test_chips_that_are_no_variables_are_refused(source: str) -> None:
    with pytest.raises(RichTextRefused):
        sanitise(f'<span data-var="{source}">x</span>')


@pytest.mark.parametrize("html", HOSTILE)
def test_hostile_markup_loses_what_is_hostile(html: str) -> None:
    kept = sanitise(html)
    assert _ALLOWED.fullmatch(kept), kept
    assert "onerror" not in kept.replace("&lt;", "<").split("<a")[0] or "<img" not in kept


@given(st.text(alphabet="<>/\"'= abpi!-&;{}%sulo\n\0", max_size=120))
@example("<p" * 50)
def test_only_what_is_allowed_ever_comes_out(html: str) -> None:
    try:
        kept = sanitise(html)
    except RichTextRefused:
        return
    assert _ALLOWED.fullmatch(kept), kept
    assert sanitise(kept) == kept
    written = compile_rich(kept, Voice(), names=frozenset(), link="#000000")
    assert not re.search(r"\{[%#]", written)


def test_deep_nesting_keeps_the_words_alone() -> None:
    kept = sanitise("<b>" * 5_000 + "deep" + "</b>" * 5_000)
    assert "deep" in kept and kept.count("<strong>") <= 20
    assert kept.count("<strong>") == kept.count("</strong>")


def test_a_text_too_long_is_refused() -> None:
    with pytest.raises(RichTextRefused):
        sanitise("x" * 50_001)


def test_one_line_keeps_no_paragraphs() -> None:
    assert sanitise("<p>a <b>b</b></p><ul><li>c</li></ul>", inline=True) == "a <strong>b</strong>c"


def test_the_words_alone() -> None:
    assert (
        plain("<p>a<b>b</b></p><p>{{ item.x }}</p>", names=frozenset({"item"})) == "ab {{ item.x }}"
    )
