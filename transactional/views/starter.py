"""What a new email holds before anything is typed: a template of blocks, or a plain HTML layout."""

from collections.abc import Sequence
from html import escape

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from tokens.models import Account
from transactional.compose import brand
from transactional.compose.document import starters
from transactional.compose.drafts import DraftFields
from transactional.models import Kind

LAYOUT = """\
<!doctype html>
<html lang="{lang}">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>{title}</title>
</head>
<body style="margin:0; padding:0; background:#f3f4f6;">
  <table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">
    <tr>
      <td align="center" style="padding:32px 16px;">
        <table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"
               style="max-width:560px; background:#fefefe; border-radius:8px;">
          <tr>
            <td style="padding:32px; font-family:Helvetica,Arial,sans-serif; font-size:16px;
                       line-height:24px; color:#22262e;">
              <h1 style="margin:0 0 16px; font-size:22px; line-height:30px;">{heading}</h1>
              <p style="margin:0 0 16px;">{body}</p>
            </td>
          </tr>
        </table>{footer}
      </td>
    </tr>
  </table>
</body>
</html>
"""
FOOTER = """
        <p style="margin:16px 0 0; font-family:Helvetica,Arial,sans-serif; font-size:12px;
                  line-height:18px; color:#5b6370;">
          {sender}<br>
          <a href="{{{{ unsubscribe_link }}}}" style="color:#5b6370;">{unsubscribe}</a>
        </p>"""


def draft(account: Account, name: str, kind: Kind, *, domains: Sequence[str]) -> DraftFields:
    """The first draft of an email, in the language of whoever makes it."""
    footer = ""
    if kind == Kind.MARKETING:
        who = escape(brand.sender(account)).replace("{", "&#123;")
        footer = FOOTER.format(unsubscribe=_("Unsubscribe"), sender=who)
    html = LAYOUT.format(
        lang=(get_language() or "en")[:2],
        title=_("Message"),
        heading=_("Hello {{ contact.firstname }}"),
        body=_("Write your message here."),
        footer=footer,
    )
    return DraftFields(
        name=name,
        kind=kind,
        html=html,
        from_address=f"hello@{domains[0]}" if domains else "",
        sample={"contact": {"firstname": "Anna"}, "custom": {}},
    )


def from_template(
    account: Account, key: str, *, name: str, kind: Kind, language: str, domains: Sequence[str]
) -> DraftFields:
    """The first draft of an email made of blocks."""
    found = starters.starter(
        key, language, kind=kind, company=brand.sender(account), look=brand.starting_look(account)
    )
    return DraftFields(
        name=name,
        kind=kind,
        subject=found.subject,
        preview_text=found.preview_text,
        document=found.document,
        sample=found.sample,
        lane=found.lane,
        track_opens=found.tracked,
        track_clicks=found.tracked,
        from_address=f"hello@{domains[0]}" if domains else "",
    )
