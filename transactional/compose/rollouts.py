"""Rolling a version out: 5 %, 25 %, 100 % of the recipients, stopped by itself when it does harm.

Who gets it is decided by a hash of the recipient, so that the same person gets the same version
at every send, and keeps it as the share grows.
"""

import hashlib
import logging
from dataclasses import asdict
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from config.errors import PostinoError, Refusal
from tokens import audit
from transactional.compose import version_counts, versions
from transactional.compose.rollout_verdict import Verdict, judge
from transactional.models import Email, EmailVersion, RollOut, RollOutState
from transactional.models.publishing import UNDER_WAY

logger = logging.getLogger(__name__)

SHARES = (5, 25, 100)  # per cent
STAGE = timedelta(minutes=30)  # at one share, at least, before it grows by itself
ENOUGH = 50  # mails of the version before its share grows by itself
TEN_THOUSAND = 10_000


def takes_part(rollout_id: int, address: str, share: int) -> bool:
    """Whether a recipient gets the version on trial."""
    word = f"{rollout_id}:{address.strip().lower()}".encode()
    place = int.from_bytes(hashlib.sha256(word).digest()[:8]) % TEN_THOUSAND
    return place < share * TEN_THOUSAND // 100


def under_way(email_id: int) -> RollOut | None:
    """The roll-out of an email that has not ended."""
    rows = RollOut.objects.filter(email_id=email_id, state__in=UNDER_WAY)
    found: RollOut | None = rows.select_related("version", "baseline", "email").first()
    return found


def start(email: Email, *, by: str, share: int = SHARES[0], note: str = "") -> RollOut:
    """Roll the draft out. Raises PostinoError as `versions.publish` does, and NOTHING_LIVE,
    NOTHING_CHANGED, ROLLOUT_UNDER_WAY.
    """
    if versions.needs_approval(email.account_id):
        message = "This account publishes only what has been approved: ask for approval."
        raise PostinoError(Refusal("APPROVAL_REQUIRED", message, http=403))
    version = versions.ready(email, by=by)
    return start_approved(email, version, by=by, share=share, note=note)


def start_approved(
    email: Email, version: EmailVersion, *, by: str, share: int, note: str = ""
) -> RollOut:
    """Roll out a version that has been approved, or needs no approval."""
    if share not in SHARES[:-1]:
        raise _refused("VALIDATION_ERROR", "A roll-out begins with 5 or 25 per cent.", http=400)
    if email.published_id is None:
        raise _refused("NOTHING_LIVE", "Nothing is published yet: publish to everybody.")
    if email.published_id == version.pk:
        raise _refused("NOTHING_CHANGED", "The draft is what is published already.")
    try:
        with transaction.atomic():
            version_counts.begin_trial(email.pk)
            made: RollOut = RollOut.objects.create(
                account_id=email.account_id,
                email=email,
                version=version,
                baseline_id=email.published_id,
                share=share,
                state=RollOutState.RUNNING,
                note=note[:500],
                started_by=by,
            )
            _record(made, "rollout.started", by=by, share=share, note=note[:500])
    except IntegrityError as err:
        raise _refused("ROLLOUT_UNDER_WAY", "Another version is being rolled out.") from err
    return made


def _refused(code: str, message: str, *, http: int = 409) -> PostinoError:
    return PostinoError(Refusal(code, message, http=http))


def _record(one: RollOut, what: str, *, by: str, **data: object) -> None:
    target, name = f"email:{one.email_id}", one.email.name
    told = {"version": one.version.number, **data}
    audit.record(one.account_id, what, by=by, target=target, name=name, data=told)


def _locked(one: RollOut) -> RollOut:
    """The row, locked, if it has not ended. Raises PostinoError ROLLOUT_ENDED."""
    rows = RollOut.objects.select_for_update(of=("self",)).select_related("version", "email")
    found: RollOut = rows.get(pk=one.pk)
    if found.state not in UNDER_WAY:
        raise _refused("ROLLOUT_ENDED", "This roll-out has ended.")
    return found


@transaction.atomic
def advance(one: RollOut, *, by: str) -> RollOut:
    """The next share; after the last but one it is finished."""
    current = _locked(one)
    share = next(step for step in SHARES if step > current.share)
    if share == SHARES[-1]:
        return finish(current, by=by)
    current.share, current.stage_at, current.state = share, timezone.now(), RollOutState.RUNNING
    current.save(update_fields=["share", "stage_at", "state"])
    _record(current, "rollout.advanced", by=by, share=share)
    return current


@transaction.atomic
def hold(one: RollOut, *, by: str) -> RollOut:
    """Keep the share; harm still ends it."""
    return _state(one, RollOutState.HELD, "rollout.held", by=by)


@transaction.atomic
def resume(one: RollOut, *, by: str) -> RollOut:
    """Let it go on by itself; its stage begins anew."""
    return _state(one, RollOutState.RUNNING, "rollout.resumed", by=by)


def _state(one: RollOut, state: RollOutState, what: str, *, by: str) -> RollOut:
    current = _locked(one)
    if current.state != state:
        current.state, current.stage_at = state, timezone.now()
        current.save(update_fields=["state", "stage_at"])
        _record(current, what, by=by)
    return current


@transaction.atomic
def finish(one: RollOut, *, by: str) -> RollOut:
    """Everybody gets the version from now on."""
    current = _ended(_locked(one), RollOutState.FINISHED, by=by, verdict={})
    current.share = SHARES[-1]
    current.save(update_fields=["share"])
    versions.go_live(current.email, current.version, by=by, note=current.note)
    _record(current, "rollout.finished", by=by)
    return current


@transaction.atomic
def roll_back(one: RollOut, *, by: str, verdict: Verdict | None = None, why: str = "") -> RollOut:
    """Nobody gets the version any more; what was live still is."""
    told = asdict(verdict) if verdict else {}
    current = _ended(_locked(one), RollOutState.ROLLED_BACK, by=by, verdict=told)
    reason = why or (f"{verdict.code}: {verdict.data}" if verdict else "")
    _record(current, "rollout.rolled_back", by=by, reason=reason[:500])
    return current


def _ended(one: RollOut, state: RollOutState, *, by: str, verdict: dict[str, object]) -> RollOut:
    one.state, one.ended_at, one.ended_by, one.verdict = state, timezone.now(), by, verdict
    one.save(update_fields=["state", "ended_at", "ended_by", "verdict"])
    return one


def verdict_of(one: RollOut) -> Verdict:
    """How the version does, by what has been counted so far."""
    counts = version_counts.of([one.version_id, one.baseline_id], trial=True)
    return judge(counts[one.version_id], counts[one.baseline_id], enough=ENOUGH)


def watch() -> int:
    """Look at every roll-out: end those that do harm, let grow those that do well. Returns how many
    changed.
    """
    changed = 0
    rows = RollOut.objects.filter(state__in=UNDER_WAY).select_related("version", "email")
    for one in rows:
        try:
            changed += _looked_at(one)
        except PostinoError as err:
            # Somebody ended it by hand at this moment
            logger.info("roll-out of email %d left alone: %s", one.email_id, err.refusal.code)
    return changed


def _looked_at(one: RollOut) -> bool:
    verdict = verdict_of(one)
    if verdict.harm:
        roll_back(one, by=audit.SYSTEM, verdict=verdict)
        logger.warning("roll-out of email %d rolled back: %s", one.email_id, verdict.code)
        return True
    if _may_grow(one, verdict):
        advance(one, by=audit.SYSTEM)
        return True
    return False


def _may_grow(one: RollOut, verdict: Verdict) -> bool:
    if one.state != RollOutState.RUNNING or not one.automatic:
        return False
    return verdict.code == "HEALTHY" and timezone.now() - one.stage_at >= STAGE
