"""Why no IP can be used: what the pipeline keeps in English is told in the reader's language."""

import re

import pytest
from django.utils import translation

from domains import why
from domains.sentences_table import SENTENCES, tell


def filled(code: str) -> dict[str, str]:
    with translation.override("en"):
        names = re.findall(r"%\((\w+)\)s", str(SENTENCES[code]))
    return {name: f"<{name}>" for name in names}


@pytest.mark.parametrize("code", SENTENCES)
def test_each_finding_is_found_again_with_its_values(code: str) -> None:
    with translation.override("en"):
        finding = tell(code, filled(code)).rstrip(".")
    kept = f"192.0.2.7 waits for DNS: {finding}; 2001:db8::7 is paused; and 2 more"
    with translation.override("en"):
        assert why.told(kept) == kept
    with translation.override("it"):
        wanted = tell(code, filled(code)).rstrip(".")
        assert why.told(kept) == (
            f"192.0.2.7 attende il DNS: {wanted}; 2001:db8::7 è in pausa; e altri 2"
        )


@pytest.mark.parametrize(
    ("kept", "italian"),
    [
        (why.NONE_CONNECTED, "non ce n’è nessuno: collegane uno in Domini e IP"),
        (why.NOT_HERE, "questa macchina non li ha"),
        (
            "192.0.2.7 is on a, 192.0.2.8 is on b, which does not report",
            "192.0.2.7 è su a, 192.0.2.8 è su b, che non dà segni di vita",
        ),
        ("192.0.2.7 is on a blocklist (SpamCop)", "192.0.2.7 è in una lista di blocco (SpamCop)"),
        (
            "192.0.2.7 has not been checked yet; 192.0.2.8 is ready, but no pool gives it a share",
            "192.0.2.7 non è ancora stato controllato; 192.0.2.8 è pronto, ma nessun pool gli "
            "assegna una quota",
        ),
        ("something else; 100% of it", "something else; 100% of it"),
        ("", ""),
    ],
)
def test_each_sentence_is_told_again(kept: str, italian: str) -> None:
    with translation.override("it"):
        assert why.told(kept) == italian
    with translation.override("en"):
        assert why.told(kept) == kept
