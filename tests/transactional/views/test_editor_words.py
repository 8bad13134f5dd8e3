"""The editor's scripts and the words they are given agree: none is missing, none is left over."""

import re
from pathlib import Path

from transactional.views.editor_words import words

SCRIPTS = Path(__file__).parents[3] / "static" / "js" / "editor"
# t("key"), also as one of two: t(a ? "key" : "other"); and t(`prefix.${name}`)
CALL = re.compile(r"\bt\(((?:[^()`]|\([^()]*\))*)")
WHOLE = re.compile(r'"([a-z]\w*(?:\.[\w:]+)+)"')
PREFIX = re.compile(r"\bt\(`([a-z]\w*\.(?:no_)?(?:\w+\.)?)\$\{")


def test_every_phrase_that_is_said_has_words() -> None:
    source = "\n".join(path.read_text() for path in sorted(SCRIPTS.glob("*.js")))
    given = words()
    said = {key for call in CALL.findall(source) for key in WHOLE.findall(call)}
    assert len(said) > 90
    for key in said:
        assert key in given or f"{key}.one" in given, key
    beginnings = PREFIX.findall(source)
    assert beginnings
    for beginning in beginnings:
        assert any(key.startswith(beginning) for key in given), beginning


def test_no_words_are_left_over() -> None:
    source = "\n".join(path.read_text() for path in sorted(SCRIPTS.glob("*.js")))
    mentioned = set(WHOLE.findall(source)) | {"size"}
    beginnings = tuple(PREFIX.findall(source))
    for key in words():
        known = key.removesuffix(".one").removesuffix(".other")
        assert known in mentioned or key.startswith(beginnings), key
