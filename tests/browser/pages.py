"""The table of pages that the accessibility tests walk: a new page is one line here."""

from collections.abc import Callable
from dataclasses import dataclass

from domains.models import Domain, EgressSource
from tests.browser.mail import Mail, make_mail
from tests.cast import Cast, make_email
from tests.transactional.mail import delivered_mail
from tokens import credentials
from tokens.auth import Principal
from tokens.models import SmtpCredential
from transactional import signing
from transactional.compose import drafts, versions
from transactional.models import Campaign, Email, Kind, Recipient, Source
from transactional.sandbox import sink
from transactional.submission.accept import accept_many
from transactional.submission.request import Accepted, TemplateSubmission
from transactional.views import starter

MAIL = (
    "Return-Path: <b@b.shop.example>\r\nDelivered-To: anna@a.sandbox.test\r\nX-Postino-Id: {id}\r\n"
    "From: Shop <orders@shop.example>\r\nSubject: Your order\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/html; charset=utf-8\r\n\r\n<p>Hello Anna</p>\r\n"
)


@dataclass(frozen=True)
class World:
    """What the pages show: the cast, emails in every state, mail on its way and in the inbox."""

    cast: Cast
    live: Email
    broken: Email
    composed: Email
    message: object
    delivered: Recipient
    token: SmtpCredential
    mail: str
    log: Mail

    @property
    def a(self) -> str:
        return f"/a/{self.cast.account.pk}"

    @property
    def domain(self) -> int:
        return int(Domain.objects.of(self.cast.account).get().pk)

    @property
    def source(self) -> int:
        return int(EgressSource.objects.of(self.cast.account).get().pk)


def make_world(cast: Cast) -> World:
    """Needs a DATA_DIR of its own: the inbox's mail is stored there."""
    account = cast.account
    sample = {"contact": {"firstname": "Anna"}, "custom": {"order_id": "A-1042"}}
    live = make_email(account, name="Order receipt", sample=sample, updated_by="alice")
    versions.publish(live, by="alice@shop.example")
    live.subject = "Your order {{ custom.order_id }}"
    live.save()
    make_email(account, name="Spring news", kind="marketing", updated_by="alice")
    broken = make_email(account, name="Broken", html="<p>{{ x", updated_by="alice")
    token, _ = credentials.create_smtp(account, campaign_name="Shop", create_contact=True, by="a")
    Campaign.objects.create(account=account, name="Shop", smtp_credential=token)
    credentials.create_api_key(account, name="CI", scopes=["transactional-email"], by="alice")
    delivered = delivered_mail(account)
    store = sink.maildir()
    store.make()
    mail = store.deliver(MAIL.format(id=delivered.pk).encode())
    log = make_mail(cast, live)
    return World(
        cast, live, broken, _composed(cast), _queued(cast, live), delivered, token, mail, log
    )


def _composed(cast: Cast) -> Email:
    """An email of blocks, with something wrong in it."""
    fields = starter.from_template(
        cast.account, "receipt", name="Receipt in blocks", kind=Kind.TRANSACTIONAL, language="en",
        domains=["shop.example"],
    )  # fmt: skip
    email = drafts.create(cast.account, fields, by="alice")
    Email.objects.of(cast.account).filter(pk=email.pk).update(subject="")
    return email


def _queued(cast: Cast, email: Email) -> object:
    """A message that was accepted; and one that was refused, for the list."""
    who = Principal(cast.account.pk, "user", cast.alice.pk, cast.alice.email)
    ids = []
    for to in ("anna@cliente.example", "abuse@cliente.example"):
        asked = TemplateSubmission(
            principal=who, source=Source.APP, email_id=email.pk, to=to, custom={"order_id": "A-7"}
        )
        ids.append(accept_many([asked])[0])
    assert isinstance(ids[0], Accepted)
    return ids[0].message_id


Address = Callable[[World], str]

# Name of the page → its address. Signed in as Alice, who owns the account.
PAGES: dict[str, Address] = {
    "emails": lambda w: f"{w.a}/emails/",
    "emails, archived": lambda w: f"{w.a}/emails/?archived=1",
    "emails, nothing found": lambda w: f"{w.a}/emails/?q=nothing-like-this",
    "new email": lambda w: f"{w.a}/emails/new/",
    "email": lambda w: f"{w.a}/emails/{w.live.pk}/",
    "email, broken": lambda w: f"{w.a}/emails/{w.broken.pk}/",
    "email editor": lambda w: f"{w.a}/emails/{w.live.pk}/edit/",
    "email editor, broken": lambda w: f"{w.a}/emails/{w.broken.pk}/edit/",
    "email composer": lambda w: f"{w.a}/emails/{w.composed.pk}/compose/",
    "email composer, settings": lambda w: f"{w.a}/emails/{w.composed.pk}/edit/",
    "email preview": lambda w: f"{w.a}/emails/{w.live.pk}/preview/",
    "email preview, phone": lambda w: f"{w.a}/emails/{w.live.pk}/preview/?as=phone",
    "email preview, text": lambda w: f"{w.a}/emails/{w.live.pk}/preview/?as=text",
    "email preview, broken": lambda w: f"{w.a}/emails/{w.broken.pk}/preview/",
    "email send": lambda w: f"{w.a}/emails/{w.live.pk}/send/",
    "email performance": lambda w: f"{w.a}/emails/{w.live.pk}/performance/",
    "email performance, nothing sent": lambda w: f"{w.a}/emails/{w.broken.pk}/performance/",
    "messages, nothing found": lambda w: f"{w.a}/messages/?address=nobody*",
    "message, told in full": lambda w: f"{w.a}/messages/{w.log.sent.pk}/",
    "message, refused": lambda w: f"{w.a}/messages/{w.log.refused.pk}/",
    "messages": lambda w: f"{w.a}/messages/",
    "message": lambda w: f"{w.a}/messages/{w.message}/",
    "message, delivered": lambda w: f"{w.a}/messages/{w.delivered.message_id}/",
    "keys": lambda w: f"{w.a}/keys/",
    "reset an SMTP token": lambda w: f"{w.a}/keys/smtp/{w.token.pk}/reset/",
    "SMTP token performance": lambda w: f"{w.a}/keys/smtp/{w.token.pk}/performance/",
    "domains": lambda w: f"{w.a}/domains/",
    "new domain": lambda w: f"{w.a}/domains/new/",
    "domain": lambda w: f"{w.a}/domains/{w.domain}/",
    "new IP": lambda w: f"{w.a}/domains/ips/new/",
    "IP": lambda w: f"{w.a}/domains/ips/{w.source}/",
    "inbox": lambda w: f"{w.a}/sandbox/",
    "inbox message": lambda w: f"{w.a}/sandbox/{w.mail}/",
    "inbox message, headers": lambda w: f"{w.a}/sandbox/{w.mail}/?as=headers",
    "no such page": lambda w: "/nothing-here/",
}

# Pages that a browser sees before anybody has signed in
PUBLIC: dict[str, Address] = {
    "sign in": lambda w: "/login/",
    "unsubscribe": lambda w: f"/u/{signing.unsubscribe_token(w.delivered.pk)}",
    "unsubscribe, unknown link": lambda w: "/u/nonsense",
}
