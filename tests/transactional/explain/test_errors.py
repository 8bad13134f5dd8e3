"""What a try met that got no reply, in words: every error that `wire` can tell, and at what point."""

import re
from pathlib import Path

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from transactional import explain
from transactional.wire.reply import Stage

WIRE = Path(explain.__file__).parents[1] / "wire"


@pytest.mark.parametrize(
    ("stage", "error", "english", "italian"),
    [
        ("connect", "Connection refused", "Nobody takes connections there: it was refused.",
         "Lì nessuno accetta connessioni: è stata rifiutata."),
        ("connect", "no connection in 30 s", "No connection came about within 30 seconds.",
         "Entro 30 secondi non si è stabilita alcuna connessione."),
        ("banner", "connection closed by the peer",
         "The other server closed the connection. We were waiting for its greeting.",
         "L’altro server ha chiuso la connessione. Attendevamo il suo saluto."),
        ("dot", "connection lost: [Errno 104] x", "The connection broke off ([Errno 104] x). The message was at its end.",
         "La connessione si è interrotta ([Errno 104] x). Il messaggio era alla fine."),
        ("starttls", "TLS handshake failed: bad", "The encrypted connection did not come about (bad).",
         "La connessione cifrata non si è stabilita (bad)."),
        ("mail", "lease lost before the copy", "Another worker had taken this message over, so nothing was sent here.",
         "Un altro processo aveva già preso in carico il messaggio, perciò qui non è stato inviato nulla."),
    ],
)  # fmt: skip
def test_an_error_is_told_in_the_reader_s_language(
    stage: str, error: str, english: str, italian: str
) -> None:
    for language, told in (("en", english), ("it", italian)):
        with translation.override(language):
            assert explain.tell_error(stage, error) == told
            assert explain.tell_reply(f"{stage}: {error}") == told


def test_every_error_that_wire_gives_a_try_has_its_words() -> None:
    given = set()
    for name in ("session.py", "client_tls.py", "transaction.py", "reply_stream.py"):
        source = (WIRE / name).read_text()
        given |= set(
            re.findall(
                r'(?:StreamError\(|failed\(|_lose\(|_hang_up\(|fail\(|error=)f?"([^"]+)"',
                source,
            )
        )
    assert len(given) > 8
    for error in given - {"lease lost"}:  # which its outcome tells in full
        shown = re.sub(r"\{[^}]*\}", "7", error)
        assert explain.tell_error(Stage.MAIL, shown), error


@pytest.mark.parametrize(
    "reply", ["250 2.0.0 OK", "550 5.1.1 connect: no", "451 4.7.5 TLS policy: x.", "", "nonsense", "dot: "]
)  # fmt: skip
def test_a_server_s_own_words_stay_its_own(reply: str) -> None:
    assert explain.tell_reply(reply) == ""


@given(st.sampled_from([*map(str, Stage), "?"]), st.text(max_size=300))
def test_nothing_that_is_said_breaks_it(stage: str, error: str) -> None:
    explain.tell_error(stage, error)
    assert explain.tell_error(stage, f"TLS handshake failed: {error}x").endswith(".")
    explain.tell_reply(f"{stage}: {error}")
