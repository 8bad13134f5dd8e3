"""The link scanner: http(s) links of real markup change, and not one other character."""

import html as stdlib_html
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from transactional.wire.html import links, rewrite_links


def numbered(url: str, index: int) -> str:
    return f"https://t.example/{index}?a&b"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<a href="http://x">', '<a href="https://t.example/0?a&amp;b">'),
        ("<a href='http://x'>", "<a href='https://t.example/0?a&amp;b'>"),
        ("<a href=http://x>", '<a href="https://t.example/0?a&amp;b">'),
        ("<a href=http://x/>", '<a href="https://t.example/0?a&amp;b">'),
        ("<A\n\tHREF = HTTPS://x >", '<A\n\tHREF = "https://t.example/0?a&amp;b" >'),
        ("<a/href='http://x'/>", "<a/href='https://t.example/0?a&amp;b'/>"),
        ('<a href=" http://x ">', '<a href="https://t.example/0?a&amp;b">'),
        ('<area href="http://x">', '<area href="https://t.example/0?a&amp;b">'),
        (
            '<a title=" href=http://no" href="http://x">',
            '<a title=" href=http://no" href="https://t.example/0?a&amp;b">',
        ),
        (
            '<a href="http://x" href="http://second">',
            '<a href="https://t.example/0?a&amp;b" href="http://second">',
        ),
        (
            "<a data-href='http://no' x href='http://x'>",
            "<a data-href='http://no' x href='https://t.example/0?a&amp;b'>",
        ),
        ("<a =href href='http://x'>", "<a =href href='https://t.example/0?a&amp;b'>"),
        ('<a href="ht&#116;p://x">', '<a href="https://t.example/0?a&amp;b">'),
        (
            "<!--[if !mso]><!--><a href='http://x'><!--<![endif]-->",
            "<!--[if !mso]><!--><a href='https://t.example/0?a&amp;b'><!--<![endif]-->",
        ),
        ("<![if !mso]><a href='http://x'>", "<![if !mso]><a href='https://t.example/0?a&amp;b'>"),
        ("<!---><a href='http://x'>", "<!---><a href='https://t.example/0?a&amp;b'>"),
        ("<!-- a --!><a href='http://x'>", "<!-- a --!><a href='https://t.example/0?a&amp;b'>"),
        ("1 < 2 <a href='http://x'>", "1 < 2 <a href='https://t.example/0?a&amp;b'>"),
        (
            "<style>a</style><a href='http://x'>",
            "<style>a</style><a href='https://t.example/0?a&amp;b'>",
        ),
        (
            "</p title='>'><a href='http://x'>",
            "</p title='>'><a href='https://t.example/0?a&amp;b'>",
        ),
    ],
)
def test_rewrites(before: str, after: str) -> None:
    assert rewrite_links(before, numbered) == after


@pytest.mark.parametrize(
    "markup",
    [
        "",
        "http://x",
        "<a>",
        "<a href>",
        "<a href=>",
        '<a href="">',
        '<a href="mailto:a@x.example">',
        '<a href="tel:+1">',
        '<a href="#top">',
        '<a href="//x.example">',
        '<a href="cid:logo">',
        '<a href="data:text/html,x">',
        '<a href="javascript:alert(1)">',
        '<a href="https:evil">',
        '<a href="{{ url }}">',
        '<a href name="x" href="http://second">',
        '<a href="/local" href="http://second">',
        '<a href="http://x" data-no-track>',
        '<a DATA-NO-TRACK="1" href="http://x">',
        '<link href="http://x">',
        '<base href="http://x">',
        '<v:roundrect href="http://x">',
        '<abbr href="http://x">',
        '<a\u00a0href="http://x">',
        '<img src="http://x">',
        '<a data-href="http://x">',
        '<td title="<a href=http://x>">',
        "<!-- <a href='http://x'> -->",
        "<!--[if mso]><a href='http://x'><![endif]-->",
        "<!-- never closed <a href='http://x'>",
        "<! <a href='http://x'",
        "<? <a href=http://x ?>",
        "</ <a href=http://x>",
        "<style><a href='http://x'></style>",
        "<script>'<a href=http://x>'</script>",
        "<title><a href='http://x'></title>",
        "<textarea><a href='http://x'></TEXTAREA >",
        "<style></styles><a href='http://x'>",
        "<plaintext><a href='http://x'>",
        "<a href='http://x'",
        '<a href="http://x>text</a>',
    ],
)
def test_leaves_alone(markup: str) -> None:
    assert rewrite_links(markup, numbered) == markup
    assert links(markup) == []


def test_none_leaves_the_link_and_the_index_counts_it() -> None:
    seen: list[tuple[str, int]] = []

    def choose(url: str, index: int) -> str | None:
        seen.append((url, index))
        return None if index == 0 else "https://t.example/"

    markup = "<a href=http://a><a href=mailto:x><a href='http://b'>"
    assert rewrite_links(markup, choose) == (
        "<a href=http://a><a href=mailto:x><a href='https://t.example/'>"
    )
    assert seen == [("http://a", 0), ("http://b", 1)]


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("http://x/?a=1&amp;b=2", "http://x/?a=1&b=2"),
        ("http://x/?a=1&b=2", "http://x/?a=1&b=2"),
        ("http://x/?a&copy=1", "http://x/?a&copy=1"),
        ("http://x/?a&copy", "http://x/?a©"),
        ("http://x/?a&copy;=1", "http://x/?a©=1"),
        ("http://x/?a&copyright=1", "http://x/?a&copyright=1"),
        ("http://x/?a&notit;", "http://x/?a&notit;"),
        ("http://x/?a&ampb", "http://x/?a&ampb"),
        ("http://x/&#x41;&#65;&#65x", "http://x/AAAx"),
        ("http://x/&#0;&#xD800;&#x110000;", "http://x/\ufffd\ufffd\ufffd"),
        ("http://x/&#" + "9" * 5000 + ";", "http://x/\ufffd"),
        ("http://x/&#128;", "http://x/€"),
        ("http://x/&#;&#x;&;", "http://x/&#;&#x;&;"),
        ("http://x/a\n b\tc", "http://x/a bc"),
        ("http://münchen.example/ü", "http://münchen.example/ü"),
    ],
)
def test_url_is_what_a_browser_would_open(value: str, url: str) -> None:
    assert links(f'<a href="{value}">') == [url]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<body>x</body></html>", "<body>x[P]</body></html>"),
        ("<body>x</BODY ></html>", "<body>x[P]</BODY ></html>"),
        ("<p></body>x</body>", "<p></body>x[P]</body>"),
        ("x</html>", "x[P]</html>"),
        ("x", "x[P]"),
        ("", "[P]"),
        ("x</body><!-- </body> -->", "x[P]</body><!-- </body> -->"),
        ("x</body><style></body></style>", "x[P]</body><style></body></style>"),
        ("x</body><p title='</body>'>", "x[P]</body><p title='</body>'>"),
        ("x</bodyguard></html>", "x</bodyguard>[P]</html>"),
    ],
)
def test_pixel_stands_once_before_the_end_of_the_body(before: str, after: str) -> None:
    assert rewrite_links(before, None, pixel="[P]") == after


def test_a_link_after_the_body_is_still_rewritten_in_place() -> None:
    markup = "<body>x</body><a href='http://x'>"
    assert rewrite_links(markup, lambda url, index: "u", pixel="[P]") == (
        "<body>x[P]</body><a href='u'>"
    )


class _Oracle(HTMLParser):
    """The standard library's view of the http(s) links."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            values = [value for name, value in attrs if name == "href"]
            if values and values[0] and values[0].startswith("http://"):
                self.found.append(values[0])


PIECES = st.sampled_from(
    [
        "<a href='http://x/%d'>",
        "<p class=x>",
        "</p>",
        "<br/>",
        "text",
        "<!-- c -->",
        '<i title="<a>">',
        "\n",
        "<style>p{}</style>",
        "&amp;",
        "<a name=x>",
        '<a class="b c" href="http://y">',
        "<h1\nid='q'>",
    ]
)


@given(st.lists(PIECES, max_size=20))
def test_agrees_with_the_standard_library_on_sound_markup(pieces: list[str]) -> None:
    markup = "".join(pieces)
    oracle = _Oracle()
    oracle.feed(markup)
    oracle.close()
    assert links(markup) == oracle.found


SPLIT = st.sampled_from(
    (
        *("\n", "<a href='http://x\n/y'", "<a title='", "<area\nhref=http://z", "'>", ">", '"'),
        *("<style>", "</style\n>", "</style", "<!--", "-->", "<!-->", "</body>", "</body\n", "<?"),
    )
)


@given(st.lists(SPLIT | PIECES, max_size=25).map("".join))
def test_markup_may_end_in_another_line_than_it_began(markup: str) -> None:
    # for HTML a CR is as white as LF; here it ends no line, so all is one
    one_line = markup.replace("\n", "\r")
    assert links(markup) == links(one_line)
    rewritten = rewrite_links(markup, numbered, pixel="[P]")
    assert rewritten.replace("\n", "\r") == rewrite_links(one_line, numbered, pixel="[P]")


@given(st.text("<>a/!-=\"' hrefHREFtp:&;#x\n", max_size=120) | st.text(max_size=60))
def test_unchanged_when_the_callback_declines(markup: str) -> None:
    assert rewrite_links(markup, lambda url, index: None) == markup


@given(st.lists(PIECES | st.text("<>a/!-=\"' \n", max_size=8), max_size=15), st.text(max_size=20))
def test_every_link_leads_to_the_given_target(pieces: list[str], target: str) -> None:
    target = "http://t/" + "".join(target.split())
    markup = "".join(pieces)
    again = links(rewrite_links(markup, lambda url, index: target))
    # a target's own control characters are dropped by whoever opens it
    wanted = links(f'<a href="{stdlib_html.escape(target)}">')
    assert again == wanted * len(links(markup))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    [
        "<a ",
        '<a "',
        "<a href ",
        "<!--",
        "<style",
        "<style>",
        "<a a='",
        "=",
        "<",
        "<b>",
        '<a x="">',
        "</styl",
        "<a href=",
        "<a href='http://x' ",
        "<!",
        "</",
        "<?",
        "&#",
        "<a/",
        "<a b=c ",
        "--!",
        "<!-->",
        "<a href=http://x&amp",
        "</body",
        "</body>",
        "<a\n=\n",
        "<a data-no-track ",
    ],
)
@pytest.mark.parametrize("opening", ["", "<a ", "<style>", "<!-- ", '<a href="http://x?'])
def test_hostile_markup_is_linear(opening: str, piece: str) -> None:
    # 1 MB: a quadratic pass over it takes hours, not seconds
    markup = opening + piece * (1_000_000 // len(piece))
    assert rewrite_links(markup, lambda url, index: None, pixel=None) == markup


BROKEN = st.sampled_from(
    """<a href='http://x/1'>|<a href="http://y/?a&amp;b&copy=1&copy">|<a href=http://z>|<!--|-->|--!>
<!-->|<!--->|<style>|</style>|<title>|</title>|<textarea>|</textarea>|<xmp>|</xmp>|<iframe>|<p title='
<p title="|'|"|>|<|<!|<?|</|</ |/>|=|<a href|<a =|<a href=|<a x='>' href='http://q' href=http://w>| |
<area href=http://ar>|<b|</p x='>'>|--|-|<![if mso]>|<![endif]-->|text|&lt;|<A\tHREF = 'HTTP://up' />""".replace(
        "\n", "|"
    ).split("|")
)


@given(st.lists(BROKEN, max_size=14).map("".join))
def test_agrees_with_an_html5_parser_on_broken_markup(markup: str) -> None:
    found = LexborHTMLParser(markup).css("a[href],area[href]")
    urls = {(node.attributes["href"] or "").strip(" \n\t").replace("\n", "") for node in found}
    # a set: the parser opens a link again in every block it crosses
    assert set(links(markup)) == {url for url in urls if url.lower().startswith("http://")}
