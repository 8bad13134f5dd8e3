"""Findings are told in the reader's language, from code and parameters."""

import re
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.test import Client
from django.utils import translation

from domains.diagnose.spf import PROBLEMS
from domains.findings import Finding, sentence_of
from domains.models import Domain
from domains.sentences_table import SENTENCES, tell
from tests.cast import Cast
from tokens.models import User

SignedIn = Callable[[User], Client]
FINDING = Finding("dmarc", "_dmarc.a.test", "ok", "inherited", {"above": "_dmarc.test"})


def test_a_row_keeps_no_words() -> None:
    stored = FINDING.stored()
    assert stored["code"] == "inherited" and stored["params"] == {"above": "_dmarc.test"}
    assert "policy" not in str(stored)
    assert (
        sentence_of(stored) == FINDING.sentence == "The policy of _dmarc.test covers this domain."
    )


def test_each_reader_has_their_own_words(cast: Cast, signed_in: SignedIn) -> None:
    domain = Domain.objects.of(cast.account).get()
    host = f"_dmarc.{domain.name}"
    finding = Finding("dmarc", host, "wrong", "two_dmarc", found=("v=DMARC1", "v=DMARC1; p=none"))
    Domain.objects.of(cast.account).update(findings=[finding.stored()])
    client = signed_in(cast.alice)
    page = f"/a/{cast.account.pk}/domains/{domain.pk}/"
    with translation.override("en"):  # a page's language lasts longer than its test
        english = client.get(page).content.decode()
        italian = client.get(page, headers={"accept-language": "it"}).content.decode()
    assert "There are several DMARC records" in english
    assert "Ci sono più record DMARC" in italian


def test_every_sentence_is_told_in_italian_with_its_values() -> None:
    for code, text in SENTENCES.items():
        names = re.findall(r"%\((\w+)\)s", str(text))
        params = {name: f"<{name}>" for name in names}
        with translation.override("it"):
            told = tell(code, params)
        assert told != tell(code, params), code
        assert all(value in told for value in params.values()), code


def test_a_row_of_another_version_is_no_error() -> None:
    assert sentence_of({"code": "inherited"}) == "The policy of  covers this domain."
    assert sentence_of({"code": "unheard_of", "host": "a.test", "params": {}}) == ""


def test_every_code_that_can_be_found_has_a_sentence() -> None:
    folder = Path(settings.BASE_DIR) / "domains"
    files = [*(folder / "diagnose").glob("*.py"), folder / "checks.py", folder / "source_checks.py"]
    text = "\n".join(file.read_text() for file in files)
    codes = set(re.findall(r'(?:WRONG|MISSING|UNKNOWN), "(\w+)"', text))
    codes |= {code for _, code in PROBLEMS}
    assert len(codes) > 40
    assert codes - set(SENTENCES) == set()


def test_the_documentation_has_every_sentence() -> None:
    page = (Path(settings.BASE_DIR) / "docs" / "domains.md").read_text()
    for code, text in SENTENCES.items():
        told = re.sub(r"%\((\w+)\)s", r"*\1*", str(text))
        assert f"| `{code}` | {told} |" in page, code
