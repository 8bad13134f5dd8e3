"""The one writer of warnings that a member lets pass: who, why, when; and of taking that back."""

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from config.errors import PostinoError, Refusal
from transactional.compose.document import checks
from transactional.models import DismissedProblem, Email

WHY = 500  # characters of a reason


def dismiss(email: Email, *, code: str, block: str, why: str, by: str) -> DismissedProblem:
    """Let a warning or an advice pass, with a reason. Raises PostinoError in words to show.

    What stops publishing cannot be dismissed, nor can what the draft does not have.
    """
    why = " ".join("".join(c for c in why if c.isprintable() or c.isspace()).split())[:WHY]
    if not why:
        raise _refused("REASON", _("Write why it may pass: others will read it."))
    found = [one for one in checks.run(email) if one.code == code and (one.block or "") == block]
    if not found:
        raise _refused("GONE", _("This is not wrong any more."))
    if found[0].level == "block":
        raise _refused("STOPS", _("This stops publishing: it cannot be let pass."))
    try:
        with transaction.atomic():
            return DismissedProblem.objects.create(
                account_id=email.account_id, email=email, code=code, block=block,
                message=found[0].message[:500], why=why, by=by,
            )  # fmt: skip
    except IntegrityError as err:
        raise _refused("TWICE", _("Somebody has let it pass already.")) from err


def withdraw(email: Email, dismissed_id: int) -> None:
    """Show it again. Raises PostinoError where it is not dismissed."""
    rows = DismissedProblem.objects.of(email.account_id).filter(email=email, pk=dismissed_id)
    if not rows.filter(withdrawn_at=None).update(withdrawn_at=timezone.now()):
        raise _refused("GONE", _("It is shown already."))


def _refused(code: str, message: str) -> PostinoError:
    return PostinoError(Refusal(f"DISMISS_{code}", message, http=422, pointer="why"))
