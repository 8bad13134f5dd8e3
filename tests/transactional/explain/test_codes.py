"""Every code that a deciding module can take has a sentence of its own, and no sentence names a code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.utils import translation

from domains.sites import NAMES
from transactional import mailable
from transactional.egress import tls
from transactional.egress.cell import OWN_CODES
from transactional.egress.waits import SENTENCES as WAITS
from transactional.egress.waits import tell_wait
from transactional.explain import Step
from transactional.explain.sentences_table import SENTENCES
from transactional.explain.tell import Other
from transactional.explain.values import VALUES
from transactional.models import SuppressionReason
from transactional.submission import policy
from transactional.submission.editions_table import EDITION, EDITIONS
from transactional.wire.reply import ReplyClass
from transactional.wire.tls_report import RESULT_TYPES

ROOT = Path(django_settings.BASE_DIR)
# What makes a decision: its name in the code → the step it belongs to, and where its code stands
MAKERS = {
    "Choice": ("source", 1),
    "Passed": ("passed", 1),
    "Closed": ("passed", 0),
    "TlsRule": ("tls", 1),
    "Route": ("route", 4),
}
# Not of the story: a route that was never found, a place in a room of this worker, an operator's rule;
# why mail goes round by the smarthost, which no single IP is told with
ELSEWHERE = {
    ("passed", "site_busy"),
    ("passed", "first_tries"),
    ("passed", "lookups"),
    ("passed", "no_budget"),
    ("passed", "no_source"),
    ("passed", "tls_policy"),
}
RAW = re.compile(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b|\b[A-Z]+_[A-Z_]+\b")


def _constants(node: ast.AST) -> Iterator[str]:
    """The strings that an expression can be: itself, or either side of a condition."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _constants(node.body)
        yield from _constants(node.orelse)
    elif isinstance(node, ast.JoinedStr) and "rule_" in ast.unparse(node):
        yield from ("rule_suspend", "rule_connections", "rule_rate")


def _named_code(tree: ast.AST) -> set[str]:
    """What the module assigns to a variable named `code`."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(
            isinstance(one, ast.Name) and one.id == "code" for one in node.targets
        ):
            found.update(_constants(node.value))
    return found


def _of_call(node: ast.Call, named: set[str]) -> Iterator[tuple[str, str]]:
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    keyword = next((one.value for one in node.keywords if one.arg == "code"), None)
    if name in ("note", "Decision") and len(node.args) >= 2:
        steps, code = list(_constants(node.args[0])), node.args[1]
    elif name in MAKERS:
        step, place = MAKERS[name]
        given = keyword or (node.args[place] if len(node.args) > place else None)
        if given is None:
            return
        steps, code = [step], given
    else:
        return
    found = named if isinstance(code, ast.Name) and code.id == "code" else set(_constants(code))
    for step in steps:
        yield from ((step, one) for one in found if one)


def known() -> set[tuple[str, str]]:
    """Every step and code written out in the modules that decide, and in the enums they take them from."""
    found: set[tuple[str, str]] = set()
    for path in [*(ROOT / "transactional").rglob("*.py"), *(ROOT / "domains").glob("*.py")]:
        if "migrations" in path.parts:
            continue
        tree = ast.parse(path.read_text())
        named = _named_code(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                found.update(_of_call(node, named))
    checks = {name for names in EDITIONS.values() for name in names} | {"not_noted"}
    found |= {("policy", name) for name in checks - {policy.marketing_obeys_consent.__name__}}
    found |= {("retry", str(kind)) for kind in ReplyClass} | {("retry", "connection")}
    found |= {("passed", code) for code in OWN_CODES}
    return found - ELSEWHERE


def test_the_walk_finds_the_codes_of_every_module() -> None:
    found = known()
    assert {
        ("source", "spilled"), ("source", "weighted"), ("source", "urgent"),
        ("source", "no_source"), ("passed", "not_drawn"), ("passed", "blocklisted"),
        ("passed", "machine_silent"), ("passed", "other_family"), ("tls", "mta_sts_testing"),
        ("tls", "dane_lookup"), ("route", "mx"), ("route", "relay"), ("route", "own_host"),
        ("fallback", "deadline_near"), ("incident", "canary_taken"), ("shaping", "site_down"),
        ("shaping", "rule_suspend"), ("retry", "in_doubt"), ("build", "poison"),
    } <= found  # fmt: skip
    assert len(found) > 70


def test_the_editions_of_the_policy_end_with_the_checks_of_today() -> None:
    """Whoever changes the checks adds an edition: what old messages passed stays told."""
    assert tuple(check.__name__ for check in policy.CHECKS) == EDITIONS[EDITION]
    assert list(EDITIONS) == list(range(1, EDITION + 1))


def test_every_code_has_a_sentence_of_its_own() -> None:
    assert {pair for pair in known() if pair not in SENTENCES} == set()


def test_every_value_that_a_sentence_holds_has_words() -> None:
    shut = {*OWN_CODES, "site_busy", "first_tries", "no_budget", "no_source"}
    assert shut <= set(VALUES["fallback", "because"])
    assert set(RESULT_TYPES) <= set(VALUES["tls", "result"])
    assert {result for _, result in tls._RESULTS} <= set(VALUES["tls", "result"])
    assert {*OWN_CODES, "first_tries", "lookups"} <= set(WAITS)
    assert set(mailable.SUPPRESSED.values()) == set(VALUES["policy", "reason"])
    reasons = set(SuppressionReason.values)
    assert set(policy._SUPPRESSED) == set(mailable.SUPPRESSED) == reasons


def _data() -> Iterator[dict[str, object]]:
    """What decisions hold: each value that has words, and a site's and a provider's key."""
    for (_, name), words in VALUES.items():
        yield from ({name: value} for value in (*words, "microsoft-rate"))
    yield from ({"provider": key, "site": key} for key in NAMES)
    yield {"why": "site_down microsoft"}
    yield {"finding": {"code": "ptr_missing", "host": "192.0.2.1", "params": {}}, "lists": "zen"}


@pytest.mark.parametrize("language", ["en", "it"])
def test_no_sentence_names_a_raw_code(language: str) -> None:
    results = set(RESULT_TYPES)
    with translation.override(language):
        for step, code in known() | set(SENTENCES):
            for data in _data():
                if "why" in data and step != "shaping":
                    continue  # elsewhere it is a sentence already
                one = Other("192.0.2.1", code, data) if step == "passed" else Step(step, code, data)
                said = one.says.replace("microsoft-rate", "")  # the name of a rule, as it was given
                assert said.strip() and not RAW.search(said), (step, code, said)
                assert not any(result in said for result in results), (step, code, said)
                assert not re.search(r"\b(microsoft|google|yahoo|apple)\b", said), (
                    step,
                    code,
                    said,
                )
        for code in WAITS:
            assert not RAW.search(tell_wait(f"{code} microsoft"))


def test_every_sentence_is_told_in_italian_too() -> None:
    sentences = [
        *SENTENCES.values(),
        *WAITS.values(),
        *(w for t in VALUES.values() for w in t.values()),
    ]
    english = [str(one) for one in sentences]
    with translation.override("it"):
        assert [one for one, it in zip(english, sentences, strict=True) if str(it) == one] == []
