"""From a claimed job to the signed bytes of its copy; the same job always gives the same bytes."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from domains import dkim
from transactional import signing
from transactional.compose import render, tracking
from transactional.compose.contract import secret
from transactional.compose.contract.schema import Contract
from transactional.models import Kind
from transactional.queue import Job
from transactional.wire import header, mime, rewrite
from transactional.wire.address import Address, parse_path
from transactional.wire.html import rewrite_links

ID_HEADER = "X-Postino-Id"
RESENT_HEADER = "X-Postino-Resent"
# What a submitted message may ask of us: seconds in which to deliver it, and its lane
WITHIN_HEADER = "X-Postino-Deliver-Within"
LANE_HEADER = "X-Postino-Lane"
TEST_HEADER = "X-Postino-Test"
# What a submitted message may say that must not leave, or that only we may say
DROPPED = frozenset(
    {
        "bcc", "return-path", ID_HEADER.lower(), RESENT_HEADER.lower(), WITHIN_HEADER.lower(),
        LANE_HEADER.lower(),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class VersionContent:
    """An EmailVersion's fields, apart from the ORM."""

    subject: str
    preview_text: str
    html: str
    text: str
    track_opens: bool
    track_clicks: bool
    language: str = ""
    contract: Contract | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """What a job needs besides its own row: version, keys, the way back, the host of links."""

    version: VersionContent | None
    keys: tuple[dkim.SigningKey, ...]
    return_path_host: str
    link_base: str


@dataclass(frozen=True, slots=True)
class Built:
    """A copy ready for `wire.session`: envelope and signed bytes (CRLF, dots not doubled)."""

    mail_from: str
    rcpt: str
    data: bytes
    smtputf8: bool
    eight_bit: bool


def build(job: Job, material: Material, *, eight_bit: bool) -> Built:
    """The copy of one recipient. `eight_bit`: the peer takes 8-bit content.

    Raises PostinoError, MimeError or HeaderError for what cannot be built: never worth a retry.
    """
    if material.version is not None:
        unsigned = _from_version(job, material, material.version)
    else:
        unsigned = _from_submission(job, material)
    if not eight_bit and not unsigned.isascii():
        unsigned = rewrite.to_7bit(unsigned)
    signed = unsigned
    if material.keys:
        at = int(job.created_at.timestamp())
        signed = dkim.sign(unsigned, keys=material.keys, at=at) + unsigned
    path = parse_path(job.address)
    if path is None:
        raise mime.MimeError("no-recipient", "The recipient's address is empty.")
    return Built(
        mail_from=signing.verp(job.id, material.return_path_host),
        rcpt=f"{path.quoted_local}@{path.domain_ascii}",
        data=signed,
        # UTF-8 in a header, too, needs a peer that reads it (RFC 6531 §3.4)
        smtputf8=path.needs_smtputf8 or not signed[: signed.find(b"\r\n\r\n")].isascii(),
        eight_bit=not signed.isascii(),
    )


def instrument(
    html: str,
    recipient_id: uuid.UUID,
    base: str,
    *,
    opens: bool = True,
    clicks: bool = True,
    secrets: frozenset[str] = frozenset(),
) -> str:
    """HTML with its links leading through us and the pixel at its end; all else untouched.

    Links that hold one of `secrets`, or a token, stay as they are.
    """
    link: Callable[[str, int], str | None] | None = None
    if clicks:
        token = signing.Clicks(recipient_id).token

        def link(url: str, index: int) -> str | None:
            if not tracking.decide(url, base=base, secrets=secrets).yes:
                return None
            made = token(index, url)
            return None if made is None else f"{base}/c/{made}"

    pixel = None
    if opens:
        source = signing.pixel_url(base, recipient_id)
        pixel = f'<img src="{source}" width="1" height="1" alt="" style="display:block">'
    return rewrite_links(html, link, pixel=pixel)


def own_context(
    recipient_id: uuid.UUID,
    message_id: uuid.UUID,
    created_at: datetime,
    base: str,
    context: Mapping[str, Any],
) -> dict[str, Any]:
    """What a copy's templates see of the copy itself: its links, its clock, its dice, its sender."""
    name, address = context["from"]
    return {
        "unsubscribe_link": signing.unsubscribe_url(base, recipient_id),
        "unsubscribe_link_all": signing.unsubscribe_all_url(base, recipient_id),
        "view_as_page_url": signing.web_version_url(base, recipient_id),
        "now": created_at,
        "seed": str(message_id),
        "content": {
            "from_name": name,
            "reply_to": next((spec for _, spec in context.get("reply_to") or ()), address),
        },
    }


def _from_version(job: Job, material: Material, version: VersionContent) -> bytes:
    context: dict[str, Any] = orjson.loads(job.context or b"{}")
    unsubscribe = signing.unsubscribe_url(material.link_base, job.id)
    own = own_context(job.id, job.message_id, job.created_at, material.link_base, context)
    words = render.render(version, context | own)
    html = None
    if words.html:
        html = instrument(
            words.html,
            job.id,
            material.link_base,
            opens=version.track_opens,
            clicks=version.track_clicks,
            secrets=secret.values(version.contract, context.get("custom", {})),
        )
    sender = _addresses([context["from"]])
    headers = [
        ("From", header.encode_address(sender[0])),
        ("To", header.encode_address_list(_addresses(context["to"]), name="To")),
    ]
    for name, key in (("Cc", "cc"), ("Reply-To", "reply_to")):
        if context.get(key):
            listed = header.encode_address_list(_addresses(context[key]), name=name)
            headers.append((name, listed))
    subject = render.TEST_MARK + words.subject if context.get("test") else words.subject
    headers += [
        ("Subject", header.encode_unstructured(subject)),
        ("Date", mime.format_date(job.created_at).encode()),
        ("Message-ID", f"<{job.header_id}>".encode()),
    ]
    if context.get("test"):
        headers.append((TEST_HEADER, b"yes"))
    if version.language:
        headers.append(("Content-Language", version.language.encode()))
    if job.kind == Kind.MARKETING:
        headers += [
            ("List-Unsubscribe", f"<{unsubscribe}>".encode()),
            ("List-Unsubscribe-Post", b"List-Unsubscribe=One-Click"),
        ]
    headers += _own_headers(job)
    return mime.build(headers=headers, text=words.text, html=html, boundary=f"postino-{job.id.hex}")


def _from_submission(job: Job, material: Material) -> bytes:
    return rewrite.transform(
        job.raw or b"",
        html=lambda html: instrument(html, job.id, material.link_base),
        drop_headers=DROPPED,
        add_headers=[
            ("Date", mime.format_date(job.created_at).encode()),
            ("Message-ID", f"<{job.header_id}>".encode()),
            *_own_headers(job),
        ],
    )


def _own_headers(job: Job) -> list[tuple[str, bytes]]:
    campaign = f"{job.campaign_id or 0}:{job.account_id}:{job.kind}:postino"
    own = [(ID_HEADER, str(job.id).encode()), ("Feedback-ID", campaign.encode())]
    if job.resent:
        own.append((RESENT_HEADER, b"yes"))
    return own


def _addresses(pairs: list[list[str]]) -> list[Address]:
    """Addresses kept in a context as [name, spec]."""
    found = []
    for name, spec in pairs:
        path = parse_path(spec)
        if path is not None:
            found.append(Address(path.local, path.domain, name))
    return found
