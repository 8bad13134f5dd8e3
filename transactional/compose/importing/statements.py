"""A statement of HubL, Jinja, Django or Liquid, or a block of Handlebars, as one of ours."""

import re
from collections.abc import Callable
from html import escape, unescape

from transactional.compose.importing.expressions import Scope, Unknown, convert
from transactional.compose.importing.notes import Level, Notes

KEPT = frozenset(
    {"else", "endif", "endfor", "endset", "endmacro", "endcall", "endfilter", "endwith"}
)
# Dropped without a word: they change nothing of what is shown
SILENT = frozenset(
    {"load", "spaceless", "endspaceless", "autoescape", "endautoescape", "csrf_token"}
)
# Blocks whose content stays, while their tags go
OPENED = frozenset(
    {"block", "endblock", "blocktrans", "endblocktrans", "blocktranslate", "endblocktranslate",
     "localize", "endlocalize", "end_widget_block", "end_module_block", "end_dnd_area",
     "end_dnd_section", "end_dnd_column", "end_dnd_row", "capture", "endcapture",
     "trans_block", "ifchanged", "endifchanged", "plural", "pluralize", "trans"}
)  # fmt: skip
# Modules of HubL that hold content of their own, and which argument it is in
MODULES = {
    "text": "value", "rich_text": "html", "header": "value", "raw_html": "value",
    "email_simple_subscription": "", "email_each": "", "boolean": "",
}  # fmt: skip
CAN_SPAM = (
    "{{ site_settings.company_name }}, {{ site_settings.company_street_address_1 }}, "
    "{{ site_settings.company_zip }} {{ site_settings.company_city }} "
    "{{ site_settings.company_state }} {{ unsubscribe_anchor }}"
)
WEB_PAGE = '<a href="{{ view_as_page_url }}">View in browser</a>'
_ARGUMENT = re.compile(r"(\w+)\s*=\s*(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s,]+)")
_NAMES = re.compile(r"\w+")


def statement(inner: str, line: int, scope: Scope, notes: Notes) -> str:
    """What stands in place of a `{% … %}`; empty where nothing does."""
    word, _, rest = inner.partition(" ")
    rest = rest.strip()
    if word in KEPT:
        return f"{{% {word} %}}"
    if word in SILENT:
        return ""
    try:
        made = _HANDLERS[word](rest, line, scope, notes) if word in _HANDLERS else None
    except Unknown as err:
        notes.add(line, Level.DROPPED, "EXPRESSION", str(err))
        # The block stays balanced: its condition is never true, its list is empty
        return {"if": "{% if false %}", "unless": "{% if false %}", "elif": "{% elif false %}",
                "elseif": "{% elif false %}", "for": "{% for item in [] %}"}.get(word, "")  # fmt: skip
    if made is not None:
        return made
    if word in OPENED:
        if not word.startswith("end"):
            notes.add(line, Level.DROPPED, "TAG_OPENED", inner)
        return ""
    if word in MODULES or word in ("module", "widget_block", "module_block"):
        return _module(word, rest, line, notes)
    if not word.startswith("end"):
        notes.add(line, Level.DROPPED, "TAG", inner)
    return ""


def _if(rest: str, line: int, scope: Scope, notes: Notes) -> str:
    return f"{{% if {convert(rest, line, scope, notes)} %}}"


def _elif(rest: str, line: int, scope: Scope, notes: Notes) -> str:
    return f"{{% elif {convert(rest, line, scope, notes)} %}}"


def _unless(rest: str, line: int, scope: Scope, notes: Notes) -> str:
    notes.add(line, Level.REPLACED, "TAG_NAME", "unless", "if not")
    return f"{{% if not ({convert(rest, line, scope, notes)}) %}}"


def _for(rest: str, line: int, scope: Scope, notes: Notes) -> str:
    targets, _, source = rest.partition(" in ")
    names = _NAMES.findall(targets)
    if not names or not source:
        raise Unknown(rest)
    scope.local |= set(names)
    # Liquid's limits and Django's `reversed` come after the list
    source = re.sub(r"\s+(reversed|limit:\s*\S+|offset:\s*\S+)\b.*$", "", source)
    return f"{{% for {', '.join(names)} in {convert(source, line, scope, notes)} %}}"


def _set(rest: str, line: int, scope: Scope, notes: Notes) -> str:
    name, equals, value = rest.partition("=")
    if not _NAMES.fullmatch(name.strip()):
        raise Unknown(rest)
    scope.local.add(name.strip())
    if not equals:
        return f"{{% set {name.strip()} %}}"
    return f"{{% set {name.strip()} = {convert(value, line, scope, notes)} %}}"


def _macro(rest: str, line: int, scope: Scope, notes: Notes) -> str:
    scope.local |= set(_NAMES.findall(rest))
    return f"{{% macro {rest} %}}"


def _print(rest: str, line: int, scope: Scope, notes: Notes) -> str:
    notes.add(line, Level.REPLACED, "TAG_NAME", "print", "{{ … }}")
    return f"{{{{ {convert(rest, line, scope, notes)} }}}}"


def _cycle(rest: str, line: int, scope: Scope, notes: Notes) -> str:
    notes.add(line, Level.REPLACED, "TAG_NAME", "cycle", "loop.cycle()")
    values = [convert(part, line, scope, notes) for part in re.split(r"[,\s]+(?=['\"\w])", rest)]
    return f"{{{{ loop.cycle({', '.join(values)}) }}}}"


def _trans(rest: str, line: int, scope: Scope, notes: Notes) -> str:
    found = re.match(r"(['\"])(.*?)\1", rest)
    notes.add(line, Level.REPLACED, "TAG_NAME", "trans", found[2] if found else "")
    return escape(found[2], quote=False) if found else ""


def _url(rest: str, line: int, scope: Scope, notes: Notes) -> str:
    notes.add(line, Level.DROPPED, "LINK", rest, "#")
    return "#"


def _can_spam(rest: str, line: int, scope: Scope, notes: Notes) -> str:
    notes.add(
        line, Level.REPLACED, "FOOTER", "email_can_spam", "site_settings.*, unsubscribe_anchor"
    )
    return CAN_SPAM


def _web_page(rest: str, line: int, scope: Scope, notes: Notes) -> str:
    notes.add(line, Level.REPLACED, "TAG_NAME", "email_view_as_web_page", "view_as_page_url")
    return WEB_PAGE


def _image(rest: str, line: int, scope: Scope, notes: Notes) -> str:
    given = _arguments(rest)
    source = given.get("src", "")
    if not source.startswith(("http://", "https://")):
        notes.add(line, Level.DROPPED, "IMAGE", rest)
        return ""
    notes.add(line, Level.REPLACED, "MODULE", "image", source)
    width = f' width="{int(given["width"])}"' if given.get("width", "").isdigit() else ""
    made = f'<img src="{escape(source)}" alt="{escape(given.get("alt", ""))}"{width}>'
    link = given.get("link", "")
    return f'<a href="{escape(link)}">{made}</a>' if link.startswith(("http:", "https:")) else made


def _module(word: str, rest: str, line: int, notes: Notes) -> str:
    """A module of HubL: the content that was written into it stays, the module goes."""
    given = _arguments(rest)
    key = MODULES.get(word, "")
    content = next((given[k] for k in (key, "html", "value", "text", "label") if given.get(k)), "")
    if word in ("widget_block", "module_block"):
        notes.add(line, Level.DROPPED, "TAG_OPENED", f"{word} {rest}")
        return ""
    if not content or key == "":
        notes.add(line, Level.DROPPED, "MODULE", f"{word} {rest}")
        return ""
    notes.add(line, Level.REPLACED, "MODULE", f"{word} {rest}", content)
    return (
        content if key == "html" or word == "raw_html" else escape(unescape(content), quote=False)
    )


def _arguments(rest: str) -> dict[str, str]:
    return {
        key: value[1:-1].replace('\\"', '"').replace("\\'", "'") if value[:1] in "\"'" else value
        for key, value in _ARGUMENT.findall(rest)
    }


Handler = Callable[[str, int, Scope, Notes], str]
_HANDLERS: dict[str, Handler] = {
    "if": _if, "elif": _elif, "elseif": _elif, "elsif": _elif, "unless": _unless, "for": _for,
    "set": _set, "assign": _set, "macro": _macro, "print": _print, "cycle": _cycle,
    "trans": _trans, "translate": _trans, "url": _url, "static": _url, "image": _image,
    "logo": _image, "linked_image": _image, "email_can_spam": _can_spam,
    "email_can_spam_footer": _can_spam, "email_view_as_web_page": _web_page,
    "endunless": lambda *_: "{% endif %}", "endcomment": lambda *_: "",
}  # fmt: skip


def handlebars(inner: str, line: int, scope: Scope, notes: Notes) -> str | None:
    """A block, partial or comment of Handlebars or Mustache; None for an expression."""
    sign, body = inner[0], inner[1:].strip().removesuffix("~").strip()
    if sign == "!":
        return ""
    if sign == ">":
        notes.add(line, Level.DROPPED, "PARTIAL", body)
        return ""
    if sign == "^":
        if not body:
            return "{% else %}"
        return f"{{% if not {_path(body, line, scope, notes)} %}}"
    if sign == "#":
        return _block(body, line, scope, notes)
    if sign == "/":
        if body == "each":
            if scope.loops:
                scope.loops.pop()
            return "{% endfor %}"
        return "{% endif %}"
    return "{% else %}" if inner == "else" else None


def _block(body: str, line: int, scope: Scope, notes: Notes) -> str:
    word, _, rest = body.partition(" ")
    if word == "each":
        source = _path(re.sub(r"\s+as\s+\|.*$", "", rest), line, scope, notes)
        name = f"item{len(scope.loops) + 1}" if scope.loops else "item"
        scope.loops.append(name)
        scope.local.add(name)
        return f"{{% for {name} in {source} %}}"
    if word in ("if", "unless", "with") and rest:
        turn = "not " if word == "unless" else ""
        if word == "with":
            notes.add(line, Level.CHECK, "SECTION", body)
        return f"{{% if {turn}{_path(rest, line, scope, notes)} %}}"
    if rest:
        notes.add(line, Level.DROPPED, "HELPER", body)
        return "{% if true %}"
    notes.add(line, Level.CHECK, "SECTION", body)
    return f"{{% if {_path(word, line, scope, notes)} %}}"


def _path(text: str, line: int, scope: Scope, notes: Notes) -> str:
    """A path of Handlebars: `this.x`, `@index`, `../x`, `@root.x`."""
    path = text.strip().strip("()").strip()
    inside = scope.loops[-1] if scope.loops else ""
    if path.startswith(("../", "@root.")):
        outer = Scope(scope.local, scope.loops[:-1] if path.startswith("../") else [])
        return _path(path.removeprefix("../").removeprefix("@root."), line, outer, notes)
    if path in ("this", ".") and inside:
        return inside
    if path.startswith("this.") and inside:
        return f"{inside}{path[4:]}"
    if path in ("@index", "@first", "@last"):
        return f"loop.{path[1:].replace('index', 'index0')}"
    if not re.fullmatch(r"[\w.]+", path) or path[0].isdigit():
        raise Unknown(text)
    return convert(path, line, scope, notes)


def handlebars_expression(inner: str, line: int, scope: Scope, notes: Notes) -> str:
    """`{{ path }}` of Handlebars. Raises Unknown for helpers."""
    return _path(inner.removeprefix("&"), line, scope, notes)
