"""The table of pages that the accessibility tests walk: a new page is one line here."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils import timezone

from domains import share
from domains.models import Domain, EgressSource
from tests.browser.audience import (
    AUDIENCE_PAGES,
    AUDIENCE_PUBLIC,
    AudienceWorld,
    make_audience,
)
from tests.browser.complained import COMPLAINT_PAGES, make_complaints
from tests.browser.identity import led, make_led
from tests.browser.mail import Mail, make_mail
from tests.browser.people import make_contacts, make_files
from tests.browser.senders import confirmation, make_senders
from tests.browser.smarthosts import SMARTHOST_PAGES, make_smarthosts
from tests.browser.webhooks import WEBHOOK_PAGES, make_webhooks
from tests.cast import Cast, make_email
from tests.domains.warming import make_warming
from tests.transactional.library.pictures_made import photo, png
from tests.transactional.mail import delivered_mail
from tests.transactional.test_held import make_undecided
from tokens import audit, credentials
from tokens.auth import Principal
from tokens.models import Scope, SmtpCredential
from transactional import (
    signing,
    suppression_list,
    suppressions,
)
from transactional.classify import Category, Reason, Verdict
from transactional.compose import approvals, brand, drafts, rollouts, samples, saved, versions
from transactional.compose.importing import archive, keep
from transactional.incidents import breaker
from transactional.incidents.skeleton import skeleton
from transactional.incidents.watch import Suspicion
from transactional.library import images
from transactional.models import (
    Campaign,
    Contact,
    ContactImport,
    Email,
    Image,
    IncidentAccount,
    Kind,
    Recipient,
    SampleSet,
    Source,
    Stream,
    Suppression,
    SuppressionReason,
    TemplateImport,
)
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
    anna: Contact
    files: tuple[ContactImport, ContactImport]
    asked: Email
    audience: AudienceWorld

    @property
    def a(self) -> str:
        return f"/a/{self.cast.account.pk}"

    @property
    def domain(self) -> int:
        return int(Domain.objects.of(self.cast.account).get(name="shop.example").pk)

    @property
    def imported(self) -> TemplateImport:
        """A template that was imported, with notes of each kind."""
        found: TemplateImport = TemplateImport.objects.of(self.cast.account).get()
        return found

    @property
    def suppression(self) -> int:
        """An address that was put on the list by hand; another bounced."""
        return int(Suppression.objects.of(self.cast.account).latest("pk").pk)

    @property
    def incident(self) -> int:
        """A receiver that refuses the account's mail."""
        return int(IncidentAccount.objects.of(self.cast.account).get().pk)

    @property
    def held(self) -> str:
        held = Recipient.objects.of(self.cast.account).filter(status="held")
        return str(held.latest("pk").message_id)

    @property
    def sample_set(self) -> int:
        return int(SampleSet.objects.of(self.cast.account).get().pk)

    @property
    def image(self) -> int:
        """A heavy image of the library, used by nothing."""
        return int(Image.objects.of(self.cast.account).latest("pk").pk)

    @property
    def shared(self) -> str:
        """The token of the link that shows the domain's records."""
        domain = Domain.objects.of(self.cast.account).get(name="shop.example")
        return share.token(domain, ends=share.ending(timezone.now()))

    @property
    def source(self) -> int:
        """The IP that mail leaves from."""
        return int(EgressSource.objects.of(self.cast.account).earliest("pk").pk)

    @property
    def warming(self) -> int:
        """An IP in the middle of its warm-up, which a blocklist has."""
        return int(EgressSource.objects.of(self.cast.account).latest("pk").pk)

    @property
    def stream(self) -> int:
        return int(Stream.objects.default(self.cast.account, "transactional").pk)


def make_world(cast: Cast) -> World:
    """Needs a DATA_DIR of its own: the inbox's mail is stored there."""
    account = cast.account
    sample = {"contact": {"firstname": "Anna"}, "custom": {"order_id": "A-1042"}}
    live = make_email(account, name="Order receipt", sample=sample, updated_by="alice")
    versions.publish(live, by="alice@shop.example")
    audit.record(account, "email.published", by="alice", name=live.name, data={"version": 1})
    live.subject = "Your order {{ custom.order_id }}"
    live.folder, live.tags = "Shop", ["orders", "receipts"]
    live.html = live.html.replace("Hello", "Good morning")
    live.contract = [{"name": "order_id", "type": "string", "required": True, "secret": False}]
    live.save()
    rollouts.start(live, by="alice@shop.example", note="A better subject")
    make_email(account, name="Spring news", kind="marketing", updated_by="alice")
    broken = make_email(account, name="Broken", html="<p>{{ x", updated_by="alice")
    token, _ = credentials.create_smtp(account, campaign_name="Shop", create_contact=True, by="a")
    Campaign.objects.create(account=account, name="Shop", smtp_credential=token)
    credentials.create_api_key(account, name="CI", scopes=["transactional-email"], by="alice")
    delivered = delivered_mail(account)
    for number, data in enumerate((png(320, 200), photo(900, 600, quality=95))):
        how = {"name": f"tea-{number}.png", "alt": "A cup of tea", "decorative": False}
        images.add(account, data, **how, by="alice@shop.example")
    store = sink.maildir()
    store.make()
    mail = store.deliver(MAIL.format(id=delivered.pk).encode())
    log = make_mail(cast, live)
    _imported(cast)
    _suppressed(cast, delivered)
    make_senders(account)
    _incident(cast)
    make_undecided(account)
    make_warming(account)
    queued = _queued(cast, live)
    make_complaints(cast, queued)
    make_webhooks(account)
    make_smarthosts(account)
    composed = _composed(cast)
    samples.create(composed, name="Empty cart", data=composed.sample, by="alice@shop.example")
    account.street, account.city = "Via Roma 1", "Reggio"
    account.save(update_fields=["street", "city"])
    brand.save(account, {"accent": "#8a1c1c"}, by="alice@shop.example")
    text = {"id": "b", "type": "text", "props": {"html": "<p>Hi</p>"}}
    section = {"id": "s", "columns": [1], "blocks": [[text]]}
    saved.save(account, name="Hi", section=section, whole=True, by="a", may_html=False)
    anna = make_contacts(cast)
    make_led(cast)
    return World(
        cast,
        live,
        broken,
        composed,
        queued,
        delivered,
        token,
        mail,
        log,
        anna,
        make_files(cast),
        _asked(cast),
        make_audience(cast, anna),
    )


def _incident(cast: Cast) -> None:
    """A receiver that refuses mail of the cast's IP."""
    said = "550 5.7.1 [127.0.0.10] Messages from this address weren’t sent: it is on a block list"
    found = Suspicion(
        source_id=EgressSource.objects.of(cast.account).get().pk, site="microsoft",
        verdict=Verdict(Reason.BLOCKED, Category.BLOCK), skeleton=skeleton(said), sample=said,
        alike=12, answers=14, first_at=0.0, accounts=frozenset({cast.account.pk}),
    )  # fmt: skip
    breaker.open_for(found, ago=90)


def _imported(cast: Cast) -> None:
    """A template with something to replace, to leave out and to check; one that was refused."""
    source = "{{ company.name }}{{ x|nonesuch }}{% crm_object 'a' %}<%= 1 %>{% module 'logo' %}"
    files = {"receipts/order.html": source, "broken.mjml": "<mjml><mj-nope>"}
    upload = archive.Upload(files, ("images/logo.png",))
    keep.keep(
        cast.account, upload, name="theme.zip", title="", kind=Kind.TRANSACTIONAL,
        from_address="orders@shop.example", by="alice@shop.example",
    )  # fmt: skip


def _composed(cast: Cast) -> Email:
    """An email of blocks, with something wrong in it."""
    fields = starter.from_template(
        cast.account, "receipt", name="Receipt in blocks", kind=Kind.TRANSACTIONAL, language="en",
        domains=["shop.example"],
    )  # fmt: skip
    email = drafts.create(cast.account, fields, by="alice")
    Email.objects.of(cast.account).filter(pk=email.pk).update(subject="")
    return email


def _asked(cast: Cast) -> Email:
    """An email that waits for approval, with a word about it; another was declined."""
    email = make_email(cast.account, name="Terms", updated_by="mia")
    mia, alice = "mia@shop.example", "alice@shop.example"
    approvals.decline(approvals.ask(email, by=mia, note="New terms"), by=alice, why="A typo")
    approvals.comment(approvals.ask(email, by=mia), "Corrected\nnow", by=mia)
    return email


def _suppressed(cast: Cast, cause: Recipient) -> None:
    said = "550 5.1.1 <reader@far.example>: Recipient address rejected: User unknown"
    suppressions.add(
        cast.account.pk,
        cause.address,
        reason=SuppressionReason.HARD_BOUNCE,
        evidence=said,
        recipient_id=cause.pk,
    )
    suppression_list.add(
        cast.account.pk, "x@far.example", scope=Scope.ALL, why="asked by phone", by="alice"
    )


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
    "dashboard": lambda w: f"{w.a}/",
    "dashboard, a day": lambda w: f"{w.a}/?period=1d",
    "jump": lambda w: f"{w.a}/jump/?q=e",
    "jump, nothing found": lambda w: f"{w.a}/jump/?q=nothing-like-this",
    "account settings": lambda w: f"{w.a}/settings/",
    "emails": lambda w: f"{w.a}/emails/",
    "emails, archived": lambda w: f"{w.a}/emails/?archived=1",
    "emails, nothing found": lambda w: f"{w.a}/emails/?q=nothing-like-this",
    "new email": lambda w: f"{w.a}/emails/new/",
    "import templates": lambda w: f"{w.a}/emails/import/",
    "imported templates": lambda w: f"{w.a}/emails/import/{w.imported.pk}/",
    "email": lambda w: f"{w.a}/emails/{w.live.pk}/",
    "email API": lambda w: f"{w.a}/emails/{w.live.pk}/api/",
    "email API, a run": lambda w: f"{w.a}/emails/{w.live.pk}/api/?lang=php&run={w.message}",
    "email API, SMTP": lambda w: f"{w.a}/emails/{w.live.pk}/api/?lang=smtp",
    "email, broken": lambda w: f"{w.a}/emails/{w.broken.pk}/",
    "email editor": lambda w: f"{w.a}/emails/{w.live.pk}/edit/",
    "email editor, broken": lambda w: f"{w.a}/emails/{w.broken.pk}/edit/",
    "email composer": lambda w: f"{w.a}/emails/{w.composed.pk}/compose/",
    "email composer, settings": lambda w: f"{w.a}/emails/{w.composed.pk}/edit/",
    "email preview": lambda w: f"{w.a}/emails/{w.live.pk}/preview/",
    "email preview, phone": lambda w: f"{w.a}/emails/{w.live.pk}/preview/?as=phone",
    "email preview, text": lambda w: f"{w.a}/emails/{w.live.pk}/preview/?as=text",
    "email checks": lambda w: f"{w.a}/emails/{w.composed.pk}/checks/",
    "email checks, HTML": lambda w: f"{w.a}/emails/{w.broken.pk}/checks/",
    "email preview, side by side": lambda w: f"{w.a}/emails/{w.composed.pk}/preview/?as=all",
    "email preview, dark": lambda w: f"{w.a}/emails/{w.composed.pk}/preview/?as=dark",
    "sample set": lambda w: f"{w.a}/emails/{w.composed.pk}/preview/samples/{w.sample_set}/",
    "email preview, broken": lambda w: f"{w.a}/emails/{w.broken.pk}/preview/",
    "email versions": lambda w: f"{w.a}/emails/{w.live.pk}/versions/",
    "email versions, none": lambda w: f"{w.a}/emails/{w.broken.pk}/versions/",
    "email versions, compared": lambda w: f"{w.a}/emails/{w.live.pk}/versions/compare/",
    "email roll-out": lambda w: f"{w.a}/emails/{w.live.pk}/rollout/",
    "email roll-out, none": lambda w: f"{w.a}/emails/{w.broken.pk}/rollout/",
    "email approval": lambda w: f"{w.a}/emails/{w.asked.pk}/approval/",
    "email approval, none": lambda w: f"{w.a}/emails/{w.broken.pk}/approval/",
    "approvals": lambda w: f"{w.a}/approvals/",
    "email send": lambda w: f"{w.a}/emails/{w.live.pk}/send/",
    "email performance": lambda w: f"{w.a}/emails/{w.live.pk}/performance/",
    "email performance, nothing sent": lambda w: f"{w.a}/emails/{w.broken.pk}/performance/",
    "incidents": lambda w: f"{w.a}/incidents/",
    "incident": lambda w: f"{w.a}/incidents/{w.incident}/",
    "messages, nothing found": lambda w: f"{w.a}/messages/?address=nobody*",
    "message, told in full": lambda w: f"{w.a}/messages/{w.log.sent.pk}/",
    "message, refused": lambda w: f"{w.a}/messages/{w.log.refused.pk}/",
    "message, no longer kept": lambda w: f"{w.a}/messages/01000000-0000-7000-8000-000000000001/",
    "messages": lambda w: f"{w.a}/messages/",
    "held mail": lambda w: f"{w.a}/messages/held/",
    "message, held": lambda w: f"{w.a}/messages/{w.held}/",
    "message": lambda w: f"{w.a}/messages/{w.message}/",
    "message, delivered": lambda w: f"{w.a}/messages/{w.delivered.message_id}/",
    "contacts": lambda w: f"{w.a}/contacts/",
    "contacts, nothing found": lambda w: f"{w.a}/contacts/?q=nobody&state=pending",
    "new contact": lambda w: f"{w.a}/contacts/new/",
    "contact": lambda w: f"{w.a}/contacts/{w.anna.pk}/",
    "edit a contact": lambda w: f"{w.a}/contacts/{w.anna.pk}/edit/",
    "erase a contact": lambda w: f"{w.a}/contacts/{w.anna.pk}/erase/",
    "import contacts": lambda w: f"{w.a}/contacts/import/",
    "import contacts, columns": lambda w: f"{w.a}/contacts/import/{w.files[0].pk}/",
    "import contacts, report": lambda w: f"{w.a}/contacts/import/{w.files[1].pk}/",
    "suppressions": lambda w: f"{w.a}/suppressions/",
    "suppressions, nothing found": lambda w: f"{w.a}/suppressions/?q=nobody*",
    "suppressions, add": lambda w: f"{w.a}/suppressions/new/",
    "suppressions, import": lambda w: f"{w.a}/suppressions/import/",
    "suppressions, undo": lambda w: f"{w.a}/suppressions/undo/",
    "suppressions, take off": lambda w: f"{w.a}/suppressions/{w.suppression}/remove/",
    "images": lambda w: f"{w.a}/images/",
    "images, nothing found": lambda w: f"{w.a}/images/?q=nothing-like-this",
    "image": lambda w: f"{w.a}/images/{w.image}/",
    "delete an image": lambda w: f"{w.a}/images/{w.image}/delete/",
    "brand kit": lambda w: f"{w.a}/brand/",
    "brand kit, apply": lambda w: f"{w.a}/brand/apply/",
    "saved blocks": lambda w: f"{w.a}/saved-blocks/",
    "keys": lambda w: f"{w.a}/keys/",
    "reset an SMTP token": lambda w: f"{w.a}/keys/smtp/{w.token.pk}/reset/",
    "SMTP token performance": lambda w: f"{w.a}/keys/smtp/{w.token.pk}/performance/",
    "audit log": lambda w: f"{w.a}/audit/",
    "audit log, nothing found": lambda w: f"{w.a}/audit/?what=rollout.&by=nobody",
    "domains": lambda w: f"{w.a}/domains/",
    "new domain": lambda w: f"{w.a}/domains/new/",
    "domain": lambda w: f"{w.a}/domains/{w.domain}/",
    "domain led to our DNS": lambda w: f"{w.a}/domains/{led(w.cast)}/",
    "import a key": lambda w: f"{w.a}/domains/{w.domain}/keys/import/",
    "domain, reports": lambda w: f"{w.a}/domains/{w.domain}/reports/",
    "new From address": lambda w: f"{w.a}/domains/senders/new/",
    "new IP": lambda w: f"{w.a}/domains/ips/new/",
    "IP": lambda w: f"{w.a}/domains/ips/{w.source}/",
    "IP, warming up and listed": lambda w: f"{w.a}/domains/ips/{w.warming}/",
    "pools": lambda w: f"{w.a}/domains/pools/",
    "streams": lambda w: f"{w.a}/streams/",
    "stream": lambda w: f"{w.a}/streams/{w.stream}/",
    "inbox": lambda w: f"{w.a}/sandbox/",
    "inbox message": lambda w: f"{w.a}/sandbox/{w.mail}/",
    "inbox message, headers": lambda w: f"{w.a}/sandbox/{w.mail}/?as=headers",
    "no such page": lambda w: "/nothing-here/",
}

PAGES |= AUDIENCE_PAGES | WEBHOOK_PAGES | SMARTHOST_PAGES | COMPLAINT_PAGES

# Pages that a browser sees before anybody has signed in
PUBLIC: dict[str, Address] = {
    "sign in": lambda w: "/login/",
    "unsubscribe": lambda w: f"/u/{signing.unsubscribe_token(w.delivered.pk)}",
    "unsubscribe, from all": lambda w: f"/u/{signing.unsubscribe_token(w.delivered.pk)}/all",
    "preferences, from a mail": lambda w: (
        f"/u/{signing.unsubscribe_token(w.delivered.pk)}/preferences"
    ),
    "preferences": lambda w: f"/u/p/{signing.preferences_token(w.anna.pk)}",
    "preferences, leave all": lambda w: f"/u/p/{signing.preferences_token(w.anna.pk)}/all",
    "DNS records, shared": lambda w: f"/dns/{w.shared}/",
    "confirm a From address": lambda w: f"/confirm/{confirmation(w.cast.account)}/",
    "web version, unknown link": lambda w: "/v/nonsense",
    "unsubscribe, unknown link": lambda w: "/u/nonsense",
}
PUBLIC |= AUDIENCE_PUBLIC
