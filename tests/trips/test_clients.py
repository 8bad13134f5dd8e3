"""The official clients, with nothing changed but the host."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hubspot import HubSpot
from hubspot.marketing.transactional import (
    ApiException,
    PublicSingleSendEmail,
    PublicSingleSendRequestEgg,
)
from hubspot.marketing.transactional.models import SmtpApiTokenRequestEgg

from tests.npm import NODE
from tests.trips.reader import Reader

pytestmark = pytest.mark.stack
ORDER = {
    "order_id": "P-1",
    "total": "12.00 €",
    "url": "https://shop.example/orders/P-1",
    "items": [{"name": "Filter papers", "price": "12.00 €"}],
}


def client(start: dict[str, Any], key: str = "") -> HubSpot:
    return HubSpot(access_token=key or start["api_key"], host=start["url"], base_url=start["url"])


@pytest.fixture(scope="module")
def email_id(receipt: Callable[..., int]) -> int:
    return receipt("By clients")


def egg(email_id: int, to: str, **message: object) -> PublicSingleSendRequestEgg:
    return PublicSingleSendRequestEgg(
        email_id=email_id,
        message=PublicSingleSendEmail(to=to, **message),
        contact_properties={"firstname": "Paolo"},
        custom_properties=ORDER,
    )


def settled(hubspot: HubSpot, status_id: str) -> dict[str, Any]:
    """The send's status, once it is complete."""
    deadline = time.monotonic() + 60
    path = f"/marketing/v3/email/send-statuses/{status_id}"
    while (seen := hubspot.api_request({"path": path}).json())["status"] != "COMPLETE":
        assert time.monotonic() < deadline, seen
        time.sleep(0.1)
    return dict(seen)


def test_python(start: dict[str, Any], email_id: int, reader: Reader) -> None:
    hubspot = client(start)
    api = hubspot.marketing.transactional.single_send_api
    asked = egg(
        email_id,
        "python@customer.sandbox.test",
        send_id="python-1",
        _from="Order desk <desk@shop.example>",
        reply_to=["help@shop.example"],
        cc=["python-cc@customer.sandbox.test"],
        bcc=["python-bcc@customer.sandbox.test"],
    )
    sent = api.send_email(public_single_send_request_egg=asked)
    assert (sent.status, sent.send_result) == ("PENDING", None)
    done = settled(hubspot, sent.status_id)
    assert done["sendResult"] == "SENT"
    assert done["statusId"] == sent.status_id

    mails = [
        reader.wait(f"{name}@customer.sandbox.test")
        for name in ("python", "python-cc", "python-bcc")
    ]
    for mail in mails:
        assert mail.parsed["Subject"] == "Your order P-1"
        assert mail.parsed["From"] == "Order desk <desk@shop.example>"
        assert mail.parsed["Reply-To"] == "help@shop.example"
        assert mail.parsed["Cc"] == "python-cc@customer.sandbox.test"
        assert mail.parsed["Bcc"] is None
        assert "Paolo" in mail.html
        assert reader.signatures(mail) == [True, True]
    assert len({mail.pixel for mail in mails}) == 3

    again = api.send_email(public_single_send_request_egg=asked)
    assert (again.status, again.send_result) == ("COMPLETE", "IDEMPOTENT_IGNORE")
    assert again.status_id == sent.status_id
    assert len(reader.all("python@customer.sandbox.test")) == 1


def test_python_tokens_and_a_wrong_key(start: dict[str, Any]) -> None:
    tokens = client(start).marketing.transactional.public_smtp_tokens_api
    asked = SmtpApiTokenRequestEgg(campaign_name="From Python", create_contact=True)
    made = tokens.create_token(smtp_api_token_request_egg=asked)
    assert made.password and made.campaign_name == "From Python"
    assert tokens.get_token_by_id(token_id=made.id).password is None
    assert tokens.reset_password(token_id=made.id).password not in ("", None, made.password)
    page = tokens.get_tokens_page(campaign_name="From Python")
    assert [one.id for one in page.results] == [made.id]
    tokens.archive_token(token_id=made.id)
    with pytest.raises(ApiException) as gone:
        tokens.get_token_by_id(token_id=made.id)
    assert gone.value.status == 404

    stranger = client(start, "pat-wrong").marketing.transactional.single_send_api
    with pytest.raises(ApiException) as refused:
        stranger.send_email(public_single_send_request_egg=egg(1, "x@customer.sandbox.test"))
    assert refused.value.status == 401


def test_node(start: dict[str, Any], email_id: int, reader: Reader, node_modules: Path) -> None:
    to = "node@customer.sandbox.test"
    argv = ["node", str(NODE / "hubspot.mjs"), str(node_modules), start["url"]]
    done = subprocess.run(
        [*argv, start["api_key"], str(email_id), to],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["sent"]["status"] == "PENDING"
    assert (seen["status"]["status"], seen["status"]["sendResult"]) == ("COMPLETE", "SENT")
    assert seen["listed"] == [seen["token"]["id"]]
    assert seen["token"]["password"] != seen["reset"]["password"]
    assert (seen["after"], seen["stranger"]) == (404, 401)
    mail = reader.wait(to)
    assert mail.parsed["Subject"] == "Your order N-1"
    assert "Sieve" in mail.html and "Nadia" in mail.html


@pytest.mark.parametrize("mode", ["tls", "starttls"])
def test_nodemailer(start: dict[str, Any], reader: Reader, node_modules: Path, mode: str) -> None:
    smtp = start["smtp"]
    port = smtp["tls_port" if mode == "tls" else "port"]
    argv = ["node", str(NODE / "send.mjs"), str(node_modules), smtp["host"], str(port), mode]
    subject = f"Grüße, {mode}"
    done = subprocess.run(
        [*argv, smtp["username"], smtp["password"], smtp["ca_file"], subject],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.stdout.startswith("250 2.0.0 queued as "), done.stdout + done.stderr
    for to in ("reader@far.example", "archive@far.example"):
        mail = reader.wait(to, where=lambda one: one.parsed["Subject"] == subject)
        assert mail.parsed["Bcc"] is None
        assert [one.get_filename() for one in mail.parsed.iter_attachments()] == ["bill.txt"]
        assert mail.pixel and mail.links
        assert reader.signatures(mail) == [True, True]
