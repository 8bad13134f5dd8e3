"""Refusals in the reader's language: no sentence of the pipeline is English alone."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from transactional.submission import policy
from transactional.views.refusal_sentences_table import REMEDIES, SENTENCES
from transactional.views.refusal_words import remedy, told

ROOT = Path(settings.BASE_DIR)
SOURCES = (
    "submission/policy.py",
    "submission/prepare.py",
    "submission/accept.py",
    "compose/render.py",
)
# What a person never reads on a page: a reply over SMTP, or words that another sentence carries
ELSEWHERE = {"{text}: {err}", "{err}", "{address.spec} is suppressed: {why}."}
WITHHELD = "{asked.to.spec} {_WITHHELD[code]}."  # one of several


def said() -> list[str]:
    """Every literal sentence of a Refusal, its data as «data»."""
    found = []
    for name in SOURCES:
        for node in ast.walk(ast.parse((ROOT / "transactional" / name).read_text())):
            if not isinstance(node, ast.Call) or len(node.args) < 2:
                continue
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if called in ("Refusal", "_fault") and (text := _literal(node.args[1])):
                found.append(text)
    found.remove(WITHHELD)
    return found + [f"{{asked.to.spec}} {words}." for words in policy._WITHHELD.values()]


def _literal(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [
            v.value if isinstance(v, ast.Constant) else "{" + ast.unparse(v.value) + "}"
            for v in node.values
            if isinstance(v, ast.Constant | ast.FormattedValue)
        ]
        return "".join(str(part) for part in parts)
    return ""


def test_every_sentence_of_the_pipeline_is_in_the_table() -> None:
    with translation.override("it"):
        english = [
            one
            for one in said()
            if one not in ELSEWHERE
            and told(re.sub(r"\{[^}]*\}", "X1", one)) == re.sub(r"\{[^}]*\}", "X1", one)
        ]
    assert english == []


@pytest.mark.parametrize("sentence", SENTENCES)
def test_each_sentence_is_found_again_and_keeps_its_data(sentence: str) -> None:
    names = re.findall(r"%\((\w+)\)s", sentence)
    values = {name: f"<{name}@x>" for name in names}
    message = sentence % values if names else sentence
    with translation.override("en"):
        assert told(message) == message
    with translation.override("it"):
        italian = told(message)
    assert italian != message
    assert all(value in italian for value in values.values())


def test_a_reason_of_another_core_is_told_too() -> None:
    with translation.override("it"):
        said = told("No dedicated IP of this account is ready: 192.0.2.1 is paused.")
    assert said.endswith("192.0.2.1 è in pausa.")


def test_what_is_not_known_stays() -> None:
    assert told("Something else.") == "Something else."
    assert remedy("NOPE") == "" and set(REMEDIES)
