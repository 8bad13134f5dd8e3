"""The web version: what was sent, to whoever holds the link, for a while, and nothing more."""

import re
import uuid
from datetime import timedelta
from email import policy
from email.parser import BytesParser
from html import unescape
from typing import Any

import orjson
import pytest
from django.test import Client
from django.utils import timezone

from tests.cast import Cast, make_email
from tests.transactional.mail import delivered_mail
from tokens.auth import Principal
from tokens.models import Account
from transactional import signing
from transactional.compose import versions, web_version
from transactional.compose.build import Material, build
from transactional.egress.lookups import _version
from transactional.models import Body, Email, Message, Recipient, Source
from transactional.queue import Job
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, TemplateSubmission

FIXED = (
    "<html><body><p>Hello {{ contact.firstname }}</p>"
    '<a href="https://shop.example/help?a=1&amp;b=2">Help</a> '
    '<a href="{{ view_as_page_url }}">In the browser</a> '
    '<a href="{{ unsubscribe_link }}">Out</a>'
    "<p>{{ site_settings.company_name }}, {{ site_settings.company_city }}</p>"
    "<p>{{ range(1000)|random }} {{ today()|datetimeformat('%d/%m/%Y') }}</p></body></html>"
)


def send(cast: Cast, html: str, **custom: Any) -> tuple[Email, Recipient]:
    email = make_email(cast.account, html=html, subject="Hi {{ contact.firstname }}")
    versions.publish(email, by="alice")
    who = Principal(cast.account.pk, "user", cast.alice.pk, cast.alice.email)
    [answer] = accept_many(
        [
            TemplateSubmission(
                principal=who, source=Source.APP, email_id=email.pk, to="anna@x.example",
                contact_properties={"firstname": "Anna"}, custom=custom,
            )
        ]
    )  # fmt: skip
    assert isinstance(answer, Accepted), answer
    return email, Recipient.objects.of(cast.account).get(message_id=answer.message_id)


def sent_html(recipient: Recipient, base: str) -> str:
    """The HTML part of the copy, as the delivery engine builds it."""
    message = Message.objects.get(pk=recipient.message_id)
    version = message.version
    assert version is not None
    now = timezone.now()
    job = Job(
        lease=uuid.uuid4(), id=recipient.pk, message_id=message.pk, account_id=message.account_id,
        stream_id=1, domain="x.example", attempt=0, deliver_by=now, resent=False, parked=None, crashes=0,
        address=recipient.address, campaign_id=message.campaign_id, version_id=version.pk,
        from_domain=message.from_domain,
        lane=2, header_id=message.message_id,
        created_at=message.created_at, kind=message.kind, raw=None,
        context=bytes(Body.objects.get(pk=message.pk).context),
    )  # fmt: skip
    content = _version(version.pk)
    built = build(job, Material(content, (), "b.shop.example", base), eight_bit=True)
    parsed = BytesParser(policy=policy.default).parsebytes(built.data)
    body = parsed.get_body(("html",))
    assert body is not None
    return str(body.get_content())


@pytest.fixture
def company(cast: Cast) -> Account:
    cast.account.company_name, cast.account.city = "Shop S.r.l.", "Reggio"
    cast.account.street = "Via Roma 1"
    cast.account.save()
    return cast.account


def page(recipient: Recipient) -> Any:
    return Client().get(f"/v/{signing.web_version_token(recipient.pk)}")


def test_it_is_what_was_sent_without_the_pixel(cast: Cast, company: Account, settings: Any) -> None:
    _email, recipient = send(cast, FIXED)
    company.city = "Moved"
    company.save()
    answer = page(recipient)
    assert answer.status_code == 200
    sent = sent_html(recipient, settings.PUBLIC_URL)
    without, pixels = re.subn(r'<img src="[^"]*/o/[^>]*>', "", sent)
    assert pixels == 1
    assert answer.content.decode().replace("\n", "\r\n") == without.replace("\n", "\r\n").replace(
        "\r\r", "\r"
    )
    assert "Shop S.r.l., Reggio" in without and "/c/" in without
    own = f'href="{settings.PUBLIC_URL}/v/{signing.web_version_token(recipient.pk)}"'
    assert own in unescape(without)


def test_custom_properties_stay_in_the_mail(cast: Cast, settings: Any) -> None:
    html = (
        "<html><body><p>Code {{ custom.code }}, {{ custom.total|format_currency('it-IT', 'EUR') }}</p>"
        '<a href="https://shop.example/reset?t={{ custom.token|urlencode }}">Reset</a>'
        "{% for item in custom.items %}<li>{{ item.name }}</li>{% endfor %}"
        "{% if custom.vip %}VIP{% endif %}</body></html>"
    )
    items = [{"name": "SECRET-A"}, {"name": "SECRET-B"}]
    _email, recipient = send(
        cast, html, code="SECRET-1", total="77.70", token="SECRET/2", items=items, vip=True
    )
    sent = sent_html(recipient, settings.PUBLIC_URL)
    assert "SECRET-1" in sent and "SECRET-B" in sent
    text = page(recipient).content.decode()
    assert "SECRET" not in text and "77" not in re.sub(r"/[uvoc]/\S+", "", text)
    assert text.count("<li>•••</li>") == 2 and "VIP" in text
    assert '<a href="#">Reset</a>' in text
    assert "Details marked ••• are only in the email itself." in text


def test_what_is_no_page_without_its_data_says_so(cast: Cast) -> None:
    _email, recipient = send(
        cast, "<body>{{ custom.at|datetimeformat }}</body>", at="2026-11-25T00:00:00Z"
    )
    answer = page(recipient)
    assert answer.status_code == 410
    assert "This page has expired" in answer.content.decode()


def test_it_is_closed_to_scripts_frames_caches_and_search(cast: Cast) -> None:
    _email, recipient = send(cast, "<body><script>alert(1)</script>x</body>")
    answer = page(recipient)
    rules = answer.headers["Content-Security-Policy"]
    assert "script-src 'none'" in rules and "frame-ancestors 'none'" in rules
    assert "; sandbox allow-popups" in rules and "allow-scripts" not in rules
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers


def test_it_expires(cast: Cast, settings: Any) -> None:
    _email, recipient = send(cast, FIXED)
    settings.WEB_VERSION_DAYS = 3
    Message.objects.filter(pk=recipient.message_id).update(
        created_at=timezone.now() - timedelta(days=2, hours=23)
    )
    assert page(recipient).status_code == 200
    Message.objects.filter(pk=recipient.message_id).update(
        created_at=timezone.now() - timedelta(days=3, minutes=1)
    )
    assert page(recipient).status_code == 410
    settings.WEB_VERSION_DAYS = 0
    _email, fresh = send(cast, FIXED)
    assert page(fresh).status_code == 410


def test_an_erased_person_leaves_no_page(cast: Cast) -> None:
    _email, recipient = send(cast, FIXED)
    Body.objects.filter(pk=recipient.message_id).delete()
    assert page(recipient).status_code == 410


def test_no_other_token_opens_one(cast: Cast) -> None:
    _email, recipient = send(cast, FIXED)
    good = signing.web_version_token(recipient.pk)
    smtp = delivered_mail(cast.account)
    for token in (
        signing.unsubscribe_token(recipient.pk),
        signing.open_token(recipient.pk),
        good[:-1],
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good + "A",
        "nonsense",
        "%00",
        signing.web_version_token(uuid.uuid4()),
        signing.web_version_token(smtp.pk),  # SMTP mail was composed elsewhere
    ):
        assert Client().get(f"/v/{token}").status_code == 404, token
    assert Client().post(f"/v/{good}").status_code == 405


def test_a_tracking_host_serves_it_without_a_session(cast: Cast) -> None:
    _email, recipient = send(cast, FIXED)
    url = f"/v/{signing.web_version_token(recipient.pk)}"
    answer = Client().get(url, headers={"host": "t1.shop.example"})
    assert answer.status_code == 200


def test_masking_keeps_the_shape() -> None:
    data = {"a": [1, {"b": "x"}], "c": True, "d": None, "e": "", "f": 0.5}
    assert web_version.masked(data) == {
        "a": ["•••", {"b": "•••"}], "c": True, "d": None, "e": "", "f": "•••"
    }  # fmt: skip
    deep: Any = "x"
    for _ in range(500):
        deep = [deep]
    assert "x" not in orjson.dumps(web_version.masked(deep)[0]).decode()
