"""The one door: `accept_many` takes submissions and answers each, after the commit.

HTTP's single send is a batch of one; SMTP submission hands over what arrived together. Queries
are per batch; what is answered `Accepted` is durable.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
from django.utils import timezone

from config import disk
from config.errors import PostinoError, Refusal
from config.ids import uuid7
from transactional import contacts, queue, subscriptions
from transactional.compose import render, rollouts, versions
from transactional.compose.contract import check as contract
from transactional.compose.contract import secret
from transactional.compose.hubl.context import wants_site, wants_subscription
from transactional.models import Email, EmailVersion, Kind
from transactional.submission import facts, policy, prepare, store
from transactional.submission.facts import EmailFacts
from transactional.submission.prepare import Prepared, Unreadable
from transactional.submission.request import (
    Accepted,
    RawSubmission,
    Refused,
    Submission,
    TemplateSubmission,
)
from transactional.submission.stand_in import stand_in
from transactional.submission.tables import Rows
from transactional.wire.address import AddressError, parse_address

logger = logging.getLogger(__name__)

Answer = Accepted | Refused
TRIAL_LINK = "https://unsubscribe.invalid/"  # stands in for a link that is made per recipient


def accept_many(submissions: Sequence[Submission]) -> list[Answer]:
    """Judge and store a batch; answers in the order given.

    Raises django.db.Error (and psycopg.Error) if the database fails, and PostinoError if the disk
    is nearly full: then nothing is stored.
    """
    if disk.short():
        raise PostinoError(disk.STORAGE_FULL)
    now = timezone.now()
    answers: list[Answer | None] = [None] * len(submissions)
    rows = Rows()
    found = _sends(submissions)
    prepared = _prepare_all(submissions, found, rows, answers, now)
    known = _look_up(prepared, found)
    accepted: list[tuple[int, Prepared]] = []
    for place, asked in prepared:
        stand_in(asked, known.accounts.get(asked.account_id))
        refusal = policy.judge(asked, known) or _trial(asked, known)
        if refusal is None:
            accepted.append((place, asked))
        else:
            answers[place] = _refuse(rows, asked, refusal)
    lanes = _store(rows, accepted, known, answers)
    if lanes:
        queue.wake(sorted(lanes))
    return [answer for answer in answers if answer is not None]


def _prepare_all(
    submissions: Sequence[Submission],
    found: facts.Found,
    rows: Rows,
    answers: list[Answer | None],
    now: datetime,
) -> list[tuple[int, Prepared]]:
    """Read every submission; what cannot be read is answered at once."""
    emails = _emails(submissions, found)
    campaigns = facts.smtp_campaigns(
        one.principal.credential_id for one in submissions if isinstance(one, RawSubmission)
    )
    ready: list[tuple[int, Prepared]] = []
    for place, one in enumerate(submissions):
        try:
            if isinstance(one, RawSubmission):
                asked = prepare.raw(one, campaigns.get(one.principal.credential_id), now)
            else:
                asked = prepare.template(one, emails.get(place), now)
        except Unreadable as err:
            answers[place] = _refuse_unread(rows, one, err.refusal, now)
        else:
            ready.append((place, asked))
    return ready


def _sends(submissions: Sequence[Submission]) -> facts.Found:
    """What the database knows about the single sends among them: one trip."""
    ids: set[int] = set()
    people: set[contacts.Key] = set()
    written_to: set[contacts.Key] = set()
    for one in submissions:
        if isinstance(one, TemplateSubmission):
            ids.add(one.email_id)
            account_id = one.principal.account_id
            people |= {(account_id, spec) for spec in map(_spec, (*one.cc, *one.bcc))}
            written_to.add((account_id, _spec(one.to)))
    return facts.of_sends(ids, people | written_to, written_to)


def _spec(text: str) -> str:
    """An address as contacts and suppressions know it; empty where it is none (refused later)."""
    try:
        return parse_address(text).spec.lower()
    except AddressError:
        return ""


def _emails(submissions: Sequence[Submission], known: facts.Found) -> dict[int, EmailFacts]:
    """Each template submission's email, by its place among all that were given."""
    templates = {
        place: one for place, one in enumerate(submissions) if isinstance(one, TemplateSubmission)
    }
    found = known.emails
    chosen: dict[int, EmailFacts] = {}
    for place, one in templates.items():
        email = found.get(one.email_id)
        if email is None or email.account_id != one.principal.account_id:
            continue
        if one.draft or email.version is None:
            email = _snapshot(one, email)
        elif email.trial is not None:
            email = _tried(one, email, email.trial)
        chosen[place] = email
    return chosen


def _tried(asked: TemplateSubmission, email: EmailFacts, trial: facts.Trial) -> EmailFacts:
    """The version that this recipient gets while another is rolled out."""
    try:
        address = parse_address(asked.to).spec
    except AddressError:
        return email  # refused for that in a moment
    part = rollouts.takes_part(trial.rollout_id, address, trial.share)
    return replace(email, version=trial.version) if part else email


def _snapshot(asked: TemplateSubmission, email: EmailFacts) -> EmailFacts:
    """An email whose draft is to be sent: the draft, frozen as a version."""
    draft = Email.objects.of(asked.principal.account_id).get(pk=asked.email_id)
    try:
        version = _frozen(asked, draft)
    except PostinoError:
        logger.info("email %s: its draft cannot be sent", asked.email_id)
        return email
    return EmailFacts(email.account_id, email.campaign_id, version, email.archived)


def _frozen(asked: TemplateSubmission, draft: Email) -> EmailVersion:
    """The draft as a version. Raises PostinoError; a member's test is let off the finer rules."""
    if not asked.draft:
        if versions.needs_approval(draft.account_id):
            message = "This account sends only what has been approved; this email is a draft."
            raise PostinoError(Refusal("MISSING_CONTENT", message, pointer="emailId"))
        versions.check_address(draft)
    return versions.snapshot(draft, by=asked.principal.name)


def _look_up(prepared: Sequence[tuple[int, Prepared]], found: facts.Found) -> policy.Known:
    """What the policy needs about all of them: a handful of queries, however many they are."""
    everyone = [asked for _, asked in prepared]
    submitted, alive = facts.of_submitted(
        {
            (asked.account_id, address.spec.lower())
            for asked in everyone
            if asked.raw is not None
            for address, _ in asked.recipients
        },
        {asked.submission.principal.grant for asked in everyone},
    )
    return policy.Known(
        accounts=facts.accounts(asked.account_id for asked in everyone),
        owners=facts.owners({one.domain_ascii for a in everyone for one in a.names_others}),
        alive=alive,
        suppressions={**found.suppressions, **submitted},
        contacts=found.contacts,
        stopped=subscriptions.stopped(
            [
                (asked.account_id, asked.to.spec.lower())
                for asked in everyone
                if asked.kind == Kind.MARKETING
            ]
        ),
    )


def _trial(asked: Prepared, known: policy.Known) -> Refusal | None:
    """Render once now, so that a missing property is answered and not discovered later."""
    if asked.version is None or not isinstance(asked.submission, TemplateSubmission):
        return None
    promised = contract.of_version(asked.version)
    custom = dict(asked.submission.custom)
    if promised is not None:
        if refusal := contract.refusal(promised, custom):
            return refusal
        custom = contract.filled(promised, custom)
        asked.holds_secrets = promised.has_secrets
    contact = known.contacts.get((asked.account_id, asked.to.spec.lower()))
    stored = dict(contact.properties) if contact else {}
    asked.context = {
        "contact": {
            **stored,
            "email": asked.to.spec,
            **asked.submission.contact_properties,
        },
        "custom": custom,
        "from": [asked.from_.name, asked.from_.spec],
        "reply_to": [[one.name, one.spec] for one in asked.reply_to],
        "to": [[a.name, a.spec] for a, kind in asked.recipients if kind == "to"],
        "cc": [[a.name, a.spec] for a, kind in asked.recipients if kind == "cc"],
    }
    if asked.submission.test:
        asked.context["test"] = True
    try:
        _snapshot_of_account(asked, asked.version, known)
        trial = {**asked.context, **_own(asked)}
        asked.subject = render.render(asked.version, trial, text=False).subject
        if asked.holds_secrets:
            # The log is read by people: its subject says no secret
            shown = {**trial, "custom": secret.masked(promised, custom)}
            asked.subject = render.subject(asked.version, shown, otherwise=secret.MASK)
        if asked.submission.test:
            asked.subject = render.TEST_MARK + asked.subject
        encoded = asked.context_bytes() or b""
    except PostinoError as err:
        return err.refusal
    except orjson.JSONEncodeError:
        return Refusal("VALIDATION_FAILED", "The properties hold text that is not valid Unicode.")
    if len(encoded) > prepare.CONTEXT_LIMIT:
        return Refusal("HUBL_LIMIT_EXCEEDED", "The custom properties are too large.", http=413)
    return None


def _snapshot_of_account(asked: Prepared, version: EmailVersion, known: policy.Known) -> None:
    """What the templates say of the account, as it is now: a later rendering gives the same bytes."""
    account, paths = known.accounts[asked.account_id], render.compiled(version).paths
    if wants_site(paths):
        asked.context["site"] = dict(account.site)
    if asked.kind == Kind.MARKETING and wants_subscription(paths):
        type_ = account.types.get(policy.subscription_type(asked, known))
        language = version.language or account.site["language"]
        asked.context["subscription_name"] = type_.named(language) if type_ else ""


def _own(asked: Prepared) -> dict[str, Any]:
    """What each copy's templates will see of the copy itself, as far as it is known."""
    return {
        "unsubscribe_link": TRIAL_LINK,
        "unsubscribe_link_all": TRIAL_LINK,
        "view_as_page_url": TRIAL_LINK,
        "now": asked.created_at,
        "seed": str(asked.id),
        "content": {"from_name": asked.from_.name, "reply_to": asked.from_.spec},
    }


def _refuse(rows: Rows, asked: Prepared, refusal: Refusal) -> Refused:
    """Answer a refusal; a single send's is kept, so that its status can be asked for."""
    if isinstance(asked.submission, RawSubmission):
        return Refused(refusal)
    rows.refuse(asked, refusal)
    return Refused(refusal, asked.id, asked.created_at)


def _refuse_unread(rows: Rows, asked: Submission, refusal: Refusal, now: datetime) -> Refused:
    """A single send that could not even be read is kept too, with the little that is known."""
    if isinstance(asked, RawSubmission):
        return Refused(refusal)
    message_id = uuid7()
    rows.refuse_unread(asked, refusal, message_id, now)
    return Refused(refusal, message_id, now)


def _store(
    rows: Rows,
    accepted: Sequence[tuple[int, Prepared]],
    known: policy.Known,
    answers: list[Answer | None],
) -> set[int]:
    """One transaction for the batch; returns the lanes that have new rows."""
    if not accepted and not rows.messages:
        return set()
    queued = {
        asked.id: rows.accept(asked, known.accounts[asked.account_id].streams[asked.kind])
        for _, asked in accepted
    }
    people = [person for _, asked in accepted for person in _people(asked)]
    claims = [
        (asked.account_id, asked.submission.send_id, asked.id)
        for _, asked in accepted
        if isinstance(asked.submission, TemplateSubmission) and asked.submission.send_id
    ]
    earlier = store.store(rows, claims, people)
    lanes: set[int] = set()
    for place, asked in accepted:
        if (first := earlier.get(asked.id)) is not None:
            answers[place] = Accepted(first, asked.created_at, 0, duplicate=True)
            continue
        count = queued[asked.id]
        answers[place] = Accepted(
            asked.id, asked.created_at, count, suppressed=len(asked.suppressed)
        )
        lanes.add(asked.lane)
    return lanes


def _people(asked: Prepared) -> list[store.Person]:
    """Contacts named by single sends, and recipients of SMTP tokens that make contacts."""
    submission = asked.submission
    if isinstance(submission, TemplateSubmission):
        properties = contacts.storable(submission.contact_properties)
        return [(asked.id, asked.account_id, asked.to.spec.lower(), properties)]
    if not submission.principal.create_contact:
        return []
    return [(asked.id, asked.account_id, a.spec.lower(), {}) for a, _ in asked.recipients]
