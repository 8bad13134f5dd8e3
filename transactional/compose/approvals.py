"""Asking for approval, and giving it: what is approved is exactly the version that was asked for.

Nobody approves their own request. An edit of the draft ends a request that waits.
"""

from django.db import IntegrityError, transaction
from django.utils import timezone

from config.errors import PostinoError, Refusal
from tokens import audit
from transactional.compose import rollouts, versions
from transactional.models import Approval, ApprovalComment, ApprovalState, Email

COMMENT = 2000  # characters


def _refused(code: str, message: str, *, http: int = 409) -> PostinoError:
    return PostinoError(Refusal(code, message, http=http))


def current(email: Email) -> Approval | None:
    """The request that waits; one that the draft has left behind is ended first."""
    rows = Approval.objects.of(email.account_id).filter(email=email, state=ApprovalState.OPEN)
    found: Approval | None = rows.select_related("version").first()
    if found is not None and bytes(found.version.digest) != versions.digest(email):
        with transaction.atomic():
            _decide(found, ApprovalState.VOID, by=audit.SYSTEM, what="approval.voided")
        return None
    return found


def ask(email: Email, *, by: str, note: str = "", share: int = 100) -> Approval:
    """Ask to publish the draft as it stands. Raises PostinoError as `versions.publish` does, and
    ALREADY_ASKED.
    """
    version = versions.ready(email, by=by)
    versions.check_free(email)
    if current(email) is not None:
        raise _refused("ALREADY_ASKED", "This draft waits for approval already.")
    try:
        with transaction.atomic():
            made: Approval = Approval.objects.create(
                account_id=email.account_id,
                email=email,
                version=version,
                state=ApprovalState.OPEN,
                note=note[:500],
                share=share if share in rollouts.SHARES and email.published_id else 100,
                asked_by=by,
            )
            _record(made, "approval.requested", by=by, note=note[:500])
    except IntegrityError as err:
        raise _refused("ALREADY_ASKED", "This draft waits for approval already.") from err
    return made


def comment(approval: Approval, text: str, *, by: str) -> None:
    """Say something about a request; nothing is kept of nothing."""
    if not text.strip():
        return
    ApprovalComment.objects.create(approval=approval, by=by, text=text.strip()[:COMMENT])


def approve(approval: Approval, *, by: str) -> Approval:
    """Publish the version, or begin to roll it out, as was asked. Raises PostinoError: OWN_REQUEST,
    APPROVAL_CLOSED, or what publishing raises.
    """
    if approval.asked_by == by:
        raise _refused("OWN_REQUEST", "Somebody else has to approve what you asked for.", http=403)
    if current(approval.email) is None:
        raise _refused("APPROVAL_CLOSED", "This request is not open any more.")
    with transaction.atomic():
        email = Email.objects.of(approval.account_id).select_for_update().get(pk=approval.email_id)
        found = _locked(approval)
        if bytes(found.version.digest) != versions.digest(email):
            raise _refused("APPROVAL_CLOSED", "The draft was edited: ask again.")
        versions.check_free(email)
        _decide(found, ApprovalState.APPROVED, by=by, what="approval.approved")
        if found.share < rollouts.SHARES[-1] and email.published_id:
            rollouts.start_approved(email, found.version, by=by, share=found.share, note=found.note)
        else:
            versions.go_live(email, found.version, by=by, note=found.note)
    return found


@transaction.atomic
def decline(approval: Approval, *, by: str, why: str = "") -> Approval:
    """Say no."""
    found = _locked(approval)
    if why:
        comment(found, why, by=by)
    return _decide(found, ApprovalState.DECLINED, by=by, what="approval.declined", note=why[:500])


@transaction.atomic
def recall(approval: Approval, *, by: str) -> Approval:
    """Take a request back."""
    return _decide(_locked(approval), ApprovalState.RECALLED, by=by, what="approval.recalled")


def _locked(approval: Approval) -> Approval:
    rows = Approval.objects.select_for_update(of=("self",)).select_related("version", "email")
    found: Approval = rows.get(pk=approval.pk)
    if found.state != ApprovalState.OPEN:
        raise _refused("APPROVAL_CLOSED", "This request is not open any more.")
    return found


def _decide(
    approval: Approval, state: ApprovalState, *, by: str, what: str, note: str = ""
) -> Approval:
    approval.state, approval.decided_at, approval.decided_by = state, timezone.now(), by
    approval.save(update_fields=["state", "decided_at", "decided_by"])
    _record(approval, what, by=by, note=note)
    return approval


def _record(approval: Approval, what: str, *, by: str, note: str = "") -> None:
    data = {"version": approval.version.number, "note": note}
    target, name = f"email:{approval.email_id}", approval.email.name
    audit.record(approval.account_id, what, by=by, target=target, name=name, data=data)
