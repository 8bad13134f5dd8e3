"""The only place for what is sent: a receipt of about 5 KB, as SMTP bytes and as a template."""

from email.utils import formatdate
from typing import Any

DOMAIN = "shop.example"
RSA_DOMAIN = "rsa-shop.example"  # signs with RSA-2048 alone, as the work W of the yardstick does
OTHER_DOMAIN = "other.example"  # a second account's
SITES = 20  # recipients' domains
#: The subject carries the ledger's key; the sink reads it there.
MARK = "Order "

_ITEMS = (
    ("Espresso cups, set of four", "48.00"),
    ("Moka pot, six cups", "77.40"),
    ("Ground coffee, dark roast, one kilogram", "21.90"),
    ("Descaler for coffee machines", "9.80"),
    ("Wooden tray, oak, oiled by hand", "39.00"),
)
_CELL = "padding:10px 0;border-bottom:1px solid #e1e5eb;font-size:15px;line-height:22px"
_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Your order %(order)s</title>
<style>@media (max-width: 480px) { .card { padding: 20px !important; } }</style></head>
<body style="margin:0;background:#f3f4f6;font-family:Arial,Helvetica,sans-serif;color:#171b24">
<!-- <a href="https://shop.example/in-a-comment">never rewritten</a> -->
<table role="presentation" width="100%%" cellpadding="0" cellspacing="0">
<tr><td align="center" style="padding:32px 12px"><table width="560" style="max-width:560px">
<tr><td style="padding:0 0 16px;font-size:18px;font-weight:bold">
<a href="https://shop.example/">Bench shop</a></td></tr>
<tr><td class="card" style="background:#ffffff;border:1px solid #e1e5eb;padding:32px">
<h1 style="margin:0 0 12px;font-size:22px;line-height:28px">Thank you, %(name)s!</h1>
<p style="font-size:15px;line-height:22px">We have your order <b>%(order)s</b> and pack it now.
It will be with you in three working days; <a href="%(url)s/track?ref=mail&amp;c=1">follow it</a>
on its way, or <a href="%(url)s/change">change the address</a> until tonight.</p>
<table role="presentation" width="100%%" cellpadding="0" cellspacing="0">
"""
_TAIL = """<tr><td style="padding:14px 0;font-weight:bold">Total</td>
<td align="right" style="padding:14px 0;font-weight:bold">%(total)s &euro;</td></tr></table>
<p style="margin:20px 0 0"><a href="%(url)s" style="background:#2f5bd8;color:#ffffff;
text-decoration:none;font-weight:bold;padding:12px 20px;border-radius:8px">Follow your order</a></p>
</td></tr><tr><td style="padding:16px 0 0;font-size:12px;line-height:18px;color:#535c6b">
Bench shop, Via Roma 1, Torino. You get this message because you ordered from us.
<a href="https://shop.example/help?topic=orders">Help</a> &middot;
<a href="https://shop.example/returns">Returns</a> &middot;
<a href="https://shop.example/privacy">Privacy</a> &middot;
<a href="https://shop.example/terms">Terms</a></td></tr></table></td></tr></table></body></html>
"""


def _row(name: str, price: str, url: str) -> str:
    return (
        f'<tr><td style="{_CELL}"><a href="{url}">{name}</a></td>'
        f'<td align="right" style="{_CELL};white-space:nowrap">{price} &euro;</td></tr>\n'
    )


def template() -> dict[str, str]:
    """Subject and HTML of the same receipt for the template language."""
    words = {
        "order": "{{ custom.order }}",
        "name": "{{ contact.firstname }}",
        "url": "{{ custom.url }}",
        "total": "{{ custom.total }}",
    }
    rows = _row("{{ item.name }}", "{{ item.price }}", "{{ item.url }}")
    loop = "{% for item in custom['items'] %}" + rows + "{% endfor %}"
    return {"subject": MARK + "{{ custom.order }}", "html": _HEAD % words + loop + _TAIL % words}


def sender(domain: str = DOMAIN) -> str:
    """The From address."""
    return f"orders@{domain}"


FROM = sender()


def recipient(number: int) -> str:
    """A recipient of its own for every message."""
    return f"reader{number}@site{number % SITES}.example"


def properties(key: str) -> dict[str, Any]:
    """The custom properties of one API send."""
    url = f"https://{DOMAIN}/orders/{key}"
    return {
        "order": key,
        "url": url,
        "total": "196.10",
        "items": [
            {"name": name, "price": price, "url": f"https://{DOMAIN}/p/{place}"}
            for place, (name, price) in enumerate(_ITEMS)
        ],
    }


def raw(key: str, number: int, domain: str = DOMAIN) -> bytes:
    """The receipt as a program submits it: multipart/alternative, plain text and HTML, CRLF."""
    custom = properties(key)
    words = {"order": key, "name": "Anna", "url": custom["url"], "total": custom["total"]}
    rows = "".join(_row(item["name"], item["price"], item["url"]) for item in custom["items"])
    html = _HEAD % words + rows + _TAIL % words
    listed = "\n".join(f"{item['name']}: {item['price']} EUR" for item in custom["items"])
    lines = (
        f"From: Bench shop <{sender(domain)}>\n"
        f"To: <{recipient(number)}>\n"
        f"Subject: {MARK}{key}\n"
        f"Date: {formatdate(usegmt=True)}\n"
        f"Message-ID: <{key}@{domain}>\n"
        "MIME-Version: 1.0\n"
        'Content-Type: multipart/alternative; boundary="bench-boundary"\n'
        "\n--bench-boundary\n"
        "Content-Type: text/plain; charset=utf-8\n"
        "Content-Transfer-Encoding: 7bit\n\n"
        f"Thank you! We have your order {key}.\n\n{listed}\n\nTotal: {custom['total']} EUR\n"
        f"Follow it: {custom['url']}\n"
        "\n--bench-boundary\n"
        "Content-Type: text/html; charset=utf-8\n"
        "Content-Transfer-Encoding: 7bit\n\n"
        f"{html}\n--bench-boundary--\n"
    )
    return lines.replace("\n", "\r\n").encode()
