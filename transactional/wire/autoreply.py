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
    r"|automatische antwort|abwesen|réponse automatique|absence|absent|respuesta autom|fuera de (?:la )?oficina|resposta autom|fora do escrit"
    r"|automatisch antwoord|afwezig|niet op kantoor|autosvar|automatiskt svar|frånvaro|fravær|ikke til ?stede|automaattinen|poissa\b"
    r"|nieobecn|poza biurem|automatyczna odpowied|mimo kancel|automatická odpov|automatikus v|házon kívül|otomatik yan|ofis dışı"
    r"|răspuns automat|automatinis ats|atostog|atva[lļ]in[aā]jum|(?:\S+ ){0,4}automatiska atbilde|puhkus|автоответ|автоматическ\w+ ответ"
    r"|в отпуске|вне офиса|thank(?:s| you) for (?:contacting|your (?:e-?mail|message|enquiry|inquiry))"
    r"|自動返信|自動応答|自动(?:回复|答复)|自動回覆|外出|休假|不在|부재중|자동 ?(?:회신|응답))",
    re.I,
)
# This and the next read lower case: to search without re.I takes an eighth of the time
_TEXT = re.compile(
    r"out of (?:the )?office|on (?:annual |maternity |parental |sick )?(?:vacation|holiday|leave)|i(?:'m| am| will be)\s+(?:currently\s+)?(?:away|out|on holiday|travelling|traveling)"
    r"|limited access to (?:my )?e-?mail|(?:will|shall|i'll) (?:endeavou?r to |try to )?(?:reply|respond|answer|get back to you|be in touch) (?:when|upon|on|after|as soon)|automatic (?:reply|response)|auto-?(?:reply|responder)"
    r"|sono (?:attualmente )?(?:assente|in ferie|fuori (?:sede|ufficio))|sarò (?:assente|in ferie|fuori)|rientrerò|al mio rientro|risposta automatica|messaggio (?:è )?(?:stato )?(?:generato )?automatic"
    r"|ich bin (?:derzeit |zur ?zeit )?(?:abwesend|nicht im büro|im urlaub)|je suis (?:actuellement )?(?:absent|en congé)|estoy (?:de vacaciones|fuera)|estou de férias",
)


# A mailbox that lets in only those who prove to be people: nothing has failed yet
_CHALLENGE = re.compile(
    r"(?:has been |was |is |are )(?:waitlisted|quarantined until|held (?:until|pending|for) (?:you|your|confirm|verif|approv))"
    r"|to (?:my|his|her|their|the) (?:guest|approved senders?|allowed senders?|white|safe senders?) ?list"
    r"|(?:click|follow|use|visit) (?:on )?(?:the |this )?(?:link|url|address|site)s? (?:below )?(?:\S+ )?(?:to|and) (?:be added|verify|confirm|prove|authenticate|release|get your (?:message|e-?mail))"
    r"|(?:reply|respond) to this (?:message|e-?mail) (?:to|and|so|in order to) (?:\S+ ){0,3}(?:confirm|verif|authenticat|deliver|release|approv)"
    r"|release your (?:message|e-?mail|mail)|senders? (?:that )?(?:i|we) have (?:approved|authori[sz]ed)|to do this again|so (?:that )?i can receive your"
    r"|verify yourself|verification (?:request|required)|verify your (?:message|identity|address|e-?mail)|only accepts? (?:e-?mail|mail|messages) from (?:people|senders|persons) (?:who|that|whom|on|i|we)\b"
    r"|one[- ]time (?:confirmation|verification|authentication)|challenge[/-]response|prove (?:that )?you(?: are|'re) (?:a |not a )?(?:human|person|real|spam|robot)",
)


def is_challenge(text: str) -> bool:
    """Whether a mailbox asks its sender to prove who he is before it lets the mail in."""
    return _CHALLENGE.search(" ".join(text.lower().split())) is not None


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
    return _TEXT.search(text.lower()) is not None


def _text(header: RawHeader) -> str:
    return unfold(header.value).decode("utf-8", "replace").strip()[:998]
