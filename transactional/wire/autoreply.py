"""The only place that tells a program's answer from a bounce or a person's (RFC 3834, RFC 8098)."""

import re
from collections.abc import Mapping, Sequence

from transactional.wire.encoded_word import decode_words
from transactional.wire.header import RawHeader, unfold

_MARKS = frozenset(
    {
        "x-autoreply",
        "x-autorespond",
        "x-autoresponder",
        "x-autoreply-from",
        "x-auto-reply-from",
        "x-vacation",
        "x-mail-autoreply",
        "auto-reply",
    }
)
_PRECEDENCE = frozenset({"auto_reply", "auto-reply", "autoreply"})
_SUBJECT = re.compile(
    r"^\s*(?:auto(?:matic)?[ \-]?(?:reply|response|responder|answer)|autoreply|out of (?:the )?office|ooo\b|away from|on (?:vacation|holiday|leave)"
    r"|vacation|i am (?:away|out)|risposta automatica|fuori (?:sede|ufficio)|assenza|assente|in ferie|messaggio automatico"
    r"|automatische antwort|abwesen|réponse automatique|absence|absent|respuesta autom|fuera de (?:la )?oficina|resposta autom|自動返信|自动回复)",
    re.I,
)
_TEXT = re.compile(
    r"out of (?:the )?office|on (?:annual |maternity |parental |sick )?(?:vacation|holiday|leave)|i(?:'m| am| will be)\s+(?:currently\s+)?(?:away|out|on holiday|travelling|traveling)"
    r"|limited access to (?:my )?e-?mail|will (?:reply|respond|answer|get back to you) (?:when|upon|on|after|as soon)|automatic (?:reply|response)|auto-?(?:reply|responder)"
    r"|sono (?:attualmente )?(?:assente|in ferie|fuori (?:sede|ufficio))|sarò (?:assente|in ferie|fuori)|rientrerò|al mio rientro|risposta automatica|messaggio (?:è )?(?:stato )?(?:generato )?automatic"
    r"|ich bin (?:derzeit |zur ?zeit )?(?:abwesend|nicht im büro|im urlaub)|je suis (?:actuellement )?(?:absent|en congé)|estoy (?:de vacaciones|fuera)|estou de férias",
    re.I,
)


def is_automatic(
    headers: Sequence[RawHeader], media_type: str, parameters: Mapping[str, str]
) -> bool:
    """Whether the header says so: RFC 3834 §5, what programs wrote before it, read receipts."""
    for header in headers:
        name = header.name.lower()
        if name in _MARKS:
            return True
        if name == "auto-submitted":
            said = _text(header).lower()
            if said and said.partition(";")[0].strip() != "no":
                return True
        elif name == "precedence" and _text(header).lower() in _PRECEDENCE:
            return True
    kind = parameters.get("report-type", "").lower()
    return media_type == "multipart/report" and kind == "disposition-notification"


def is_vacation_text(headers: Sequence[RawHeader], text: str) -> bool:
    """Whether subject or words are those of somebody who is away."""
    for header in headers:
        if header.name.lower() == "subject" and _SUBJECT.search(decode_words(_text(header))):
            return True
    return _TEXT.search(text) is not None


def _text(header: RawHeader) -> str:
    return unfold(header.value).decode("utf-8", "replace").strip()[:998]
