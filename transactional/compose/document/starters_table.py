"""The words and blocks of the starting templates, English and Italian, with their sample data."""

from typing import Any


def _heading(html: str) -> dict[str, Any]:
    return {"type": "heading", "props": {"html": html, "level": 1}}


def _text(html: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "props": {"html": html}, **more}


def _button(label: str, url: str) -> dict[str, Any]:
    return {"type": "button", "props": {"label": label, "url": url, "align": "left"}}


def _summary(*rows: tuple[str, str]) -> dict[str, Any]:
    listed = [{"label": label, "value": value} for label, value in rows]
    return {"type": "summary", "props": {"rows": listed}}


def _items(*columns: tuple[str, str]) -> dict[str, Any]:
    listed = [
        {"label": label, "value": value, "align": "right" if at else "left"}
        for at, (label, value) in enumerate(columns)
    ]
    return {"type": "items", "props": {"path": "custom.items", "columns": listed}}


def _code(value: str) -> dict[str, Any]:
    return {"type": "code", "props": {"value": value}}


def _hello(word: str, friend: str) -> str:
    return f'{word} <span data-var="contact.firstname|default(&quot;{friend}&quot;)">x</span>,'


EN, IT = _hello("Hello", "there"), _hello("Ciao", "a te")
_ORDER = '<span data-var="custom.order_id">x</span>'

STARTERS: dict[str, dict[str, dict[str, Any]]] = {
    "receipt": {
        "en": {
            "subject": "Your order {{ custom.order_id }}",
            "preview": "Thank you: here is what you bought and what you paid.",
            "blocks": [
                _heading("Thank you for your order"),
                _text(f"<p>{EN}</p><p>we have received your order <strong>{_ORDER}</strong>.</p>"),
                _items(
                    ("Item", "{{ item.name }}"),
                    ("Quantity", "{{ item.quantity }}"),
                    ("Price", "{{ item.price }}"),
                ),
                _summary(("Shipping", "{{ custom.shipping }}"), ("Total", "{{ custom.total }}")),
                _text(
                    '<p>Your note: <em><span data-var="custom.note">x</span></em></p>',
                    showIf={"path": "custom.note", "op": "set", "value": None},
                ),
                _button("See your order", "{{ custom.order_url }}"),
            ],
        },
        "it": {
            "subject": "Il tuo ordine {{ custom.order_id }}",
            "preview": "Grazie: ecco che cosa hai comprato e quanto hai pagato.",
            "blocks": [
                _heading("Grazie per il tuo ordine"),
                _text(
                    f"<p>{IT}</p><p>abbiamo ricevuto il tuo ordine <strong>{_ORDER}</strong>.</p>"
                ),
                _items(
                    ("Articolo", "{{ item.name }}"),
                    ("Quantità", "{{ item.quantity }}"),
                    ("Prezzo", "{{ item.price }}"),
                ),
                _summary(("Spedizione", "{{ custom.shipping }}"), ("Totale", "{{ custom.total }}")),
                _text(
                    '<p>La tua nota: <em><span data-var="custom.note">x</span></em></p>',
                    showIf={"path": "custom.note", "op": "set", "value": None},
                ),
                _button("Vedi il tuo ordine", "{{ custom.order_url }}"),
            ],
        },
    },
    "reset": {
        "en": {
            "subject": "Choose a new password",
            "preview": "The link works for one hour. If it was not you, do nothing.",
            "blocks": [
                _heading("Choose a new password"),
                _text(
                    f"<p>{EN}</p><p>somebody, we hope you, asked to change the password of your"
                    " account. The link works once, for one hour.</p>"
                ),
                _button("Choose a new password", "{{ custom.reset_url }}"),
                _text("<p>If it was not you, do nothing: your password stays as it is.</p>"),
            ],
        },
        "it": {
            "subject": "Scegli una nuova password",
            "preview": "Il link vale un’ora. Se non sei stato tu, non fare nulla.",
            "blocks": [
                _heading("Scegli una nuova password"),
                _text(
                    f"<p>{IT}</p><p>qualcuno, speriamo tu, ha chiesto di cambiare la password del"
                    " tuo account. Il link vale una volta sola, per un’ora.</p>"
                ),
                _button("Scegli una nuova password", "{{ custom.reset_url }}"),
                _text("<p>Se non l’hai chiesto tu, non fare nulla: la password resta com’è.</p>"),
            ],
        },
    },
    "code": {
        "en": {
            "subject": "{{ custom.code }} is your code",
            "preview": "It works for ten minutes. Never tell it to anybody.",
            "blocks": [
                _heading("Your code"),
                _text(f"<p>{EN}</p><p>type this code to go on. It works for ten minutes.</p>"),
                _code("{{ custom.code }}"),
                _text(
                    "<p>We never ask for it by phone or by email. Do not tell it to anybody.</p>"
                ),
            ],
        },
        "it": {
            "subject": "{{ custom.code }} è il tuo codice",
            "preview": "Vale dieci minuti. Non dirlo mai a nessuno.",
            "blocks": [
                _heading("Il tuo codice"),
                _text(f"<p>{IT}</p><p>scrivi questo codice per continuare. Vale dieci minuti.</p>"),
                _code("{{ custom.code }}"),
                _text(
                    "<p>Non te lo chiediamo mai per telefono o per email. Non dirlo a nessuno.</p>"
                ),
            ],
        },
    },
    "invite": {
        "en": {
            "subject": "{{ custom.inviter }} invites you to {{ custom.team }}",
            "preview": "Accept the invitation to begin working together.",
            "blocks": [
                _heading('Join <span data-var="custom.team">x</span>'),
                _text(
                    f'<p>{EN}</p><p><strong><span data-var="custom.inviter">x</span></strong>'
                    ' invites you to work together in <span data-var="custom.team">x</span>.</p>'
                ),
                _button("Accept the invitation", "{{ custom.invite_url }}"),
                _text("<p>If you do not know who this is, you can ignore this email.</p>"),
            ],
        },
        "it": {
            "subject": "{{ custom.inviter }} ti invita in {{ custom.team }}",
            "preview": "Accetta l’invito per cominciare a lavorare insieme.",
            "blocks": [
                _heading('Entra in <span data-var="custom.team">x</span>'),
                _text(
                    f'<p>{IT}</p><p><strong><span data-var="custom.inviter">x</span></strong>'
                    ' ti invita a lavorare insieme in <span data-var="custom.team">x</span>.</p>'
                ),
                _button("Accetta l’invito", "{{ custom.invite_url }}"),
                _text("<p>Se non sai chi sia, puoi ignorare questa email.</p>"),
            ],
        },
    },
    "shipping": {
        "en": {
            "subject": "Your order {{ custom.order_id }} is on its way",
            "preview": "Follow your parcel with the tracking number inside.",
            "blocks": [
                _heading("Your order is on its way"),
                _text(f"<p>{EN}</p><p>we have shipped your order <strong>{_ORDER}</strong>.</p>"),
                _summary(
                    ("Carrier", "{{ custom.carrier }}"),
                    ("Tracking number", "{{ custom.tracking_number }}"),
                    ("Expected", "{{ custom.expected }}"),
                ),
                _button("Follow the parcel", "{{ custom.tracking_url }}"),
                _items(("Item", "{{ item.name }}"), ("Quantity", "{{ item.quantity }}")),
            ],
        },
        "it": {
            "subject": "Il tuo ordine {{ custom.order_id }} è in viaggio",
            "preview": "Segui il pacco con il numero di spedizione che trovi qui.",
            "blocks": [
                _heading("Il tuo ordine è in viaggio"),
                _text(
                    f"<p>{IT}</p><p>abbiamo spedito il tuo ordine <strong>{_ORDER}</strong>.</p>"
                ),
                _summary(
                    ("Corriere", "{{ custom.carrier }}"),
                    ("Numero di spedizione", "{{ custom.tracking_number }}"),
                    ("Consegna prevista", "{{ custom.expected }}"),
                ),
                _button("Segui il pacco", "{{ custom.tracking_url }}"),
                _items(("Articolo", "{{ item.name }}"), ("Quantità", "{{ item.quantity }}")),
            ],
        },
    },
    "invoice": {
        "en": {
            "subject": "Invoice {{ custom.invoice_number }}",
            "preview": "Your new invoice is ready, with the date it is due by.",
            "blocks": [
                _heading('Invoice <span data-var="custom.invoice_number">x</span>'),
                _text(f"<p>{EN}</p><p>your new invoice is ready.</p>"),
                _items(("Description", "{{ item.name }}"), ("Amount", "{{ item.price }}")),
                _summary(
                    ("Net", "{{ custom.net }}"),
                    ("VAT", "{{ custom.vat }}"),
                    ("Total", "{{ custom.total }}"),
                    ("Due by", "{{ custom.due }}"),
                ),
                _button("Open the invoice", "{{ custom.invoice_url }}"),
            ],
        },
        "it": {
            "subject": "Fattura {{ custom.invoice_number }}",
            "preview": "La nuova fattura è pronta, con la data di scadenza.",
            "blocks": [
                _heading('Fattura <span data-var="custom.invoice_number">x</span>'),
                _text(f"<p>{IT}</p><p>la tua nuova fattura è pronta.</p>"),
                _items(("Descrizione", "{{ item.name }}"), ("Importo", "{{ item.price }}")),
                _summary(
                    ("Imponibile", "{{ custom.net }}"),
                    ("IVA", "{{ custom.vat }}"),
                    ("Totale", "{{ custom.total }}"),
                    ("Scadenza", "{{ custom.due }}"),
                ),
                _button("Apri la fattura", "{{ custom.invoice_url }}"),
            ],
        },
    },
    "terms": {
        "en": {
            "subject": "Our terms change on {{ custom.date }}",
            "preview": "What changes, when, and what you can do about it.",
            "blocks": [
                _heading("Our terms of service change"),
                _text(
                    f'<p>{EN}</p><p>from <strong><span data-var="custom.date">x</span></strong>'
                    " new terms apply to your account. In short:</p>"
                ),
                _text(
                    '<ul><li><span data-var="change.text">x</span></li></ul>',
                    repeat={"path": "custom.changes", "as": "change"},
                ),
                _button("Read the new terms", "{{ custom.terms_url }}"),
                _text(
                    "<p>If you agree you need do nothing. If not, you may close your account.</p>"
                ),
            ],
        },
        "it": {
            "subject": "I nostri termini cambiano dal {{ custom.date }}",
            "preview": "Che cosa cambia, da quando, e che cosa puoi fare.",
            "blocks": [
                _heading("Cambiano i termini di servizio"),
                _text(
                    f'<p>{IT}</p><p>dal <strong><span data-var="custom.date">x</span></strong>'
                    " per il tuo account valgono nuovi termini. In breve:</p>"
                ),
                _text(
                    '<ul><li><span data-var="change.text">x</span></li></ul>',
                    repeat={"path": "custom.changes", "as": "change"},
                ),
                _button("Leggi i nuovi termini", "{{ custom.terms_url }}"),
                _text(
                    "<p>Se sei d’accordo non devi fare nulla. Se no, puoi chiudere l’account.</p>"
                ),
            ],
        },
    },
}


def _sample(**custom: Any) -> dict[str, Any]:
    return {"contact": {"firstname": "Anna"}, "custom": custom}


_SHOP = "https://www.shop.example"
_GOODS = {
    "en": [
        {"name": "Espresso cup", "quantity": 2, "price": "€ 18.00"},
        {"name": "Moka pot", "quantity": 1, "price": "€ 32.50"},
    ],
    "it": [
        {"name": "Tazzina da caffè", "quantity": 2, "price": "€ 18,00"},
        {"name": "Moka da tre", "quantity": 1, "price": "€ 32,50"},
    ],
}
_WORK = {
    "en": [{"name": "Consulting, May", "price": "€ 1,200.00"}],
    "it": [{"name": "Consulenza, maggio", "price": "€ 1.200,00"}],
}

SAMPLES: dict[str, dict[str, dict[str, Any]]] = {
    "receipt": {
        "en": _sample(
            order_id="A-1042", items=_GOODS["en"], shipping="€ 4.90", total="€ 55.40",
            note="Please ring twice.", order_url=f"{_SHOP}/orders/A-1042",
        ),
        "it": _sample(
            order_id="A-1042", items=_GOODS["it"], shipping="€ 4,90", total="€ 55,40",
            note="Suonare due volte.", order_url=f"{_SHOP}/ordini/A-1042",
        ),
    },
    "reset": dict.fromkeys(("en", "it"), _sample(reset_url=f"{_SHOP}/reset/4f1c")),
    "code": dict.fromkeys(("en", "it"), _sample(code="481 926")),
    "invite": {
        "en": _sample(inviter="Marco Rossi", team="Blue Workshop", invite_url=f"{_SHOP}/join/7a2"),
        "it": _sample(inviter="Marco Rossi", team="Officina Blu", invite_url=f"{_SHOP}/join/7a2"),
    },
    "shipping": {
        "en": _sample(
            order_id="A-1042", carrier="Poste", tracking_number="IT 0042 1187",
            expected="Thursday 4 June", tracking_url=f"{_SHOP}/parcel/1187", items=_GOODS["en"],
        ),
        "it": _sample(
            order_id="A-1042", carrier="Poste", tracking_number="IT 0042 1187",
            expected="giovedì 4 giugno", tracking_url=f"{_SHOP}/parcel/1187", items=_GOODS["it"],
        ),
    },
    "invoice": {
        "en": _sample(
            invoice_number="2031/118", items=_WORK["en"], net="€ 1,200.00", vat="€ 264.00",
            total="€ 1,464.00", due="30 June", invoice_url=f"{_SHOP}/invoices/118",
        ),
        "it": _sample(
            invoice_number="2031/118", items=_WORK["it"], net="€ 1.200,00", vat="€ 264,00",
            total="€ 1.464,00", due="30 giugno", invoice_url=f"{_SHOP}/fatture/118",
        ),
    },
    "terms": {
        "en": _sample(
            date="1 September", terms_url=f"{_SHOP}/terms",
            changes=[{"text": "We keep your data for a year instead of two."},
                     {"text": "You may cancel at any time, without giving a reason."}],
        ),
        "it": _sample(
            date="1º settembre", terms_url=f"{_SHOP}/termini",
            changes=[{"text": "Conserviamo i tuoi dati per un anno invece di due."},
                     {"text": "Puoi recedere in ogni momento, senza dire perché."}],
        ),
    },
}  # fmt: skip
