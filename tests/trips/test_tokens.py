"""SMTP with a token: the demo's, and one made in the browser by somebody who then leaves."""

import re
import smtplib
import ssl
from email.message import EmailMessage
from typing import Any

import httpx
import pytest

from tests.installation import Installation
from tests.trips.browser import AGENT, Browser
from tests.trips.reader import Reader, open_as_people_do

pytestmark = pytest.mark.stack
DEVELOPER = ("dev@shop.example", "a developer's own password")


def connect(smtp: dict[str, Any], mode: str) -> smtplib.SMTP:
    """A client that trusts nothing but the certificate it was given."""
    context = ssl.create_default_context(cafile=smtp["ca_file"])
    if mode == "tls":
        return smtplib.SMTP_SSL(smtp["host"], smtp["tls_port"], context=context, timeout=60)
    client = smtplib.SMTP(smtp["host"], smtp["port"], timeout=60)
    client.starttls(context=context)
    return client


def letter(to: str, subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Shop <orders@shop.example>", to, subject
    message.set_content("Gut, größer, 1,00 €\n.\nEnde\n")
    message.add_alternative(
        '<p>Größer</p><a href="https://shop.example/?a=1&amp;b=2">Order</a>', subtype="html"
    )
    message.add_attachment(
        b"\x00\x01" * 400, maintype="application", subtype="pdf", filename="b.pdf"
    )
    return message


@pytest.mark.parametrize("mode", ["starttls", "tls"])
def test_smtplib(start: dict[str, Any], reader: Reader, mode: str) -> None:
    to = f"smtplib-{mode}@customer.sandbox.test"
    with connect(start["smtp"], mode) as client:
        client.login(start["smtp"]["username"], start["smtp"]["password"])
        assert client.send_message(letter(to, "Grüße")) == {}
    mail = reader.wait(to)
    assert mail.parsed["Subject"] == "Grüße"
    text = mail.parsed.get_body(("plain",))
    assert text is not None
    assert text.get_content().splitlines() == ["Gut, größer, 1,00 €", ".", "Ende"]
    (attached,) = mail.parsed.iter_attachments()
    assert attached.get_content() == b"\x00\x01" * 400
    assert reader.signatures(mail) == [True, True]
    (link,) = mail.links
    answer = httpx.get(link, headers={"User-Agent": AGENT}, trust_env=False)
    assert answer.headers["Location"] == "https://shop.example/?a=1&b=2"


def made_by_a_developer(shop: Installation, start: dict[str, Any]) -> tuple[str, str]:
    """User name and password as the page showed them, this once."""
    email, password = DEVELOPER
    shop.shell(
        "from tokens.models import *; "
        f"u = User.objects.create_user({email!r}, {password!r}); "
        "a = Account.objects.get(name='Demo shop'); "
        "Membership.objects.create(account=a, user=u, role=Role.DEVELOPER)"
    )
    with Browser(start["url"]) as browser:
        browser.sign_in(email, password)
        page = f"{browser.home}keys/"
        fields = {"smtp-campaign_name": "Ticket machine", "smtp-create_contact": "on"}
        answer = browser.submit(page, f"{page}smtp/new/", **fields)
        assert shown(answer)[1] not in browser.get(page)
    return shown(answer)


def shown(page: str) -> tuple[str, str]:
    user = re.search(r'id="made-user">([^<]+)<', page)
    secret = re.search(r'id="made-secret">([^<]+)<', page)
    assert user and secret
    return user[1], secret[1]


def token_page(owner: Browser, username: str) -> str:
    """The keys page's link to this token's numbers."""
    rows = re.findall(r"<tr>(.*?)</tr>", owner.get(f"{owner.home}keys/"), re.S)
    (row,) = [one for one in rows if username in one]
    found = re.search(r'href="(/a/\d+/keys/smtp/\d+/performance/)"', row)
    assert found
    return found[1]


def test_a_token_outlives_its_maker_and_its_numbers_are_shown(
    shop: Installation, start: dict[str, Any], reader: Reader, owner: Browser
) -> None:
    username, password = made_by_a_developer(shop, start)
    gone = shop.shell(
        f"from tokens.models import *; print(User.objects.filter(email={DEVELOPER[0]!r}).delete()[0])"
    )
    assert int(gone) >= 1

    to = "ticket@customer.sandbox.test"
    with connect(start["smtp"], "starttls") as client:
        client.login(username, password)
        client.send_message(letter(to, "Your ticket"))
    mail = reader.wait(to)
    with httpx.Client(headers={"User-Agent": AGENT}, trust_env=False) as person:
        seen, target = open_as_people_do(person, mail, links=1)
    assert (seen.status_code, target.status_code) == (200, 302)

    page = token_page(owner, username)
    wanted = {"sent": "1", "delivered": "1", "opens": "1", "clicks": "1", "openratio": "100 %"}
    assert owner.figures_within(page, 60, wanted) == wanted

    reset = page.replace("performance", "reset")
    same, fresh = shown(owner.submit(reset, reset))
    assert same == username and fresh != password
    with connect(start["smtp"], "starttls") as client:
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            client.login(username, password)
        assert refused.value.smtp_code == 535
    with connect(start["smtp"], "tls") as client:
        client.login(username, fresh)
        client.send_message(letter("ticket-2@customer.sandbox.test", "Your ticket"))
    reader.wait("ticket-2@customer.sandbox.test")


def test_nothing_is_said_in_clear(start: dict[str, Any]) -> None:
    smtp = start["smtp"]
    with smtplib.SMTP(smtp["host"], smtp["port"], timeout=60) as client:
        client.ehlo()
        assert "auth" not in client.esmtp_features
        code, _ = client.docmd("AUTH", "PLAIN AHgAeQ==")
        assert code in (530, 538)
        assert client.docmd("MAIL", "FROM:<orders@shop.example>")[0] == 530
